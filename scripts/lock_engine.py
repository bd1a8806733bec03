# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the locks of the engine's environment from the ranges in pyproject.toml.

    python3 scripts/lock_engine.py [--only linux-x86_64-cp311-cpu] [--upgrade] [--find-links DIR]

For each system, Python and build of torch it resolves the extra "engine" to one exact wheel per package, with its
hash and size, and writes sd_blender/worker/environment/lock_files/*.json. Needs `uv` on PATH (pip install uv) and PyPI.
Builds of torch that PyPI does not have come from the vendor's index with the hashes of _vendor_wheels.py, which are
checked against the index where it can be reached. What cannot be resolved is left as it is, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from http.client import HTTPResponse
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from _vendor_wheels import INDEX, NoWheel, growth_of, sha256_of, size_of, url_of

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sd_blender.worker.environment.locks import LOCK_FILES, Lock, Wheel, read_locks  # noqa: E402

LINUX, LINUX_ARM, WINDOWS, MACOS = "linux-x86_64", "linux-arm64", "windows-x86_64", "macos-arm64"
UV_PLATFORMS = {
    LINUX: "x86_64-manylinux_2_28",
    LINUX_ARM: "aarch64-manylinux_2_28",
    WINDOWS: "x86_64-pc-windows-msvc",
    MACOS: "aarch64-apple-darwin",
}
PYTHONS = ("3.11", "3.13", "3.14")
"""Of Blender 4.2 to 5.0, of 5.1 and 5.2, and of 5.2 as distributions build it."""

ENVIRONMENT = 30_000_000
"""Bytes of an environment with nothing in it but pip."""

BYTE_CODE = 1.3
"""Bytes of byte code for each byte of Python, measured on the processor build for Linux."""


BYTE_CODE_NAME = len("__pycache__/.cpython-311c")
"""Characters that the path of a module's byte code is longer than the module's."""


class CannotLock(Exception):
    """A target has no wheels; the text says why."""


@dataclass(frozen=True)
class Build:
    """A build of torch: for which systems it is, the release of CUDA, and the cards that it has code for.

    cards: as get_arch_list() of the wheel has them; a card runs the code of an older one of its own generation. folder:
    of the vendor's index, "" for a build that PyPI has.
    """

    system: str
    variant: str
    torch: str
    cuda: str = ""
    cards: tuple[str, ...] = ()
    folder: str = ""
    pythons: tuple[str, ...] = PYTHONS


TURING_TO_BLACKWELL = ("7.5", "8.0", "8.6", "9.0", "10.0", "12.0")
MAXWELL_TO_HOPPER = ("5.0", "6.0", "7.0", "7.5", "8.0", "8.6", "9.0")

# PyPI serves one build of each release to a system. On Linux that is CUDA 13 today, and was 12.8 with 2.10, which older
# drivers and Volta still need; for the ARM processors 2.10 is the last without CUDA. For Windows it is the processor's.
# macOS keeps 2.11, the last that begins before macOS 14. What is not here, as ROCm, has no hash that could be recorded.
BUILDS = (
    Build(LINUX, "cuda", "2.13.0", "13.0", TURING_TO_BLACKWELL),
    Build(LINUX, "cuda", "2.10.0", "12.8", ("7.0", *TURING_TO_BLACKWELL)),
    Build(LINUX, "cpu", "2.13.0", folder="cpu"),
    Build(LINUX_ARM, "cuda", "2.13.0", "13.0", ("8.0", "9.0", "10.0", "11.0", "12.0")),
    Build(LINUX_ARM, "cpu", "2.10.0"),
    Build(WINDOWS, "cuda", "2.13.0", "13.0", TURING_TO_BLACKWELL, "cu130", ("3.13", "3.14")),
    Build(WINDOWS, "cuda", "2.11.0", "12.8", TURING_TO_BLACKWELL, "cu128", ("3.11",)),
    Build(WINDOWS, "cuda", "2.13.0", "12.6", MAXWELL_TO_HOPPER, "cu126", ("3.11",)),
    Build(WINDOWS, "cpu", "2.13.0"),
    Build(MACOS, "mps", "2.11.0"),
)
VENDOR_PLATFORMS = {LINUX: "manylinux_2_28_x86_64", WINDOWS: "win_amd64"}

OF_CUDA = ("nvidia-", "cuda-", "triton")
"""How the packages begin that only a build for CUDA needs, and on Linux alone."""


@dataclass(frozen=True)
class Target:
    """A build of torch for one Python."""

    build: Build
    python: str

    @property
    def tag(self) -> str:
        return "cp" + self.python.replace(".", "")

    @property
    def file(self) -> str:
        variant = "cu" + self.build.cuda.replace(".", "") if self.build.cuda else self.build.variant
        return f"{self.build.system}-{self.tag}-{variant}.json"


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the locks of the engine's environment.")
    parser.add_argument("--only", action="append", help="a lock by the name of its file, without .json")
    parser.add_argument("--find-links", type=Path, help="folder with wheels of the vendor, to measure them")
    parser.add_argument("--upgrade", action="store_true", help="take newer releases than the locks have now")
    options = parser.parse_args()
    if not (uv := shutil.which("uv")):
        print("This needs uv on PATH; install it with: pip install uv", file=sys.stderr)
        return 2
    failed = 0
    locks = read_locks()
    for target in [Target(build, python) for build in BUILDS for python in build.pythons]:
        if options.only and target.file.removesuffix(".json") not in options.only:
            continue
        try:
            kept = set() if options.upgrade else versions_of(locks, target)
            lock = resolve(uv, target, kept, options.find_links)
        except (CannotLock, NoWheel) as reason:
            print(f"{target.file}: {reason}", file=sys.stderr)
            failed = 1
            continue
        write(LOCK_FILES / target.file, lock)
        print(f"{target.file}: {len(lock.wheels)} wheels, {lock.download / 1e6:.0f} MB", flush=True)
    return failed


def versions_of(locks: list[Lock], target: Target) -> set[str]:
    """The releases that locks for the target's Python have now, and of CUDA's packages those of the same CUDA."""
    pythons = {lock.python for lock in locks}
    nearest = target.python if target.python in pythons else max(pythons, key=lambda p: int(p.split(".")[1]))
    return {
        f"{wheel.name}=={wheel.version}"
        for lock in locks
        for wheel in lock.wheels
        if wheel.name not in ("torch", "setuptools")  # which depend on the release of torch
        and (lock.cuda == target.build.cuda if wheel.name.startswith(OF_CUDA) else lock.python == nearest)
    }


def resolve(uv: str, target: Target, kept: Iterable[str], find_links: Path | None) -> Lock:
    """The lock of a target. Raises CannotLock or NoWheel when the indexes do not have its wheels."""
    build = target.build
    packages = compiled(uv, target, kept)
    if build.folder:
        packages = [p for p in packages if p["name"] != "torch" and not p["name"].startswith(OF_CUDA)]
    wheels = [wheel_of(package) for package in packages]
    sizes = [sizes_of(package["wheels"][0]["url"]) for package in packages]
    if build.folder:
        wheel, size = vendor_wheel(target, find_links)
        wheels.append(wheel)
        sizes.append(size)
    check_build(target, wheels)
    # torch first: where its build cannot be had, pip says so before it has downloaded anything.
    wheels.sort(key=lambda wheel: (wheel.name != "torch", -wheel.size, wheel.name))
    return Lock(
        build.system, target.python, build.variant, ENVIRONMENT + sum(size.unpacked for size in sizes),
        tuple(wheels), build.cuda, build.cards, max(size.longest for size in sizes),
    )  # fmt: skip


def compiled(uv: str, target: Target, kept: Iterable[str]) -> list[dict]:
    """What PyPI has for a target, a package each with its one wheel. Raises CannotLock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = project["dependencies"] + project["optional-dependencies"]["engine"]
    requirements.append(f"torch=={target.build.torch}")
    command = [uv, "pip", "compile", "-", "--quiet", "--no-header", "--only-binary=:all:"]
    command += ["--python-platform", UV_PLATFORMS[target.build.system], "--python-version", target.python]
    with tempfile.TemporaryDirectory() as folder:
        output, constraints = Path(folder, "pylock.toml"), Path(folder, "constraints.txt")
        constraints.write_text("\n".join(kept), encoding="utf-8")
        done = subprocess.run(
            [*command, "--constraint", str(constraints), "--output-file", str(output)],
            input="\n".join(requirements), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise CannotLock(done.stderr.strip())
        return tomllib.loads(output.read_text(encoding="utf-8"))["packages"]


def vendor_wheel(target: Target, find_links: Path | None) -> tuple[Wheel, Sizes]:
    """The wheel of torch that only the vendor's index has. Raises NoWheel."""
    build = target.build
    version = f"{build.torch}+{build.folder}"
    file = f"torch-{version}-{target.tag}-{target.tag}-{VENDOR_PLATFORMS[build.system]}.whl"
    sha256, is_confirmed = sha256_of(build.folder, file)
    if not is_confirmed:
        print(f"{target.file}: the hash of {file} is the recorded one, {INDEX} was not reached", flush=True)
    if find_links and (path := find_links / file).exists():
        sizes = sizes_of(path.resolve().as_uri())
    elif is_confirmed:
        sizes = sizes_of(url_of(build.folder, file))
    else:
        size = size_of(build.folder, file)
        # The names of its files are those of the same release on PyPI.
        longest = max(
            sizes_of(package["wheels"][0]["url"]).longest
            for package in compiled(shutil.which("uv") or "uv", target, ())
            if package["name"] == "torch"
        )
        sizes = Sizes(size, round(size * growth_of(build.folder)), longest)
    index = f"{INDEX}/{build.folder}"
    return Wheel("torch", version, file, sha256, sizes.packed, index), sizes


def wheel_of(package: dict) -> Wheel:
    """The one wheel of a resolved package. Raises CannotLock when there is none."""
    if not package.get("wheels"):
        raise CannotLock(f"{package['name']} {package['version']} has no wheel")
    wheel = package["wheels"][0]
    file = unquote(Path(urlsplit(wheel["url"]).path).name)
    return Wheel(
        package["name"], package["version"], file, wheel["hashes"]["sha256"], sizes_of(wheel["url"]).packed
    )


class Sizes(NamedTuple):
    """Bytes of a wheel, of what it becomes on the disk with its byte code, and characters of its longest path."""

    packed: int
    unpacked: int
    longest: int


@cache
def sizes_of(url: str) -> Sizes:
    """The sizes of a wheel, from the table at its end."""
    parts = urlsplit(url)
    opened = open(unquote(parts.path), "rb") if parts.scheme == "file" else RemoteFile(url)  # noqa: SIM115
    with opened as file, zipfile.ZipFile(file) as wheel:
        files = wheel.infolist()
        python = sum(file.file_size for file in files if file.filename.endswith(".py"))
        unpacked = sum(file.file_size for file in files) + round(python * BYTE_CODE)
        longest = max(
            len(file.filename) + (BYTE_CODE_NAME if file.filename.endswith(".py") else 0) for file in files
        )
        return Sizes(file.seek(0, io.SEEK_END), unpacked, longest)


class RemoteFile(io.RawIOBase):
    """A file on a server, of which only the parts that are read are downloaded."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._at = 0
        with self._open("bytes=0-0") as answer:
            self._size = int(answer.headers["Content-Range"].rpartition("/")[2])

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._at + size, self._size)
        if end <= self._at:
            return b""
        with self._open(f"bytes={self._at}-{end - 1}") as answer:
            data = answer.read()
        self._at += len(data)
        return data

    def _open(self, part: str) -> HTTPResponse:
        return urllib.request.urlopen(urllib.request.Request(self._url, headers={"Range": part}), timeout=60)


def check_build(target: Target, wheels: list[Wheel]) -> None:
    """Refuse a lock whose torch is another build than it is named for. Raises CannotLock."""
    build = target.build
    has_cuda = any(wheel.name.startswith("nvidia-") for wheel in wheels)
    if not build.folder and has_cuda != (build.variant == "cuda"):
        raise CannotLock(f"PyPI serves another build of torch {build.torch} than {build.variant}")


def write(path: Path, lock: Lock) -> None:
    """One wheel on each line, so that a change of one shows as one line."""
    values = asdict(lock)
    wheels = values.pop("wheels")
    head = json.dumps({key: value for key, value in values.items() if value})[1:-1]
    lines = ",\n".join(
        "  " + json.dumps({key: value for key, value in wheel.items() if value}) for wheel in wheels
    )
    temporary = path.with_suffix(".part")
    temporary.write_text(f'{{{head}, "wheels": [\n{lines}\n]}}\n', encoding="utf-8")
    os.replace(temporary, path)


if __name__ == "__main__":
    sys.exit(main())
