# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python runs the engine for some preferences, and what is to be said of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import bpy

from ...core.errors import SDBlenderError
from ...core.sentence import Sentence
from ...worker.environment import current_python, find
from ...worker.environment.variants import LABELS
from ...worker.user_folder import user_folder
from ..preferences import ADD_ON, Preferences

PYTHON_VARIABLE = "SD_BLENDER_PYTHON"


def resolve_engine_python(preferences: Preferences) -> Path | None:
    """The Python that the engine is to run in, None when none is installed; some looks at the disk, no process.

    In this order: the one of the preferences, that of $SD_BLENDER_PYTHON, the installed one. The first two are
    taken as they are: what is wrong with them is found when they are started.
    """
    return named_python(preferences) or current_python(place_of_engine(preferences))


def place_of_engine(preferences: Preferences) -> Path:
    """The folder that has an engine: where one would be installed, or one of before whose engine was not moved yet."""
    folder = engine_folder(preferences)
    if find.current(folder) is not None:
        return folder
    return next((old for old in former_folders(preferences) if find.current(old) is not None), folder)


def named_python(preferences: Preferences) -> Path | None:
    """The Python that the user names instead of an installed one."""
    named = preferences.engine_python or os.environ.get(PYTHON_VARIABLE, "")
    return Path(named) if named else None


def engine_folder(preferences: Preferences) -> Path:
    """The folder that holds the environments of the engine, for all versions of Blender; not made by looking at it."""
    if preferences.engine_folder:
        return Path(preferences.engine_folder)
    return _own_folders()[0] if _is_kept_apart() else user_folder()


def former_folders(preferences: Preferences) -> tuple[Path, ...]:
    """Where earlier releases installed the engine: in a folder of each version of Blender, the newest first."""
    return () if preferences.engine_folder or _is_kept_apart() else _former_folders()


@cache
def _former_folders() -> tuple[Path, ...]:
    resources = Path(bpy.utils.resource_path("USER"))
    own = _own_folders()
    below = [path.relative_to(resources) for path in own if path.is_relative_to(resources)]
    versions = sorted(resources.parent.glob("[0-9]*.[0-9]*"), key=_numbers, reverse=True)
    return tuple(dict.fromkeys([*own, *(version / path for version in versions for path in below)]))


def _own_folders() -> list[Path]:
    """The places in this Blender's own resources: of the extension, and of sd_blender as a plain package."""
    plain = Path(bpy.utils.resource_path("USER")) / "sd_blender" / "engine"
    try:
        return [Path(bpy.utils.extension_path_user(ADD_ON, path="engine")), plain]
    except ValueError:
        return [plain]


def _is_kept_apart() -> bool:
    """Whether the user keeps this Blender's files together: by the variable for that, or in a portable folder."""
    resources = Path(bpy.utils.resource_path("USER"))
    binary = bpy.app.binary_path
    return "BLENDER_USER_RESOURCES" in os.environ or (
        bool(binary) and resources.is_relative_to(Path(binary).parent)
    )


def _numbers(version: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in version.name.split(".") if number.isdecimal())


@dataclass(frozen=True)
class Look:
    """What there is, and what can be installed, for some preferences.

    summary: one line on the engine; ready: whether there is one that works as far as known. offer: what Install would
    download, "" when nothing is to be installed; refusal: why nothing can be, "" otherwise. note: why the offer is not
    what the machine could do, or "". broken: whether there is an engine that Repair would mend. is_own: it is a Python
    that the user named, which is not ours to repair.
    """

    summary: str = "Looking for the engine..."
    ready: bool = False
    offer: str = ""
    refusal: str = ""
    note: str = ""
    broken: bool = False
    is_own: bool = False


def look_at(
    folder: Path, named: Path | None, build: str, is_cancelled: Callable[[], bool] = lambda: False
) -> Look:
    """What is installed in a folder, or how a Python that the user named does, and what Install would do."""
    from ...worker.environment import (
        health as health_check,  # late, as is the plan: Blender starts without them
    )
    from ...worker.environment import plan as planning

    if named is not None:
        health = health_check.check(named, is_cancelled=is_cancelled)
        pattern = "Ready: your own Python with {summary}" if health.is_good else "Own Python: {summary}"
        return Look(Sentence(pattern, summary=health.summary), health.is_good, is_own=True)
    offer = refusal = note = ""
    try:
        plan = planning.make_plan(folder, build)
    except SDBlenderError as error:
        refusal = str(error)
    else:
        offer, note = plan.offer, plan.note
    current = find.current(folder)
    if current is not None and (record := find.read_record(current)) is not None:
        is_newest = not refusal and record.name == plan.lock.name
        return Look(
            Sentence("Ready: the engine for {labels} is installed", labels=LABELS[record.variant]),
            True,
            "" if is_newest else offer,
            refusal,
            note,
        )
    if (home := broken_home(folder)) is not None:
        is_mended = not refusal and (installed := find.named(folder)) and installed.name == plan.lock.name
        return Look(Sentence(BROKEN, home=home), False, "" if is_mended else offer, refusal, note, True)
    return Look(NOT_NEEDED, False, offer, refusal, note)


NOT_NEEDED = (
    "The starter model needs no engine; one brings other models, LoRAs, training and the graphics card."
)
BROKEN = "The engine needs the Python in {home}, which is gone; press Repair Engine."


def broken_home(folder: Path) -> str | None:
    """The folder of the Python that the engine of a folder was made with and that is gone; None for any other state."""
    environment = find.named(folder)
    if environment is None or find.read_record(environment) is None:
        return None
    return find.lost_home(environment) or None
