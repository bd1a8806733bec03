# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to see a texture: Blender begins in Solid shading, in which the object looks as it did before."""

from __future__ import annotations

import bpy

from . import in_use, late
from .sentences import draw_sentence

with late.imports():
    from .results import saving

ADVICE = "This shading shows no textures."


def draw_advice(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """In the sidebar of a 3D View, while the active object has a texture of ours that the view does not show."""
    space = context.space_data  # a script that draws has none
    if space is not None and hides_textures(space.shading) and has_our_texture(context):
        draw_sentence(layout, context, ADVICE, "INFO")
        column = layout.column(align=True)
        column.operator("sdb.show_in_solid", icon="SHADING_SOLID")
        button = column.operator("view3d.toggle_shading", text="Material Preview", icon="MATERIAL")
        button.type = "MATERIAL"


def hides_textures(shading: bpy.types.View3DShading) -> bool:
    return shading.type == "WIREFRAME" or (shading.type == "SOLID" and shading.color_type != "TEXTURE")


def has_our_texture(context: bpy.types.Context) -> bool:
    if not context.scene.sd_blender_history.entries:  # nothing is loaded for a file without us
        return False
    image = in_use.active_texture(context)
    return image is not None and saving.KEYWORD in image
