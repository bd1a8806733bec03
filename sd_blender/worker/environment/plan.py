# SPDX-License-Identifier: GPL-3.0-or-later
"""What an installation would do, decided and checked before a byte is downloaded."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import EngineUnavailable
from . import pythons
from .locks import Lock, read_locks, this_system
from .variants import LABELS, Machine, choose

RESERVE = 1.1
"""Space that is asked for, against what the files are known to take."""

OWN_PYTHON = "name a Python that has torch and diffusers under Own Python"


@dataclass(frozen=True)
class Plan:
    """One installation: the lock, the Python that makes the environment, and the folder that it goes to."""

    lock: Lock
    python: Path
    folder: Path

    @property
    def needed(self) -> int:
        """Bytes that the disk must have: the wheels, what they unpack to, and a reserve."""
        return round((self.lock.download + self.lock.unpacked) * RESERVE)

    @property
    def summary(self) -> str:
        """What will be downloaded, in words: "torch 2.13.0 for CUDA, 2.8 GB to download, 10.7 GB on the disk"."""
        return (
            f"torch {self.lock.version_of('torch').split('+')[0]} for {LABELS[self.lock.variant]}, "
            f"{size_text(self.lock.download)} to download, {size_text(self.lock.unpacked)} on the disk"
        )


def make_plan(
    folder: Path,
    variant: str = "auto",
    *,
    machine: Machine | None = None,
    locks: Sequence[Lock] | None = None,
    own_python: str = sys.executable,
) -> Plan:
    """Decide what to install in ``folder``. Raises EngineUnavailable, with what to do instead, when nothing fits.

    variant: "cuda", "rocm", "mps", "cpu", or "auto" for the one that suits the machine.
    """
    system = this_system()
    chosen = choose(machine) if variant == "auto" else variant
    fitting = [
        lock
        for lock in (read_locks() if locks is None else locks)
        if (lock.system, lock.variant) == (system, chosen)
    ]
    if not fitting:
        raise EngineUnavailable(
            f"No tested build of torch for {LABELS[chosen]} on {system} can be installed from here; "
            f"{OWN_PYTHON}, or choose another build."
        )
    versions = [lock.python for lock in fitting]
    found = pythons.find(versions, own_python)
    if found is None:
        raise EngineUnavailable(
            f"The engine needs Python {' or '.join(versions)}, which is not on this machine; install it with its "
            f"venv module and put it on PATH, or {OWN_PYTHON}."
        )
    python, version = found
    return Plan(next(lock for lock in fitting if lock.python == version), python, folder)


def check_space(plan: Plan, already_there: int = 0) -> None:
    """Raises EngineUnavailable when the disk has too little space; ``already_there``: bytes of wheels kept before."""
    needed = plan.needed - already_there
    free = shutil.disk_usage(_existing(plan.folder)).free
    if free < needed:
        raise EngineUnavailable(
            f"The engine needs {size_text(needed)} in {plan.folder} and {size_text(free)} are free; "
            "free some space, or choose another engine folder."
        )


def size_text(size: int) -> str:
    """Bytes for people: "298 MB", "2.8 GB"."""
    return f"{size / 1e9:.1f} GB" if size >= 999_500_000 else f"{size / 1e6:.0f} MB"


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next((path for path in (folder, *folder.parents) if path.exists()), folder)
