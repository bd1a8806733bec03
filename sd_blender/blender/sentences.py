# SPDX-License-Identifier: GPL-3.0-or-later
"""Text in panels. Blender cuts a label that is wider than its place, so it is broken into lines first."""

from __future__ import annotations

import textwrap

import blf
import bpy

from .translation import shown

INTERFACE_FONT = 0
MARGIN = 112
"""Pixels at scale 1 beside the text in a sidebar: tabs, borders, an icon, a button, and the rim inside a label."""

NARROWEST = 12  # characters
LINE_HEIGHT = 0.8


def draw_sentence(layout: bpy.types.UILayout, context: bpy.types.Context, sentence: str, icon: str) -> None:
    """Draw a sentence of ours in the language of the interface."""
    draw_text(layout, context, shown(sentence), icon)


def draw_text(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str) -> None:
    """Draw ``text``, which may be the artist's, on as many lines as it needs in the region that is drawn."""
    column = layout.column(align=True)
    column.scale_y = LINE_HEIGHT
    scale = context.preferences.system.ui_scale or 1.0  # 0 in background mode
    width = context.region.width / scale if context.region else 400
    for number, line in enumerate(lines(text, width - MARGIN)):
        column.label(text=line, translate=False, icon=icon if number == 0 else "BLANK1")


def lines(text: str, width: float) -> list[str]:
    """``text`` in lines of about ``width`` pixels at scale 1; words that are longer, such as paths, are broken."""
    blf.size(INTERFACE_FONT, bpy.context.preferences.ui_styles[0].widget.points)
    per_character = blf.dimensions(INTERFACE_FONT, text)[0] / max(len(text), 1)
    return textwrap.wrap(text, max(NARROWEST, int(width / max(per_character, 1))))
