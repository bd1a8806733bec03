# SPDX-License-Identifier: GPL-3.0-or-later
"""Outpainting: the source on a larger canvas, as a new image, with a mask of what was added."""

from __future__ import annotations

import bpy
from bpy.props import EnumProperty, IntProperty

from ...core.choices import MAX_SIDE
from ...core.errors import SDBlenderError
from .. import image_places, late, libraries, translation
from . import images as mask_images
from . import painting

with late.imports():
    from ...core import geometry, outpaint, png
    from .. import build_request
    from ..results import naming, textures

SIDES = (
    ("LEFT", "Left", "Add pixels on the left"),
    ("RIGHT", "Right", "Add pixels on the right"),
    ("TOP", "Top", "Add pixels at the top"),
    ("BOTTOM", "Bottom", "Add pixels at the bottom"),
)


class SDB_OT_outpaint(bpy.types.Operator):
    """Put the source on a larger canvas, as a new image, and mask what was added; Generate then fills it"""

    bl_idname = "sdb.outpaint"
    bl_label = "Outpaint"
    bl_options = {"REGISTER", "UNDO"}

    pixels: IntProperty(
        name="Distance",
        description=f"How far the canvas grows on each chosen side, 1 to {MAX_SIDE} px",
        default=128,
        min=1,
        max=MAX_SIDE,
        soft_max=1024,
        subtype="PIXEL",
    )
    sides: EnumProperty(
        name="Sides",
        description="Where the canvas grows; hold Shift to choose several",
        items=SIDES,
        options={"ENUM_FLAG"},
        default={"LEFT", "RIGHT", "TOP", "BOTTOM"},
    )
    overlap: IntProperty(
        name="Overlap",
        description="How far into the picture the mask reaches, 0 to 256 px, so that old and new join",
        default=16,
        min=0,
        max=256,
        subtype="PIXEL",
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        try:
            libraries.check_scene(context.scene)
            build_request.check_source(context)
        except SDBlenderError as error:
            translation.refuse(cls, str(error))
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.row().prop(self, "sides", expand=True)
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(self, "pixels")
        column.prop(self, "overlap")

    def execute(self, context: bpy.types.Context) -> set[str]:
        margins = outpaint.Margins(
            *(self.pixels if side in self.sides else 0 for side in ("LEFT", "RIGHT", "TOP", "BOTTOM"))
        )
        try:
            grow_source(context, margins, self.overlap)
        except SDBlenderError as error:
            translation.report(self, "ERROR", str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


def grow_source(context: bpy.types.Context, margins: outpaint.Margins, overlap: int) -> None:
    """Set the scene up to fill margins around the source; the source itself stays as it is.

    overlap: pixels of the source beside each margin that are made anew too. Raises SDBlenderError, and then nothing
    has changed.
    """
    libraries.check_scene(context.scene)
    build_request.check_source(context)
    name, width, height = painting.source_size(context)
    outpaint.grown_size(geometry.Size(width, height), margins)  # before a render, which is slow
    like, (pixels, encoding) = build_request.stored_source(context)
    size = geometry.Size(pixels.shape[1], pixels.shape[0])
    values = outpaint.border_mask(size, margins, overlap)
    data = png.encode(outpaint.grow(pixels, margins))
    canvas = textures.packed_image(data, naming.file_name(f"{name} outpaint", 0, data))
    canvas.name = f"{name} Outpaint"
    encoding.put_on(canvas)
    if like is not None:
        image_places.follow(like, canvas, ("image",))
    settings = context.scene.sd_blender
    settings.source, settings.source_image = "IMAGE", canvas
    mask_images.use(context, painting.mask_of(f"{canvas.name} Mask", values), values)


register, unregister = bpy.utils.register_classes_factory((SDB_OT_outpaint,))
