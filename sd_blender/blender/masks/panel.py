# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons that change the mask as a whole, below the Mask panel."""

from __future__ import annotations

import bpy

from .. import guard, places

STEP = 8  # pixels per click; the operator's own panel takes any other number


class EditMask:
    """Fill it from the mesh, move its border, turn it around."""

    bl_label = "Edit Mask"

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        column = layout.column(align=True)
        column.operator("sdb.mask_from_faces", text="From Selected Faces", icon="FACESEL").islands = False
        column.operator("sdb.mask_from_faces", text="From UV Islands", icon="UV_ISLANDSEL").islands = True
        column = layout.column(align=True)
        row = column.row(align=True)
        row.operator("sdb.mask_expand", text="Expand", icon="ADD").pixels = STEP
        row.operator("sdb.mask_expand", text="Shrink", icon="REMOVE").pixels = -STEP
        row = column.row(align=True)
        row.operator("sdb.mask_invert", text="Invert")
        row.operator("sdb.mask_fill", text="Fill")
        row.operator("sdb.mask_clear", text="Clear")


classes = places.panels_of(EditMask, "edit_mask", parent="mask", places=places.WHERE_PAINTED)
register, unregister = bpy.utils.register_classes_factory(classes)
