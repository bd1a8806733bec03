# SPDX-License-Identifier: GPL-3.0-or-later
"""The builds of torch that PyPI does not have and the vendor's own index does: their hashes, and where they lie.

The hashes below are the vendor's, as public lock files quote them; ``sha256_of`` asks the index itself where it can be
reached, and takes no file whose hash has changed. A build that is in neither place gets no lock.
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from functools import cache
from urllib.parse import quote

INDEX = "https://download.pytorch.org/whl"

# File, SHA-256, and bytes where they are published with it.
WHEELS = {
    "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl": (
        "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",
        191_794_682,
    ),
    "torch-2.13.0+cpu-cp313-cp313-manylinux_2_28_x86_64.whl": (
        "3fbf9c9d1f3c10c2d59d04aca426dee9ccc6ceb32d255c61e93acc3b4f75fae6",
        None,
    ),
    "torch-2.13.0+cpu-cp314-cp314-manylinux_2_28_x86_64.whl": (
        "d20fa53ee744502fa4c69818a720b05ca0d37abd055d4f6e66cae155114bc691",
        None,
    ),
    "torch-2.11.0+cu128-cp311-cp311-win_amd64.whl": (
        "90ef0c2454e5296a9fb021ddd42252e4ce1abe2c0a4988a173ef90a6cded0bf5",
        2_753_148_611,
    ),
    "torch-2.13.0+cu126-cp311-cp311-win_amd64.whl": (
        "8095729db14e7fd5178a39676fdd679208eff4041407ea34e3d898336c90f5c5",
        2_594_548_547,
    ),
    "torch-2.13.0+cu130-cp313-cp313-win_amd64.whl": (
        "cf23236e9deed7d3510d14d9b9592d75d272ef7b35bbfee31a02bea339c73971",
        None,
    ),
    "torch-2.13.0+cu130-cp314-cp314-win_amd64.whl": (
        "590b2a2b53ef295dcfcd703df17929bd579705bb0e42d9e43c462fe0f0b1e088",
        None,
    ),
}

# Bytes of a file whose size is not published, for the progress bar and the check of the disk: those of the same build
# for another Python, and for CUDA 13 on Windows, which no published size is near to, a figure on the safe side.
TYPICAL = {"cpu": 192_000_000, "cu126": 2_600_000_000, "cu128": 2_800_000_000, "cu130": 2_400_000_000}

# Bytes on the disk for each byte of the wheel: measured on the processor's wheel for Linux and on those of CUDA there.
GROWTH = {"cpu": 4.0, "cu": 1.95}


class NoWheel(Exception):
    """The build has no wheel whose hash is known; the text says so."""


def url_of(folder: str, file: str) -> str:
    """The address of a file on the vendor's index; folder: "cpu", "cu128"."""
    return f"{INDEX}/{folder}/{quote(file)}"


def sha256_of(folder: str, file: str) -> tuple[str, bool]:
    """The hash of a file, and whether the index itself confirmed it. Raises NoWheel."""
    known = WHEELS.get(file, ("", None))[0]
    page = _page(folder)
    if page is None:
        if not known:
            raise NoWheel(f"no hash is known of {file}, and {INDEX} cannot be reached")
        return known, False
    found = re.search(re.escape(quote(file)) + "#sha256=([0-9a-f]{64})", page)
    if not found:
        raise NoWheel(f"{INDEX}/{folder} has no {file}")
    if known and found[1] != known:
        raise NoWheel(f"{file} has the hash {found[1]} on {INDEX}, and {known} was recorded")
    return found[1], True


def size_of(folder: str, file: str) -> int:
    """Bytes of a file, rounded where only its hash is published."""
    return WHEELS.get(file, ("", None))[1] or TYPICAL[folder]


def growth_of(folder: str) -> float:
    """Bytes on the disk for each byte of a wheel of the folder."""
    return GROWTH["cpu" if folder == "cpu" else "cu"]


@cache
def _page(folder: str) -> str | None:
    """The index's list of the builds of torch in a folder; None where it cannot be reached."""
    try:
        with urllib.request.urlopen(f"{INDEX}/{folder}/torch/", timeout=60) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, TimeoutError):
        return None
