# SPDX-License-Identifier: GPL-3.0-or-later
"""Solid shading with textures: Material Preview compiles shaders first, for a minute on a slow machine."""

from __future__ import annotations

import bpy

from . import translation


class SDB_OT_show_in_solid(bpy.types.Operator):
    """Show textures in this 3D View at once, in Solid shading with the color of the texture, without lights"""

    bl_idname = "sdb.show_in_solid"
    bl_label = "Textured Solid"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not isinstance(context.space_data, bpy.types.SpaceView3D):
            translation.refuse(cls, "Only a 3D View has a shading")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        shading = context.space_data.shading
        shading.type, shading.color_type = "SOLID", "TEXTURE"
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((SDB_OT_show_in_solid,))
