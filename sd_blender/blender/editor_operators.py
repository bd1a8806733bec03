# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate where the artist works: on this object, into this node, on the mask that is painted here.

Each is Generate with a setting or two of its own, which are the panel's again afterwards.
"""

from __future__ import annotations

from typing import Any

import bpy

from ..core.errors import SDBlenderError
from . import late, translation
from .operators import Generates, submit
from .prompts.operators import OnScene
from .source import borrowed

with late.imports():
    from . import build_request, session
    from .masks import painting


class Here(OnScene, Generates):
    """What the operators share."""

    @classmethod
    def wanted(cls, context: bpy.types.Context) -> dict[str, Any]:
        """The settings in place of the scene's."""
        raise NotImplementedError

    @classmethod
    def refuse(cls, context: bpy.types.Context) -> None:
        """Raise SDBlenderError for what can be seen before anything is done."""
        build_request.refuse_early(context, **cls.wanted(context))

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

    def submit(self, context: bpy.types.Context) -> session.Ticket:
        with borrowed.values(context.scene.sd_blender, **self.wanted(context)):
            return submit(context)


class SDB_OT_generate_here(Here, bpy.types.Operator):
    """Make a texture from the settings of the scene and show it on this object"""

    bl_idname = "sdb.generate_here"
    bl_label = "Generate Texture Here"

    @classmethod
    def wanted(cls, context: bpy.types.Context) -> dict[str, Any]:
        return {"destination": "MATERIAL"}


class SDB_OT_generate_in_node(Here, bpy.types.Operator):
    """Make a texture from the settings of the scene and show it in the active Image Texture node"""

    bl_idname = "sdb.generate_in_node"
    bl_label = "Generate Texture Here"

    @classmethod
    def wanted(cls, context: bpy.types.Context) -> dict[str, Any]:
        return {"destination": "NODE"}


class SDB_OT_inpaint(Here, bpy.types.Operator):
    """Make the white part of the mask anew: of the mask in this Image Editor, or else of the scene's"""

    bl_idname = "sdb.inpaint"
    bl_label = "Generate in Mask"

    @classmethod
    def wanted(cls, context: bpy.types.Context) -> dict[str, Any]:
        mask = painting.open_mask(context)
        return {"task": "INPAINT"} | (
            {"mask_source": "IMAGE", "mask_image": mask} if mask is not None else {}
        )

    @classmethod
    def refuse(cls, context: bpy.types.Context) -> None:
        build_request.refuse_early(context, task="INPAINT", mask=painting.open_mask(context))

    def submit(self, context: bpy.types.Context) -> session.Ticket:
        ticket = super().submit(context)
        for name, value in self.wanted(context).items():  # the panel goes on with what was done
            setattr(context.scene.sd_blender, name, value)
        return ticket


register, unregister = bpy.utils.register_classes_factory(
    (SDB_OT_generate_here, SDB_OT_generate_in_node, SDB_OT_inpaint)
)
