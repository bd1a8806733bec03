# SPDX-License-Identifier: GPL-3.0-or-later
"""Buttons that change the mask as a whole, each one undo step.

In Edit Mode Blender undoes changes of the mesh alone: there the step is one, and leaves the mask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, IntProperty

from ...core.choices import Tiling
from ...core.errors import BlenderStateError, SDBlenderError
from ...core.sentence import Sentence
from .. import in_use, late, translation
from . import images as mask_images

if TYPE_CHECKING:
    from ...core.masks import Levels

with late.imports():
    from ...core import masks, uv
    from .. import build_request
    from . import mesh_faces

FARTHEST = 256  # pixels, as for the feather


class ChangesMask:
    """What the operators share: they turn the mask that there is into another, or say why they cannot."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def refuse(cls, context: bpy.types.Context) -> None:
        """Raise SDBlenderError for what shows without looking at pixels."""
        mask_images.check(context)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        try:
            cls.refuse(context)
        except SDBlenderError as error:
            translation.refuse(cls, str(error))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            mask_images.write(context, self.changed(context))
        except SDBlenderError as error:
            translation.report(self, "ERROR", str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def changed(self, context: bpy.types.Context) -> Levels:
        raise NotImplementedError


class SDB_OT_mask_from_faces(ChangesMask, bpy.types.Operator):
    """Mask what the selected faces of the active object cover on the texture"""

    bl_idname = "sdb.mask_from_faces"
    bl_label = "Mask from Faces"

    islands: BoolProperty(
        name="Whole Islands", description="Take all of each UV island of which a face is selected"
    )
    add: BoolProperty(name="Add to Mask", description="Keep what is masked already")

    @classmethod
    def refuse(cls, context: bpy.types.Context) -> None:
        mesh_faces.check(context.view_layer.objects.active)
        mask_images.check(context)
        if in_use.source(context) in build_request.RENDERED_SOURCES:
            raise BlenderStateError(
                "The source is a render, on which UV maps say nothing; choose a texture as the source."
            )

    def changed(self, context: bpy.types.Context) -> Levels:
        self.refuse(context)
        thing = context.view_layer.objects.active
        triangles = mesh_faces.selected_triangles(thing, self.islands)
        mask = mask_images.read(context) if self.add else mask_images.blank(context)
        height, width = mask.shape
        covered = uv.rasterize(triangles, width, height)
        if not covered.any():
            raise BlenderStateError(
                Sentence(
                    'The selected faces of "{name}" cover no pixel of the texture; check their UV map.',
                    name=thing.name,
                )
            )
        return masks.add(mask, covered)


class SDB_OT_mask_expand(ChangesMask, bpy.types.Operator):
    """Move the border of the mask outward, or inward with a negative number of pixels"""

    bl_idname = "sdb.mask_expand"
    bl_label = "Expand Mask"

    pixels: IntProperty(
        name="Distance",
        description=f"How far the border moves, {-FARTHEST} to {FARTHEST} px: outward above 0, inward below",
        default=8,
        min=-FARTHEST,
        max=FARTHEST,
        subtype="PIXEL",
    )

    def changed(self, context: bpy.types.Context) -> Levels:
        tiling = context.scene.sd_blender.tiling
        move = masks.expand if self.pixels >= 0 else masks.shrink
        return move(mask_images.read(context), abs(self.pixels), Tiling[tiling] if tiling else Tiling.OFF)


class SDB_OT_mask_invert(ChangesMask, bpy.types.Operator):
    """Keep what would be made anew, and make anew what would be kept"""

    bl_idname = "sdb.mask_invert"
    bl_label = "Invert Mask"

    def changed(self, context: bpy.types.Context) -> Levels:
        return masks.invert(mask_images.read(context))


class SDB_OT_mask_clear(ChangesMask, bpy.types.Operator):
    """Make the whole mask black: everything is kept"""

    bl_idname = "sdb.mask_clear"
    bl_label = "Clear Mask"

    def changed(self, context: bpy.types.Context) -> Levels:
        return masks.filled(mask_images.read(context), 0)


class SDB_OT_mask_fill(ChangesMask, bpy.types.Operator):
    """Make the whole mask white, to paint black on what is to be kept"""

    bl_idname = "sdb.mask_fill"
    bl_label = "Fill Mask"

    def changed(self, context: bpy.types.Context) -> Levels:
        return masks.filled(mask_images.read(context), 255)


classes = (
    SDB_OT_mask_from_faces,
    SDB_OT_mask_expand,
    SDB_OT_mask_invert,
    SDB_OT_mask_clear,
    SDB_OT_mask_fill,
)
register, unregister = bpy.utils.register_classes_factory(classes)
