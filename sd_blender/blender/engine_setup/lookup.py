# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python runs the engine for some preferences, and what is to be said of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...core.errors import SDBlenderError
from ...worker.environment import current_python, find
from ..preferences import ADD_ON, Preferences

PYTHON_VARIABLE = "SD_BLENDER_PYTHON"


def resolve_engine_python(preferences: Preferences) -> Path | None:
    """The Python that the engine is to run in, None when none is installed; some looks at the disk, no process.

    In this order: the one of the preferences, that of $SD_BLENDER_PYTHON, the installed one. The first two are
    taken as they are: what is wrong with them is found when they are started.
    """
    return named_python(preferences) or current_python(engine_folder(preferences))


def named_python(preferences: Preferences) -> Path | None:
    """The Python that the user names instead of an installed one."""
    named = preferences.engine_python or os.environ.get(PYTHON_VARIABLE, "")
    return Path(named) if named else None


def engine_folder(preferences: Preferences) -> Path:
    """The folder that holds the environments of the engine; not made by looking at it."""
    if preferences.engine_folder:
        return Path(preferences.engine_folder)
    try:
        return Path(bpy.utils.extension_path_user(ADD_ON, path="engine"))
    except ValueError:  # not an extension: sd_blender imported as a plain package
        return Path(bpy.utils.resource_path("USER")) / "sd_blender" / "engine"


@dataclass(frozen=True)
class Look:
    """What there is, and what can be installed, for some preferences.

    summary: one line on the engine; ready: whether there is one that works as far as known. offer: what Install would
    download, "" when nothing is to be installed; refusal: why nothing can be, "" otherwise.
    """

    summary: str = "Looking for the engine..."
    ready: bool = False
    offer: str = ""
    refusal: str = ""


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
        return Look(f"Own Python: {health.summary}", health.is_good)
    current = find.current(folder)
    record = find.read_record(current) if current else None
    try:
        plan = planning.make_plan(folder, build)
    except SDBlenderError as error:
        offer, refusal = "", str(error)
    else:
        is_there = record is not None and record.name == plan.lock.name
        offer, refusal = "" if is_there else plan.summary, ""
    if record is None:
        return Look("No engine yet", False, offer, refusal)
    return Look(f"Engine installed: {record.summary}", True, offer, refusal)
