# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the locks of the engine's environment from the ranges in pyproject.toml.

    python3 scripts/lock_engine.py [--only linux-x86_64-cp311-cpu] [--find-links DIR]

For each system, Python and build of torch it resolves the extra "engine" to one exact wheel per package, with its
hash and size, and writes sd_blender/worker/environment/lock_files/*.json. Needs `uv` on PATH (pip install uv) and the
package index. Builds of torch that the index does not have, such as the processor's for Linux, come from --find-links;
what cannot be resolved is left as it is, and the exit code is 1.
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
from dataclasses import asdict, dataclass
from functools import cache
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sd_blender.worker.environment.locks import LOCK_FILES, Lock, Wheel  # noqa: E402

LINUX, WINDOWS, MACOS = "linux-x86_64", "windows-x86_64", "macos-arm64"
UV_PLATFORMS = {
    LINUX: "x86_64-manylinux_2_28",
    WINDOWS: "x86_64-pc-windows-msvc",
    MACOS: "aarch64-apple-darwin",
}
# The build of torch that the index serves to each system; "cpu" on Linux has to be given with --find-links.
TARGETS = [(LINUX, "cuda"), (LINUX, "cpu"), (WINDOWS, "cpu"), (MACOS, "mps")]
PYTHONS = ("3.11", "3.13")

ENVIRONMENT = 30_000_000
"""Bytes of an environment with nothing in it but pip."""

BYTE_CODE = 1.3
"""Bytes of byte code for each byte of Python, measured on the processor build for Linux."""


class CannotLock(Exception):
    """A target has no wheels; the text says why."""


@dataclass(frozen=True)
class Target:
    system: str
    python: str
    variant: str

    @property
    def file(self) -> str:
        return f"{self.system}-cp{self.python.replace('.', '')}-{self.variant}.json"


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the locks of the engine's environment.")
    parser.add_argument("--only", action="append", help="a lock by the name of its file, without .json")
    parser.add_argument("--find-links", type=Path, help="folder with wheels that the index does not have")
    options = parser.parse_args()
    if not (uv := shutil.which("uv")):
        print("This needs uv on PATH; install it with: pip install uv", file=sys.stderr)
        return 2
    failed = 0
    for target in [Target(s, p, v) for s, v in TARGETS for p in PYTHONS]:
        if options.only and target.file.removesuffix(".json") not in options.only:
            continue
        try:
            lock = resolve(uv, target, options.find_links)
        except CannotLock as reason:
            print(f"{target.file}: {reason}", file=sys.stderr)
            failed = 1
            continue
        write(LOCK_FILES / target.file, lock)
        print(f"{target.file}: {len(lock.wheels)} wheels, {lock.download / 1e6:.0f} MB", flush=True)
    return failed


def resolve(uv: str, target: Target, find_links: Path | None) -> Lock:
    """The lock of a target. Raises CannotLock when the index and the folder do not have its wheels."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = project["dependencies"] + project["optional-dependencies"]["engine"]
    command = [uv, "pip", "compile", "-", "--quiet", "--no-header", "--only-binary=:all:"]
    command += ["--python-platform", UV_PLATFORMS[target.system], "--python-version", target.python]
    if target.system == LINUX and target.variant == "cpu" and find_links:
        command += ["--find-links", str(find_links)]
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "pylock.toml")
        done = subprocess.run(
            [*command, "--output-file", str(output)],
            input="\n".join(requirements), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise CannotLock(done.stderr.strip())
        packages = tomllib.loads(output.read_text(encoding="utf-8"))["packages"]
    wheels = [wheel_of(package) for package in packages]
    check_build(target, wheels)
    # torch first: where its build cannot be had, pip says so before it has downloaded anything.
    wheels.sort(key=lambda wheel: (wheel.name != "torch", -wheel.size, wheel.name))
    unpacked = ENVIRONMENT + sum(sizes_of(package["wheels"][0]["url"])[1] for package in packages)
    return Lock(target.system, target.python, target.variant, unpacked, tuple(wheels))


def wheel_of(package: dict) -> Wheel:
    """The one wheel of a resolved package. Raises CannotLock when there is none."""
    if not package.get("wheels"):
        raise CannotLock(f"{package['name']} {package['version']} has no wheel")
    wheel = package["wheels"][0]
    file = unquote(Path(urlsplit(wheel["url"]).path).name)
    return Wheel(
        package["name"], package["version"], file, wheel["hashes"]["sha256"], sizes_of(wheel["url"])[0]
    )


@cache
def sizes_of(url: str) -> tuple[int, int]:
    """Bytes of a wheel, and of what it becomes on the disk with its byte code, from the table at its end."""
    parts = urlsplit(url)
    opened = open(unquote(parts.path), "rb") if parts.scheme == "file" else RemoteFile(url)  # noqa: SIM115
    with opened as file, zipfile.ZipFile(file) as wheel:
        files = wheel.infolist()
        python = sum(file.file_size for file in files if file.filename.endswith(".py"))
        unpacked = sum(file.file_size for file in files) + round(python * BYTE_CODE)
        return file.seek(0, io.SEEK_END), unpacked


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
    has_cuda = any(wheel.name.startswith("nvidia-") for wheel in wheels)
    if has_cuda != (target.variant == "cuda"):
        raise CannotLock(f"the index serves another build of torch than {target.variant}; give --find-links")


def write(path: Path, lock: Lock) -> None:
    """One wheel on each line, so that a change of one shows as one line."""
    values = asdict(lock)
    wheels = values.pop("wheels")
    head = json.dumps(values)[1:-1]
    lines = ",\n".join("  " + json.dumps(wheel) for wheel in wheels)
    temporary = path.with_suffix(".part")
    temporary.write_text(f'{{{head}, "wheels": [\n{lines}\n]}}\n', encoding="utf-8")
    os.replace(temporary, path)


if __name__ == "__main__":
    sys.exit(main())
