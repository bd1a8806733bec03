# SPDX-License-Identifier: GPL-3.0-or-later
"""The history in the sidebar: a list to search, the chosen texture below, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy
from bpy.props import BoolProperty

from ...core.sentence import Sentence
from .. import guard, icons, places
from ..sentences import draw_sentence, draw_text
from ..translation import CONTEXT, shown
from .properties import UNJUDGED, chosen

EMPTY = "Nothing was made in this scene yet; each texture that you generate is listed here with its settings."
NO_PROMPT = "(no prompt)"
LONGEST = 3000
"""Characters of a prompt that are drawn; a stranger's may have millions, and is drawn with each redraw."""

ROW = 200
THUMBNAIL_SCALE = 4.0

_rows = guard.LoggedOnce("drawing the history")
_filter = guard.LoggedOnce("searching the history")


class SDB_UL_history(bpy.types.UIList):
    """Newest first; searches the prompts and the seeds."""

    favourites_only: BoolProperty(name="Favourites Only", description="Show favourites alone")

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index) -> None:
        with _rows:
            row = layout.row(align=True)
            row.label(text=item.prompt[:ROW] or shown(NO_PROMPT), translate=False, **_picture(item))
            star = "SOLO_ON" if item.favourite else "SOLO_OFF"
            row.prop(item, "favourite", text="", icon=star, emboss=False)

    def draw_filter(self, context, layout) -> None:
        row = layout.row(align=True)
        row.prop(self, "filter_name", text="", icon="VIEWZOOM")
        row.prop(self, "favourites_only", text="", icon="SOLO_ON")

    def filter_items(self, context, data, propname) -> tuple[list[int], list[int]]:
        with _filter:
            entries = getattr(data, propname)
            found = matches(entries, self.filter_name, self.favourites_only)
            return [self.bitflag_filter_item * shown for shown in found], list(reversed(range(len(entries))))
        return [], []


def matches(entries: Sequence[Any], words: str, favourites_only: bool) -> list[bool]:
    """Which entries have all of the words in their prompt or as their seed."""
    wanted = words.casefold().split()
    if not wanted:
        return [entry.favourite or not favourites_only for entry in entries]
    return [
        (entry.favourite or not favourites_only)
        and all(word in entry.prompt.casefold() or word == entry.seed for word in wanted)
        for entry in entries
    ]


def _picture(entry: Any) -> dict[str, Any]:
    """The thumbnail as an argument of the layout, or what stands for one that cannot be drawn."""
    number = icons.of(entry.thumbnail)
    return {"icon_value": number} if number else {"icon": "IMAGE_DATA"}


class History:
    """What was made in this scene."""

    bl_label = "History"
    bl_translation_context = CONTEXT
    bl_order = 9
    bl_options = {"DEFAULT_CLOSED"}

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        history = context.scene.sd_blender_history
        if history.entries:
            layout.template_list("SDB_UL_history", "", history, "entries", history, "active", rows=5)
            if (entry := chosen(history)) is not None:
                draw_entry(layout, context, entry)
        else:
            draw_sentence(layout, context, EMPTY, "INFO")
        column = layout.column(align=True)
        column.operator("sdb.restore_from_image", text="Restore from Image...", icon="IMAGE_DATA")
        column.operator("sdb.restore_from_file", text="Restore from File...", icon="FILEBROWSER")


def draw_entry(layout: bpy.types.UILayout, context: bpy.types.Context, entry: Any) -> None:
    """The chosen texture, and its buttons."""
    if number := icons.of(entry.thumbnail):
        layout.template_icon(icon_value=number, scale=THUMBNAIL_SCALE)
    draw_text(layout, context, entry.prompt[:LONGEST] or shown(NO_PROMPT), "TEXT")
    facts = Sentence(
        "Seed {seed}, {size}, {made_at}",
        seed=entry.seed[:ROW],
        size=entry.size[:ROW],
        made_at=entry.made_at[:ROW],
    )
    draw_sentence(layout, context, facts, "BLANK1")
    if entry.score > UNJUDGED:
        draw_sentence(layout, context, Sentence("Score {score}", score=f"{entry.score:.2f}"), "BLANK1")
    layout.operator("sdb.restore_settings", icon="RECOVER_LAST")
    row = layout.row(align=True)
    row.operator("sdb.use_from_history", icon="MATERIAL")
    row.operator("sdb.delete_from_history", text="Delete", icon="TRASH")


SDB_PT_view3d_history, SDB_PT_image_history = places.panels_of(
    History, "history", places=places.WHERE_PAINTED
)
classes = (SDB_UL_history, SDB_PT_view3d_history, SDB_PT_image_history)
register, unregister = bpy.utils.register_classes_factory(classes)
