# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate where the artist works: on this object, into this node, on the mask that is painted here.

Each is Generate with a setting or two of its own, which are the panel's again afterwards.
"""

from __future__ import annotations

from typing import Any

import bpy

from ..core.errors import SDBlenderError
from . import late, translation
from .prompts.operators import OnScene
from .source import borrowed

with late.imports():
    from . import build_request
    from .masks import painting


class Here(OnScene):
    """What the operators share; ``refuse`` raises SDBlenderError for what can be seen before anything is done."""

    bl_options = {"REGISTER"}  # the undo step comes with the result

    @classmethod
    def refuse(cls, context: bpy.types.Context) -> None:
        raise NotImplementedError

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        try:
            cls.refuse(context)
        except SDBlenderError as error:
            translation.refuse(cls, str(error))
            return False
        return True

    def generate(self, context: bpy.types.Context, **wanted: Any) -> bool:
        """Generate with these settings in place of the scene's; whether that was submitted, or in background done."""
        how = "EXEC_DEFAULT" if bpy.app.background else "INVOKE_DEFAULT"
        try:
            with borrowed.values(context.scene.sd_blender, **wanted):
                return "FINISHED" in bpy.ops.sdb.generate(how)
        except RuntimeError as error:  # what it reported, or why it is not to be had
            sentence = translation.reported(error)
            translation.report(self, "ERROR", sentence.removeprefix("Operator bpy.ops.sdb.generate.poll() "))
            return False


class SDB_OT_generate_here(Here, bpy.types.Operator):
    """Make a texture from the settings of the scene and show it on this object"""

    bl_idname = "sdb.generate_here"
    bl_label = "Generate Texture Here"

    @classmethod
    def refuse(cls, context: bpy.types.Context) -> None:
        build_request.refuse_early(context, destination="MATERIAL")

    def execute(self, context: bpy.types.Context) -> set[str]:
        return {"FINISHED"} if self.generate(context, destination="MATERIAL") else {"CANCELLED"}


class SDB_OT_generate_in_node(Here, bpy.types.Operator):
    """Make a texture from the settings of the scene and show it in the active Image Texture node"""

    bl_idname = "sdb.generate_in_node"
    bl_label = "Generate Texture Here"

    @classmethod
    def refuse(cls, context: bpy.types.Context) -> None:
        build_request.refuse_early(context, destination="NODE")

    def execute(self, context: bpy.types.Context) -> set[str]:
        return {"FINISHED"} if self.generate(context, destination="NODE") else {"CANCELLED"}


class SDB_OT_inpaint(Here, bpy.types.Operator):
    """Make the white part of the mask anew: of the mask in this Image Editor, or else of the scene's"""

    bl_idname = "sdb.inpaint"
    bl_label = "Inpaint"

    @classmethod
    def refuse(cls, context: bpy.types.Context) -> None:
        build_request.refuse_early(context, task="INPAINT", mask=painting.open_mask(context))

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.sd_blender
        wanted = {"task": "INPAINT"}
        if (mask := painting.open_mask(context)) is not None:
            wanted |= {"mask_source": "IMAGE", "mask_image": mask}
        if not self.generate(context, **wanted):
            return {"CANCELLED"}
        for name, value in wanted.items():  # the panel goes on with what was done
            setattr(settings, name, value)
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory(
    (SDB_OT_generate_here, SDB_OT_generate_in_node, SDB_OT_inpaint)
)
