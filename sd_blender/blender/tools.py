# SPDX-License-Identifier: GPL-3.0-or-later
"""The tools that are in the artist's hand now: modal operators, as each window lists them.

One of Blender's own keeps an undo step or data open from the first event to the last, as a brush stroke its tiles and
Loop Cut and Slide its mesh, and an undo step that is made in the middle of it ends Blender: in the middle of a stroke
always. None of the flags of an operator tells these from harmless ones, so that all of them count, save those that
turn a view or wait for a file to be chosen. (Measured in the windows of Blender 4.3 and 5.2; playing an animation is
none, nor is a menu or a dialog.)

An operator of an add-on holds nothing open that Blender knows of. One that makes an undo step at its end is waited for
all the same, but not for ever: some of them run as long as Blender does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import bpy

from ..core.sentence import Sentence

STROKES = ("PAINT_", "SCULPT_", "GPENCIL_", "GREASE_PENCIL_")
"""What the names of operators that draw with a brush begin with."""

TURN_A_VIEW = {
    "IMAGE_OT_view_pan",
    "IMAGE_OT_view_zoom",
    "VIEW2D_OT_pan",
    "VIEW2D_OT_scroller_activate",
    "VIEW2D_OT_zoom",
    "VIEW3D_OT_dolly",
    "VIEW3D_OT_move",
    "VIEW3D_OT_rotate",
    "VIEW3D_OT_zoom",
}
"""They change nothing that undo knows of, and are never far from the artist's hand."""

HOLDING = {"UNDO", "UNDO_GROUPED", "BLOCKING", "GRAB_CURSOR", "GRAB_CURSOR_X", "GRAB_CURSOR_Y"}
"""Options of an add-on's operator that is a tool in the hand and none that watches."""

PATIENCE = 60.0
"""Seconds that an add-on's operator is waited for."""

_since: dict[int, float] = {}
"""When an add-on's operator was seen first, by its address."""


def in_hand() -> str | None:
    """What the artist does with a tool of Blender's own, as in "Blender is painting"; None without one."""
    return next((_in_words(tool) for tool in _running() if not _is_of_addon(tool)), None)


def in_hand_of_addon() -> str | None:
    """As :func:`in_hand`, for the operator of an add-on that is still waited for."""
    tools = [tool for tool in _running() if _is_of_addon(tool) and tool.bl_options & HOLDING]
    now, known = time.monotonic(), dict(_since)
    _since.clear()
    _since.update({tool.as_pointer(): known.get(tool.as_pointer(), now) for tool in tools})
    return next((_in_words(tool) for tool in tools if now - _since[tool.as_pointer()] < PATIENCE), None)


def _running() -> Iterator[bpy.types.Operator]:
    windows = bpy.context.window_manager.windows
    areas = (area.spaces.active for window in windows for area in window.screen.areas)
    browsers = [space for space in areas if space is not None and space.type == "FILE_BROWSER"]
    for window in windows:
        for tool in window.modal_operators:
            chooses_file = any(space.active_operator == tool for space in browsers)
            if not chooses_file and tool.bl_idname not in TURN_A_VIEW:
                yield tool


def _is_of_addon(tool: bpy.types.Operator) -> bool:
    """Whether Python hears its events. A macro of an add-on has none itself: what runs in it is Blender's."""
    return hasattr(type(tool), "modal")


def _in_words(tool: bpy.types.Operator) -> str:
    return (
        "painting"
        if tool.bl_idname.startswith(STROKES)
        else Sentence("in the middle of {name}", name=tool.name)
    )
