# SPDX-License-Identifier: GPL-3.0-or-later
"""What the texture starts from, and which part of it is made anew."""

from __future__ import annotations

from typing import Any

import bpy

from .. import guard, in_use, places
from ..properties import status
from ..sentences import draw_sentence

STRENGTHS = (
    (0.15, "Hardly changes what was there"),
    (0.35, "Keeps shapes and colors, changes the surface"),
    (0.6, "Keeps the main shapes"),
    (0.85, "Keeps the rough layout"),
    (0.995, "Keeps next to nothing"),
    (1.0, "Ignores what was there"),
)
"""Up to a strength, in words; models differ, so that these are no promise."""


class Source:
    """What the texture starts from, also on a larger canvas; not for text alone."""

    bl_label = "Source"
    bl_order = 3

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.scene.sd_blender.task != "TEXT_TO_IMAGE"

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.sd_blender
        column = self.prepared().column()
        column.prop(settings, in_use.source_name(context))
        source = in_use.source(context)
        if source == "IMAGE":
            column.template_ID(settings, "source_image", open="image.open")
        elif source == "FILE":
            column.prop(settings, "source_file")
        elif source in in_use.RENDERED_SOURCES:
            column.prop(settings, "source_colors")
        draw_strength(column, context, "inpaint_strength" if settings.task == "INPAINT" else "strength")
        column.operator("sdb.outpaint", text="Outpaint...", icon="FULLSCREEN_ENTER")


def draw_strength(layout: bpy.types.UILayout, context: bpy.types.Context, name: str) -> None:
    settings = context.scene.sd_blender
    layout.prop(settings, name, slider=True)
    draw_sentence(layout, context, in_words(getattr(settings, name)), "BLANK1")


def in_words(strength: float) -> str:
    """Where the slider is."""
    return next(words for most, words in STRENGTHS if strength <= most + 1e-6)


class Mask:
    """Which part is made anew."""

    bl_label = "Mask"
    bl_order = 4

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
        draw_crop(column, context, settings)
        column.prop(settings, "show_mask")


def draw_crop(column: bpy.types.UILayout, context: bpy.types.Context, settings: Any) -> None:
    column.row(heading="Crop").prop(settings, "crop_to_mask", text="To Mask")  # fits into a narrow sidebar
    row = column.row()
    row.active = settings.crop_to_mask
    row.prop(settings, "context")
    if line := status.crop_line(settings):
        draw_sentence(column, context, line, "INFO")


SOURCES = places.panels_of(Source, "source")
MASKS = places.panels_of(Mask, "mask")
register, unregister = bpy.utils.register_classes_factory([*SOURCES, *MASKS])
