# SPDX-License-Identifier: GPL-3.0-or-later
"""Which engine makes the pictures: a worker process, or torch in this process where Blender has no window."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..core.engine_protocol import Engine
from ..core.errors import EngineUnavailable
from ..worker.child import worker_command
from ..worker.process_engine import ProcessEngine
from .engine_setup.engine_setup import resolve_engine_python
from .preferences import Preferences

MINUTE = 60.0


@dataclass(frozen=True)
class EngineChoice:
    """What a session runs on; another choice needs another session.

    python: of the worker process; None for this process. idle_seconds: until an engine without work is unloaded.
    """

    python: Path | None
    device: str
    dtype: str
    idle_seconds: float | None

    def make(self) -> Engine:
        """The engine. Called on the generation thread, so that torch is never imported on Blender's."""
        if self.python is not None:
            return ProcessEngine(worker_command(self.python, self.device, self.dtype))
        from ..engine import create_engine
        from ..training.engine import with_training

        return with_training(create_engine(self.device, self.dtype), self.device, self.dtype)


def choose(preferences: Preferences) -> EngineChoice:
    """What the preferences and this machine call for. Raises EngineUnavailable when no Python has an engine.

    A window never shares its process with torch, which could crash it, block it or keep the graphics card's memory.
    """
    python = resolve_engine_python(preferences)
    if python is None and not (in_background() and importlib.util.find_spec("torch")):
        raise EngineUnavailable(
            "The engine is not installed; press Install Engine in the sidebar or in the add-on's preferences."
        )
    return EngineChoice(
        python,
        preferences.device.lower(),
        preferences.precision.lower(),
        MINUTE * preferences.idle_minutes or None,
    )


def in_background() -> bool:
    return bool(bpy.app.background)
