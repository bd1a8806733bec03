# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar tab of the 3D View and of the Image Editor. Panels draw settings and status and do nothing else."""

from __future__ import annotations

import bpy

from . import guard
from .prompt_panel import draw_presets, draw_prompt
from .properties import status
from .sentences import draw_sentence

PREVIEW_SCALE = 6.0


class Sidebar:
    bl_region_type = "UI"
    bl_category = "Diffusion"

    def prepared(self) -> bpy.types.UILayout:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        return layout


class View3D(Sidebar):
    bl_space_type = "VIEW_3D"


class ImageEditor(Sidebar):
    bl_space_type = "IMAGE_EDITOR"


class Main:
    """Task, prompt, Generate, and how it goes."""

    bl_label = "Stable Diffusion Textures"

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.sd_blender
        layout.row().prop(settings, "task", expand=True)
        draw_prompt(layout, context)
        draw_generate(layout)
        draw_status(layout, context)
        column = self.prepared().column()
        column.prop(settings, "destination")
        if not (settings.task == "IMAGE_TO_IMAGE" and settings.use_source_size):
            size = column.column(align=True)
            size.prop(settings, "width")
            size.prop(settings, "height")
        row = column.row(align=True)
        row.prop(settings, "seed")
        row.prop(settings, "lock_seed", text="", icon="LOCKED" if settings.lock_seed else "UNLOCKED")
        row.operator("sdb.new_seed", text="", icon="FILE_REFRESH")


def draw_generate(layout: bpy.types.UILayout) -> None:
    row = layout.row(align=True)
    row.scale_y = 1.4
    row.operator("sdb.generate", text="Generate", icon="TEXTURE")
    if status.busy:
        row.operator("sdb.cancel", text="", icon="X")


def draw_status(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The progress of the jobs, and in full what came of the last one."""
    if status.busy:
        layout.progress(factor=status.factor, type="BAR", text=f"{status.factor:.0%}")
        draw_sentence(layout, context, status.text, "TIME")
        if status.preview_icon:
            layout.template_icon(icon_value=status.preview_icon, scale=PREVIEW_SCALE)
    if status.message:
        row = layout.row()
        draw_sentence(row, context, status.message, "ERROR" if status.error else "INFO")
        row.operator("sdb.show_error", text="", icon="TEXT", emboss=False)


class Source:
    """What the texture starts from; not for text alone."""

    bl_label = "Source"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.scene.sd_blender.task != "TEXT_TO_IMAGE"

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.sd_blender
        column = self.prepared().column()
        column.prop(settings, "source")
        if settings.source == "IMAGE":
            column.template_ID(settings, "source_image", open="image.open")
        if settings.task == "INPAINT":
            column.prop(settings, "inpaint_strength")
        else:
            column.prop(settings, "strength")
            column.prop(settings, "use_source_size")


class Mask:
    """Which part is made anew."""

    bl_label = "Mask"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.scene.sd_blender.task == "INPAINT"

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.sd_blender
        column = self.prepared().column()
        column.prop(settings, "mask_source")
        if settings.mask_source == "IMAGE":
            column.template_ID(settings, "mask_image", open="image.open")
        else:
            column.template_ID(context.tool_settings.image_paint, "stencil_image", open="image.open")
        column.operator("sdb.new_mask", icon="BRUSH_DATA")
        column.prop(settings, "feather")
        column.prop(settings, "crop_to_mask")
        row = column.row()
        row.active = settings.crop_to_mask
        row.prop(settings, "context")
        if line := status.crop_line(settings):
            draw_sentence(column, context, line, "INFO")
        column.prop(settings, "show_mask")


class Sampling:
    bl_label = "Sampling"
    bl_options = {"DEFAULT_CLOSED"}

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.sd_blender
        column = self.prepared().column()
        draw_presets(column, context)
        for name in ("steps", "guidance_scale", "scheduler", "count", "model"):
            column.prop(settings, name)
        column.operator("sdb.unload")


class Seamless:
    bl_label = "Seamless"
    bl_options = {"DEFAULT_CLOSED"}

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        self.prepared().prop(context.scene.sd_blender, "tiling", expand=True)


class SDB_PT_view3d_main(View3D, Main, bpy.types.Panel):
    pass


class SDB_PT_view3d_source(View3D, Source, bpy.types.Panel):
    bl_parent_id = "SDB_PT_view3d_main"


class SDB_PT_view3d_mask(View3D, Mask, bpy.types.Panel):
    bl_parent_id = "SDB_PT_view3d_main"


class SDB_PT_view3d_seamless(View3D, Seamless, bpy.types.Panel):
    bl_parent_id = "SDB_PT_view3d_main"


class SDB_PT_view3d_sampling(View3D, Sampling, bpy.types.Panel):
    bl_parent_id = "SDB_PT_view3d_main"


class SDB_PT_image_main(ImageEditor, Main, bpy.types.Panel):
    pass


class SDB_PT_image_source(ImageEditor, Source, bpy.types.Panel):
    bl_parent_id = "SDB_PT_image_main"

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        Source.draw(self, context)
        self.layout.operator("sdb.use_as_source", icon="IMAGE_REFERENCE")


class SDB_PT_image_mask(ImageEditor, Mask, bpy.types.Panel):
    bl_parent_id = "SDB_PT_image_main"


class SDB_PT_image_seamless(ImageEditor, Seamless, bpy.types.Panel):
    bl_parent_id = "SDB_PT_image_main"


class SDB_PT_image_sampling(ImageEditor, Sampling, bpy.types.Panel):
    bl_parent_id = "SDB_PT_image_main"


classes = (
    SDB_PT_view3d_main,
    SDB_PT_view3d_source,
    SDB_PT_view3d_mask,
    SDB_PT_view3d_seamless,
    SDB_PT_view3d_sampling,
    SDB_PT_image_main,
    SDB_PT_image_source,
    SDB_PT_image_mask,
    SDB_PT_image_seamless,
    SDB_PT_image_sampling,
)
register, unregister = bpy.utils.register_classes_factory(classes)


def are_registered() -> bool:
    """Whether Blender still knows the panels; unregistering a class that it has forgotten is an error."""
    return "bl_rna" in SDB_PT_view3d_main.__dict__
