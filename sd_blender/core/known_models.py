# SPDX-License-Identifier: GPL-3.0-or-later
"""Models whose weights are known by their SHA-256: a flipped bit is seen, which no format notices.

The sums stand in ``checksums.json`` beside ``model_index.json``: {path of the file, with /, from there: hex digest}. A
model without that file is loaded unverified. Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from .engine_protocol import IsCancelled
from .errors import JobCancelled, ModelRefused
from .json_files import read_json
from .sentence import Sentence

STARTER_FOLDER = Path(__file__).parent.parent / "starter_model"
CHECKSUMS_FILE = "checksums.json"
_CHUNK = 8 * 2**20
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Checksums:
    """Verifies weights, each file once as long as its time and size stay the same."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, int, int], str] = {}

    def verify(self, folder: Path, announce: Callable[[str], None], is_cancelled: IsCancelled) -> None:
        """Raise ModelRefused if a file of the model in ``folder`` has another sum than its ``checksums.json`` says.

        Reads some 1 GB/s at first, which is announced, and nothing the next time. Raises JobCancelled between two
        pieces of a file.
        """
        try:
            self._verify(folder, announce, is_cancelled)
        except ModelRefused as error:
            if folder != STARTER_FOLDER:
                raise
            raise ModelRefused(
                "The starter model is damaged; install the add-on again.", details=error.message
            ) from error

    def _verify(self, folder: Path, announce: Callable[[str], None], is_cancelled: IsCancelled) -> None:
        path = folder / CHECKSUMS_FILE
        if not path.is_file():
            return
        for name, expected in read_json(path).items():
            file = _inside(folder, name)
            if file is None or not isinstance(expected, str) or not _DIGEST.fullmatch(expected):
                raise ModelRefused(
                    Sentence(
                        "{path} has an entry that is no checksum of a file; download the model again.",
                        path=path,
                    )
                )
            if not file.is_file():
                raise ModelRefused(Sentence("{file} is missing; download the model again.", file=file))
            if self._sum(file, announce, is_cancelled) != expected:
                raise ModelRefused(
                    Sentence(
                        "{file} is damaged (its checksum is not the one in {checksums_file}); delete it and "
                        "download it again.",
                        file=file,
                        checksums_file=CHECKSUMS_FILE,
                    )
                )

    def _sum(self, file: Path, announce: Callable[[str], None], is_cancelled: IsCancelled) -> str:
        stat = file.stat()
        key = (str(file), stat.st_size, stat.st_mtime_ns)
        if key not in self._sums:
            announce(Sentence("Checking {name}/{name2}", name=file.parent.name, name2=file.name))
            self._sums[key] = sha256(file, is_cancelled)
        return self._sums[key]


def write_checksums(folder: Path) -> None:
    """Write ``checksums.json`` for the weights of the model in ``folder``."""
    files = sorted(folder.glob("*/*.safetensors"))
    sums = {file.relative_to(folder).as_posix(): sha256(file, lambda: False) for file in files}
    part = folder / f"{CHECKSUMS_FILE}.part"
    part.write_text(json.dumps(sums, indent=2) + "\n", encoding="utf-8")
    os.replace(part, folder / CHECKSUMS_FILE)


def sha256(file: Path, is_cancelled: Callable[[], bool]) -> str:
    """The hex digest of a file's content."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            if is_cancelled():
                raise JobCancelled
            digest.update(piece)
    return digest.hexdigest()


def _inside(folder: Path, name: str) -> Path | None:
    """The file called ``name`` in ``folder``, or None for a name that leads out of it."""
    parts = name.split("/")
    if not all(parts) or {".", ".."} & set(parts) or "\\" in name or ":" in name or "\0" in name:
        return None
    return folder.joinpath(*parts)
