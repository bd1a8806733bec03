# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the engine when the artist begins to write, so that Generate need not wait for what it imports.

The field of the prompt passes on each letter, and the panel tells what it shows. A prompt that is another than at the
last redraw of that scene was written meanwhile; what else changes one is forgotten before the next redraw: a file that
is opened, what scripts do to it then, undo. A callback of the property would be told of scripts too, and Blender 4.2
crashes at exit when a property has ever had one.
"""

from __future__ import annotations

import time
from typing import Any

import bpy
from bpy.app import timers
from bpy.app.handlers import persistent

from . import guard, late

with late.imports():
    from . import engines, session
    from .prompts import prompts

AGAIN = 10.0
"""Seconds after which the engine is looked for again where there was none."""

_shown: dict[int, str] = {}
"""The prompts by the session ids of the scenes."""

_not_before = 0.0
_is_started = False
_starting = guard.LoggedOnce("starting the engine early")


def saw(settings: Any) -> None:
    """The panel shows these settings. Called at each redraw: the start itself waits for a timer."""
    if _is_started:
        return
    scene, prompt = settings.id_data.session_uid, prompts.written(settings)
    before, _shown[scene] = _shown.get(scene, prompt), prompt
    if prompt == before or engines.in_background() or time.monotonic() < _not_before:
        return
    if not timers.is_registered(_start):
        timers.register(_start, first_interval=0.0)


def _start() -> None:
    """The timer, once: in a session the engine is started early a single time."""
    global _is_started, _not_before
    _not_before = time.monotonic() + AGAIN
    with _starting:
        _is_started = session.prepare()


@persistent
@guard.handler
def _forget(*_) -> None:
    _shown.clear()


HANDLERS = ("load_post", "undo_post", "redo_post")


def register() -> None:
    for name in HANDLERS:
        getattr(bpy.app.handlers, name).append(_forget)


def unregister() -> None:
    global _is_started, _not_before
    for name in HANDLERS:
        getattr(bpy.app.handlers, name).remove(_forget)
    if timers.is_registered(_start):
        timers.unregister(_start)
    _shown.clear()
    _is_started, _not_before = False, 0.0
