# SPDX-License-Identifier: GPL-3.0-or-later
"""The locks: for a system, a Python and a build of torch, the exact wheels of the engine with hashes and sizes.

They are written by ``scripts/lock_engine.py``. pip accepts a wheel only when its SHA-256 is the one in the lock, so it
does not matter where it comes from: the index, a mirror of a studio, a folder.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

LOCK_FILES = Path(__file__).parent / "lock_files"


@dataclass(frozen=True)
class Wheel:
    """One file of a lock.

    size: bytes, rounded where the vendor publishes the hash alone; nothing is compared with it. index: the address of
    the index that has the file where PyPI has none, as with most builds of torch; "" for PyPI.
    """

    name: str
    version: str
    file: str
    sha256: str
    size: int
    index: str = ""

    @property
    def requirement(self) -> str:
        """The line of a requirements file that admits this wheel and no other: == would take 2.13.0+cpu for 2.13.0."""
        return f"{self.name}==={self.version} --hash=sha256:{self.sha256}"


@dataclass(frozen=True)
class Lock:
    """What one environment is made of. system: "linux-x86_64", "windows-x86_64", "macos-arm64"; python: "3.11".

    unpacked: bytes of the installed environment, as measured or estimated when the lock was made. cuda: the release of
    CUDA that torch was built with, "12.8", or "". cards: the compute capabilities that it has code for, "8.6", as
    ``torch.cuda.get_arch_list`` names them. longest: characters of the longest path below site-packages.
    """

    system: str
    python: str
    variant: str
    unpacked: int
    wheels: tuple[Wheel, ...]
    cuda: str = ""
    cards: tuple[str, ...] = ()
    longest: int = 0

    @property
    def download(self) -> int:
        """Bytes of all wheels."""
        return sum(wheel.size for wheel in self.wheels)

    @cached_property
    def name(self) -> str:
        """The name of the environment's folder: another set of wheels gets another name."""
        content = [self.system, self.python, self.variant, *(wheel.requirement for wheel in self.wheels)]
        return "engine-" + hashlib.sha256("\n".join(content).encode()).hexdigest()[:12]

    def version_of(self, package: str) -> str:
        return next(wheel.version for wheel in self.wheels if wheel.name == package)


def read_lock(path: Path) -> Lock:
    values = json.loads(path.read_text(encoding="utf-8"))
    wheels = tuple(Wheel(**wheel) for wheel in values.pop("wheels"))
    return Lock(**values | {"wheels": wheels, "cards": tuple(values.get("cards", ()))})


def read_locks(folder: Path = LOCK_FILES) -> list[Lock]:
    """All locks, those for the newest Python first, and of one Python those of the newest CUDA."""
    locks = [read_lock(path) for path in folder.glob("*.json")]
    return sorted(locks, key=lambda lock: (_numbers(lock.python), _numbers(lock.cuda)), reverse=True)


def system_name(system: str, processor: str) -> str:
    """A system (as sys.platform) and processor (as platform.machine()), as locks spell them."""
    names = {"linux": "linux", "win32": "windows", "darwin": "macos"}
    processors = {"amd64": "x86_64", "aarch64": "arm64"}
    return f"{names.get(system, system)}-{processors.get(processor.lower(), processor.lower())}"


def this_system() -> str:
    """The name of this machine's system and processor, as locks spell it."""
    return system_name(sys.platform, platform.machine())


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split(".") if number)
