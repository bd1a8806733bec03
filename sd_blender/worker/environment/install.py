# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs the engine: one call, from an empty folder to an environment that works and is the current one.

What holds at any moment, and after a kill at any moment: the pointer leads to an environment whose import was tried,
or there is none; the one that was current stays so until the new one works, and is kept after that as the one before.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from ...core.errors import EngineUnavailable
from ...core.sentence import Sentence
from .build import Build, Source, remove
from .find import NAME, PARTIAL, current, environments, is_complete, python_of, set_current
from .mend import mend
from .owner import owned
from .plan import Plan
from .processes import InstallCancelled
from .progress import Phase, Progress, Report

DISCARDED = ".removed"
RENAME_TRIES = 20  # a virus scanner on Windows may hold a file of the folder for some seconds


def install(
    plan: Plan,
    source: Source,
    report: Report = lambda progress: None,
    is_cancelled: Callable[[], bool] = lambda: False,
    *,
    repair: bool = False,
) -> Path:
    """The Python of the installed engine; where the environment of the plan is complete, that takes milliseconds.

    report and is_cancelled are called some times a second on this thread. repair: build even what seems complete.
    Raises EngineUnavailable with one sentence, or InstallCancelled; the engine that was there before still is.
    """

    def on_wait(owner: int) -> None:
        who = Sentence("process {owner}", owner=owner) if owner else "another process"
        report(
            Progress(
                Phase.WAIT, Sentence("Waiting for another Blender that installs the engine ({who})", who=who)
            )
        )
        if is_cancelled():
            raise InstallCancelled

    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
        with owned(plan.folder, on_wait):
            before = current(plan.folder)
            target = plan.folder / plan.lock.name
            is_whole = is_complete(target) and not repair
            if not is_whole and not mend(plan, target, report, is_cancelled):
                build = Build(plan, source, report, is_cancelled)
                build.run()
                report(Progress(Phase.PUBLISH, "Finishing"))
                _publish(build.partial, target)
            set_current(plan.folder, target.name)
            _retire(plan.folder, keep={target, before})
    except OSError as error:
        raise EngineUnavailable(
            Sentence(
                "The engine cannot be installed in {folder} ({strerror}); choose another engine folder.",
                folder=plan.folder,
                strerror=error.strerror or error,
            ),
            details=repr(error),
        ) from error
    return python_of(target)


def _publish(partial: Path, target: Path) -> None:
    """Give a finished environment its name; one that has it and is broken goes aside first."""
    if target.exists():
        _discard(target)
    for attempt in range(RENAME_TRIES):
        try:
            os.rename(partial, target)
            return
        except PermissionError:
            if attempt == RENAME_TRIES - 1:
                raise
            time.sleep(0.25)


def _retire(folder: Path, keep: set[Path | None]) -> None:
    """Remove what is neither current nor was so before this installation, and what was left half built or removed.

    An installation that changed nothing keeps the newest of the others, for it may have been the one before.
    """
    spare = [path for path in environments(folder) if path not in keep]
    if len(keep - {None}) < 2:
        spare = spare[1:]
    for path in spare:
        _discard(path)
    for path in folder.glob("engine-*"):
        stem = path.name.removesuffix(PARTIAL).removesuffix(DISCARDED)
        if stem != path.name and NAME.fullmatch(stem[:19]):
            remove(path)


def _discard(environment: Path) -> None:
    """Take an environment's name away before its files, so that no half of one is ever taken for whole."""
    aside = environment.with_name(f"{environment.name}.{time.monotonic_ns()}{DISCARDED}")
    try:
        os.rename(environment, aside)
    except OSError:  # in use on Windows; the next installation tries again
        return
    remove(aside)
