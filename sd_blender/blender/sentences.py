# SPDX-License-Identifier: GPL-3.0-or-later
"""Text in panels. Blender cuts a label that is wider than its place, so it is broken into lines first."""

from __future__ import annotations

import bisect
from functools import lru_cache

import blf
import bpy

from .translation import shown

INTERFACE_FONT = 0
MARGIN = 112
"""Pixels at scale 1 beside the text in a sidebar: tabs, borders, an icon, a button, and the rim inside a label."""

NARROWEST = 12  # characters
LINE_HEIGHT = 0.8


def draw_sentence(
    layout: bpy.types.UILayout, context: bpy.types.Context, sentence: str, icon: str, rows: int = 0
) -> None:
    """Draw a sentence of ours in the language of the interface. rows: as of :func:`draw_text`."""
    draw_text(layout, context, shown(sentence), icon, rows)


def draw_text(
    layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str, rows: int = 0
) -> None:
    """Draw ``text``, which may be the artist's, on as many lines as it needs in the region that is drawn.

    rows: exactly so many, however much there is to say, so that nothing below moves while somebody types.
    """
    column = layout.column(align=True)
    column.scale_y = LINE_HEIGHT
    scale = context.preferences.system.ui_scale or 1.0  # 0 in background mode
    width = context.region.width / scale if context.region else 400
    for number, line in enumerate(fitted(lines(text, width - MARGIN), rows)):
        column.label(text=line, translate=False, icon=icon if number == 0 else "BLANK1")


def fitted(written: list[str], rows: int) -> list[str]:
    """The lines as exactly ``rows`` of them, 0 for all; what is left out is told by dots."""
    if not rows:
        return written
    if len(written) > rows:
        written = [*written[: rows - 1], f"{written[rows - 1]} ..."]
    return written + [""] * (rows - len(written))


def lines(text: str, width: float) -> list[str]:
    """``text`` in lines of at most ``width`` pixels at scale 1; words that are longer, such as paths, are broken."""
    points = bpy.context.preferences.ui_styles[0].widget.points
    return list(_lines(" ".join(text.split()), int(width), points))


@lru_cache(maxsize=64)  # panels ask at every redraw
def _lines(text: str, width: int, points: float) -> tuple[str, ...]:
    blf.size(INTERFACE_FONT, points)
    room = max(width, blf.dimensions(INTERFACE_FONT, "n" * NARROWEST)[0])
    broken: list[str] = []
    line = ""
    for word in text.split(" ") if text else ():
        longer = f"{line} {word}" if line else word
        if _fits(longer, room):
            line = longer
            continue
        if line:
            broken.append(line)
        while not _fits(word, room):
            count = _fitting(word, room)
            broken.append(word[:count])
            word = word[count:]
        line = word
    return (*broken, line) if line else tuple(broken)


def _fits(text: str, room: float) -> bool:
    return bool(blf.dimensions(INTERFACE_FONT, text)[0] <= room)


def _fitting(word: str, room: float) -> int:
    """How many characters of a word fit, at least one."""
    return max(1, bisect.bisect_left(range(1, len(word) + 1), True, key=lambda n: not _fits(word[:n], room)))
