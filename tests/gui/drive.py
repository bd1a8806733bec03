# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a windowed Blender and plays one scenario: blender --python drive.py -- FOLDER MODULE.SCENARIO"""

from __future__ import annotations

import importlib
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.gui import stage

PATIENCE = 300.0
"""Seconds that a scenario waits for one thing, the test being silent."""


def play(scenario: stage.Scenario) -> None:
    """Step through a scenario from a timer; then quit, with code 1 and a traceback when it raised."""
    waiting: Callable[[], object] = lambda: True  # noqa: E731
    since = time.monotonic()

    def tick() -> float | None:
        nonlocal waiting, since
        try:
            if stage.answer():
                since = time.monotonic()
            if not waiting():
                if time.monotonic() - since > PATIENCE:
                    what = f"{_place(scenario)}; the status is {stage.status()}"
                    raise TimeoutError(f"waited {PATIENCE:.0f} s for {what}")
                return 0.05
            waiting, since = next(scenario), time.monotonic()
            return 0.05
        except StopIteration:
            bpy.ops.wm.quit_blender()
        except BaseException:  # noqa: BLE001 - told by the exit code, which Blender's own exit would hide
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        return None

    bpy.app.timers.register(tick, first_interval=0.5, persistent=True)


def _place(scenario: stage.Scenario) -> str:
    """The line that a scenario waits in, and the lines of those that it is played by."""
    lines = []
    while scenario is not None:
        lines.append(f"{scenario.gi_code.co_name}:{scenario.gi_frame.f_lineno}")
        scenario = scenario.gi_yieldfrom
    return " > ".join(lines)


if __name__ == "__main__":
    name, _, function = sys.argv[-1].partition(".")
    play(getattr(importlib.import_module(f"tests.gui.scenarios.{name}"), function)())
