# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's editors, as far as something of ours is in them: what kind one is, and having them drawn anew."""

from __future__ import annotations

import bpy

from .queue import status_bar

SHOWING = {
    "VIEW_3D": ("UI",),
    "IMAGE_EDITOR": ("UI", "WINDOW"),
    "NODE_EDITOR": ("UI",),
    "PROPERTIES": ("WINDOW",),
}
"""The parts of editors that show the status. The scene is none: to draw it ten times a second is dear."""


def is_shader_editor(space: bpy.types.Space | None) -> bool:
    return getattr(space, "tree_type", "") == "ShaderNodeTree"


def redraw() -> None:
    """Have the editors with our panels, and the status bar, draw the status anew."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions:
                if region.type in SHOWING.get(area.type, ()):
                    region.tag_redraw()
    status_bar.redraw()
