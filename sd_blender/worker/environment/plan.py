# SPDX-License-Identifier: GPL-3.0-or-later
"""What an installation would do, decided and checked before a byte is downloaded."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...core.errors import EngineUnavailable
from ...core.sentence import Sentence
from . import find, pythons
from .cards import OWN_PYTHON, old_driver, usable
from .locks import Lock, read_locks
from .variants import LABELS, Machine, choose

RESERVE = 1.1
"""Space that is asked for, against what the files are known to take."""

LONGEST_PATH = 259
"""Characters of a path that Windows admits unless its switch for long ones is on."""


@dataclass(frozen=True)
class Plan:
    """One installation: the lock, the Python that makes the environment, and the folder that it goes to.

    note: why it is not what the machine could do, a sentence, or "".
    """

    lock: Lock
    python: Path
    folder: Path
    note: str = ""

    @property
    def needed(self) -> int:
        """Bytes that the disk must have: the wheels, what they unpack to, and a reserve."""
        return round((self.lock.download + self.lock.unpacked) * RESERVE)

    @property
    def summary(self) -> str:
        """What will be downloaded, in words: "torch 2.13.0 for CUDA, 2.8 GB to download, 10.7 GB on the disk"."""
        return Sentence(
            "torch {split} for {labels}, {size_text} to download, {size_text2} on the disk",
            split=self.lock.version_of("torch").split("+")[0],
            labels=LABELS[self.lock.variant],
            size_text=size_text(self.lock.download),
            size_text2=size_text(self.lock.unpacked),
        )

    @property
    def offer(self) -> str:
        """What that costs, for whom the names of packages say nothing: "One download: 2.8 GB, 10.7 GB on disk"."""
        return Sentence(
            "One download: {size_text}, {size_text2} on disk",
            size_text=size_text(self.lock.download),
            size_text2=size_text(self.lock.unpacked),
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

    variant: "cuda", "rocm", "mps", "cpu", or "auto" for the one that suits the machine: the processor's where the
    machine has a card that no build can use, which the plan's note then says.
    """
    machine = machine or Machine()
    wanted = choose(machine) if variant == "auto" else variant
    of_system = [lock for lock in (read_locks() if locks is None else locks) if lock.system == machine.name]
    offers = [lock for lock in of_system if lock.variant == wanted]
    if not offers:
        raise EngineUnavailable(_no_build(wanted, machine.name))
    cards = machine.cards() if wanted == "cuda" else ()
    fitting, reason = usable(offers, cards)
    plan = _with_python(fitting, folder, own_python)
    if plan is None:
        reason = reason or old_driver(_with_a_python_here(offers, own_python), cards) or _no_python(fitting)
        if variant == "auto" and wanted == "cuda":
            plan = _with_python((lock for lock in of_system if lock.variant == "cpu"), folder, own_python)
        if plan is None:
            raise EngineUnavailable(reason)
        plan = replace(plan, note=Sentence("{reason} Until then the processor is used.", reason=reason))
    check_paths(plan, machine)
    return plan


def _with_python(locks: Iterable[Lock], folder: Path, own_python: str) -> Plan | None:
    """The first of the locks that this machine has a Python for, but before all the installed one; None without any.

    An environment that Blender made with another Python serves this one as well: the engine is a process of its own.
    """
    by_version: dict[str, list[Lock]] = {}
    for lock in locks:
        by_version.setdefault(lock.python, []).append(lock)
    installed = find.named(folder)
    for lock in (lock for some in by_version.values() for lock in some):
        if installed == folder / lock.name and find.read_record(installed) is not None:
            if base := find.base_python(installed):
                return Plan(lock, base, folder)
            if found := pythons.find([lock.python], own_python):  # it can be mended without a download
                return Plan(lock, found[0], folder)
    if (found := pythons.find(list(by_version), own_python)) is None:
        return None
    python, version = found
    return Plan(by_version[version][0], python, folder)


def _with_a_python_here(locks: Sequence[Lock], own_python: str) -> list[Lock]:
    """The locks whose Python this machine has."""
    here = {version for version in {lock.python for lock in locks} if pythons.find([version], own_python)}
    return [lock for lock in locks if lock.python in here]


def _no_build(variant: str, system: str) -> str:
    if system == "macos-x86_64":
        return Sentence(
            "Macs with an Intel processor have no build of torch any more; use another computer, or "
            "{own_python}.",
            own_python=OWN_PYTHON,
        )
    return Sentence(
        "No tested build of torch for {labels} on {system} can be installed from here; "
        "{own_python}, or choose another build.",
        labels=LABELS[variant],
        system=system,
        own_python=OWN_PYTHON,
    )


def _no_python(locks: Sequence[Lock]) -> str:
    versions = " or ".join(dict.fromkeys(lock.python for lock in locks))
    if locks[0].variant == "cuda":
        return Sentence(
            "A build of torch for this graphics card needs Python {versions}, which is not on this "
            "machine; install it with its venv module and put it on PATH, then install again, or "
            "{own_python}.",
            versions=versions,
            own_python=OWN_PYTHON,
        )
    return Sentence(
        "The engine needs Python {versions}, which is not on this machine; install it with its "
        "venv module and put it on PATH, or {own_python}.",
        versions=versions,
        own_python=OWN_PYTHON,
    )


def check_paths(plan: Plan, machine: Machine) -> None:
    """Raises EngineUnavailable when files of the engine would have longer paths than Windows admits."""
    if machine.system != "win32" or machine.has_long_paths():
        return
    environment = plan.folder / (plan.lock.name + find.PARTIAL) / "Lib" / "site-packages"
    too_many = len(str(environment)) + 1 + plan.lock.longest - LONGEST_PATH
    if too_many > 0:
        raise EngineUnavailable(
            Sentence(
                "Paths of the engine would be {too_many} characters longer than Windows admits in "
                "{folder}; choose a shorter engine folder, such as C:\\SDB.",
                too_many=too_many,
                folder=plan.folder,
            )
        )


def check_space(plan: Plan, already_there: int = 0) -> None:
    """Raises EngineUnavailable when the disk has too little space; ``already_there``: bytes of wheels kept before."""
    needed = plan.needed - already_there
    free = shutil.disk_usage(_existing(plan.folder)).free
    if free < needed:
        raise EngineUnavailable(
            Sentence(
                "The engine needs {size_text} in {folder} and {size_text2} are free; free some space, or "
                "choose another engine folder.",
                size_text=size_text(needed),
                folder=plan.folder,
                size_text2=size_text(free),
            )
        )


def size_text(size: int) -> str:
    """Bytes for people: "298 MB", "2.8 GB"."""
    return f"{size / 1e9:.1f} GB" if size >= 999_500_000 else f"{size / 1e6:.0f} MB"


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next((path for path in (folder, *folder.parents) if path.exists()), folder)
