# SPDX-License-Identifier: GPL-3.0-or-later
"""Which engine makes the pictures: a worker process, or torch in this process where Blender has no window.

Where no engine is installed, NumPy makes those of the model that ships, in a process of Blender's own Python.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..core.engine_protocol import Engine
from ..core.errors import EngineUnavailable
from ..core.sentence import Sentence
from ..core.work import Work
from ..worker.child import numpy_worker_command, runs_numpy, worker_command
from ..worker.process_engine import ProcessEngine
from .engine_setup.lookup import BROKEN, broken_home, engine_folder, resolve_engine_python
from .preferences import Preferences

MINUTE = 60.0


@dataclass(frozen=True)
class EngineChoice:
    """What a session runs on; another choice needs another session.

    python: of the worker process; None for this process. idle_seconds: until an engine without work is unloaded.
    by_numpy: without torch.
    """

    python: Path | None
    device: str
    dtype: str
    idle_seconds: float | None
    by_numpy: bool = False

    def make(self) -> Engine:
        """The engine. Called on the generation thread, so that torch is never imported on Blender's."""
        if self.by_numpy:
            return self._make_by_numpy()
        if self.python is not None:
            return ProcessEngine(worker_command(self.python, self.device, self.dtype))
        from ..engine import create_engine
        from ..training.engine import with_training

        return with_training(create_engine(self.device, self.dtype), self.device, self.dtype)

    def refuse(self, work: Work) -> None:
        """Raise EngineUnavailable for what this engine cannot do."""
        if self.by_numpy:
            from ..numpy_engine.refusals import refuse_what_needs_torch

            refuse_what_needs_torch(work)

    def _make_by_numpy(self) -> Engine:
        # In a thread of Blender where its Python cannot be had as a program, or finds no NumPy of its kind.
        if self.python is not None and runs_numpy(self.python):
            return ProcessEngine(numpy_worker_command(self.python))
        from ..numpy_engine.engine import NumpyEngine

        return NumpyEngine()


def choose(preferences: Preferences) -> EngineChoice:
    """What the preferences and this machine call for. Raises EngineUnavailable where the engine is broken.

    A window never shares its process with torch, which could crash it, block it or keep the graphics card's memory.
    """
    python = resolve_engine_python(preferences)
    by_numpy = python is None and not (in_background() and importlib.util.find_spec("torch"))
    if by_numpy:
        if (home := broken_home(engine_folder(preferences))) is not None:
            raise EngineUnavailable(Sentence(BROKEN, home=home))
        python = None if in_background() else own_python()
    return EngineChoice(
        python,
        preferences.device.lower(),
        preferences.precision.lower(),
        MINUTE * preferences.idle_minutes or None,
        by_numpy,
    )


def own_python() -> Path | None:
    """The Python that Blender brings as a program, or None where that cannot be found."""
    program = Path(sys.executable or "")
    return program if program.stem.startswith("python") and program.is_file() else None


def in_background() -> bool:
    return bool(bpy.app.background)
