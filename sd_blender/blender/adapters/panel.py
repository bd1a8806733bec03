# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of LoRAs and embeddings in the sidebar."""

from __future__ import annotations

from typing import Any

import bpy

from ...core.sentence import Sentence
from .. import guard, places
from ..results import naming
from ..sentences import draw_sentence
from .properties import active_adapter

NAME = 80
"""Characters of a name and of a trigger that are drawn."""

_rows = guard.LoggedOnce("drawing the LoRAs")


class SDB_UL_adapters(bpy.types.UIList):
    """Each with its switch and its weight; an embedding has none."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index) -> None:
        with _rows:
            row = layout.row(align=True)
            row.prop(item, "use", text="")
            parts = row.split(factor=0.6, align=True)
            parts.active = item.use
            parts.label(text=naming.of_file(item.path)[:NAME] or "-", translate=False)
            if item.kind == "LORA":
                parts.prop(item, "weight", text="", emboss=False)
            else:
                parts.label(text="Embedding")


class Adapters:
    """What changes the model for this scene."""

    bl_label = "LoRAs"
    bl_order = 7
    bl_options = {"DEFAULT_CLOSED"}

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        layout = self.prepared()
        listed = context.scene.sd_blender_adapters
        row = layout.row()
        row.use_property_split = False  # of the rows in the list
        row.template_list("SDB_UL_adapters", "", listed, "entries", listed, "active", rows=3)
        column = row.column(align=True)
        column.operator("sdb.add_lora", text="", icon="ADD")
        column.operator("sdb.remove_lora", text="", icon="REMOVE")
        if (entry := active_adapter(listed)) is not None:
            draw_entry(layout, context, entry)


def draw_entry(layout: bpy.types.UILayout, context: bpy.types.Context, entry: Any) -> None:
    column = layout.column()
    column.prop(entry, "path")
    column.prop(entry, "kind")
    if entry.kind == "LORA":
        column.prop(entry, "weight")
    if entry.trigger:
        draw_sentence(
            layout,
            context,
            Sentence('In a prompt it is called "{trigger}"', trigger=entry.trigger[:NAME]),
            "INFO",
        )


classes = (SDB_UL_adapters, *places.panels_of(Adapters, "loras"))
register, unregister = bpy.utils.register_classes_factory(classes)
