# SPDX-License-Identifier: GPL-3.0-or-later
"""The main panel and the settings below it, in each editor. Panels draw settings and status and do nothing else.

What is used all the time is in the main panel, in *Source* and in *Output*, in the order in which it decides on the
texture: what, with which model, from what, how large, how many. The rest is in sub-panels that begin closed.
"""

from __future__ import annotations

from typing import Any

import bpy

from . import guard, icons, in_use, model_choice, places, seeds
from .prompts.panel import draw_hints, draw_presets, draw_prompt
from .properties import status
from .results import unwrapping
from .sentences import draw_sentence

PREVIEW_SCALE = 6.0
NAME = 200
"""Characters of an image's name that are drawn."""


class Main:
    """Task, model, prompt, Generate, and how it goes."""

    bl_label = places.Sidebar.bl_category  # the menus say the other name, that of the add-on
    says_what_is_missing = True  # of Blender's Python; the other panels are not shown then

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.sd_blender
        layout.row().prop(settings, "task", expand=True)
        draw_model(layout, settings)
        draw_prompt(layout, context)
        draw_generate(layout, self.generate)
        draw_hints(layout, context, "NODE" if self.into_node else "")
        self.draw_place(context)
        draw_status(layout, context)


def draw_model(layout: bpy.types.UILayout, settings: Any) -> None:
    """The folder of the model; while none is chosen, the name of the one that is used."""
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "model", placeholder=model_choice.usual_model() or "Starter Model")


def draw_generate(layout: bpy.types.UILayout, operator: str) -> None:
    row = layout.row(align=True)
    row.scale_y = 1.4
    row.operator(operator, text="Generate", icon="TEXTURE")
    if status.busy:
        row.operator("sdb.cancel", text="", icon="X")


def draw_status(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The progress of the jobs, or the newest texture; and in full what came of the last one."""
    if status.busy:
        layout.progress(factor=status.factor, type="BAR", text=f"{status.factor:.0%}")
        draw_sentence(layout, context, status.text, "TIME")
        if status.preview_icon:
            layout.template_icon(icon_value=status.preview_icon, scale=PREVIEW_SCALE)
    else:
        draw_newest(layout, context.scene)
    if message := status.shown(context.scene.sd_blender):
        row = layout.row()
        draw_sentence(row, context, message, "ERROR" if status.error else "INFO")
        row.operator("sdb.show_error", text="", icon="TEXT", emboss=False)
        if unwrapping.asks_for(message) and not unwrapping.refusal(context.view_layer.objects.active):
            layout.operator("sdb.unwrap", icon="UV")


def draw_newest(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """The last texture of the scene, where its preview was while it was made; *Variants* shows its own."""
    entries, offered = scene.sd_blender_history.entries, scene.sd_blender_variants
    if not entries or (offered and offered[-1].image == entries[-1].image):
        return
    if number := icons.large(entries[-1].thumbnail):
        layout.template_icon(icon_value=number, scale=PREVIEW_SCALE)
    layout.label(text=entries[-1].image[:NAME], translate=False, icon="IMAGE_DATA")


class Output:
    """How large the texture is, whether it repeats, how many there are, where they go, and which they are."""

    bl_label = "Output"
    bl_order = 5

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.sd_blender
        column = self.prepared().column()
        draw_size(column, context)
        column.row().prop(settings, "tiling", text="Seamless", expand=True)
        column.prop(settings, "count")
        draw_ranking(column, settings)
        if not self.into_node:
            column.prop(settings, in_use.destination_name(context))
        draw_seed(column.column(align=True), settings)


def draw_ranking(layout: bpy.types.UILayout, settings: Any) -> None:
    """Where there is something to choose from."""
    if settings.count > 1:
        layout.prop(settings, "keep")
        if settings.keep:
            layout.prop(settings, "reference")


def draw_seed(layout: bpy.types.UILayout, settings: Any) -> None:
    """Below its name and over the whole width: a number that is cut looks like another one."""
    layout.use_property_split = False
    row = layout.row(align=True)
    row.label(text="Seed")
    row.prop(settings, "lock_seed", text="", icon="LOCKED" if settings.lock_seed else "UNLOCKED")
    row.operator("sdb.set_seed", text="", icon="GREASEPENCIL")
    row.operator("sdb.new_seed", text="", icon="FILE_REFRESH")
    seed = seeds.read(settings)
    if seed == settings.seed:
        layout.prop(settings, "seed", text="")
    else:
        # On a button, which Blender cuts with dots, and never into a number of its own.
        layout.operator("sdb.set_seed", text=str(seed), translate=False)


def draw_size(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings = context.scene.sd_blender
    if settings.task == "IMAGE_TO_IMAGE":
        layout.row(heading="Size").prop(settings, "use_source_size", text="Of Source")
        if settings.use_source_size:
            return
    column = layout.column(align=True)
    column.prop(settings, "width")
    column.prop(settings, "height")
    if settings.task == "INPAINT":
        sentence = "The result has its source's size; a smaller region is generated at this one."
        draw_sentence(layout, context, sentence, "INFO")


class Sampling:
    """What a preset sets."""

    bl_label = "Sampling"
    bl_order = 7
    bl_options = {"DEFAULT_CLOSED"}

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        column = self.prepared().column()
        draw_presets(column, context)
        for name in ("steps", "guidance_scale", "scheduler", "spacing", "speed"):
            column.prop(context.scene.sd_blender, name)


class Advanced:
    bl_label = "Advanced"
    bl_order = 8
    bl_options = {"DEFAULT_CLOSED"}

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        column = self.prepared().column()
        settings = context.scene.sd_blender
        column.prop(settings, "clip_skip")
        # Their names are too long for a narrow sidebar; the tooltips have them.
        column.prop(settings, "clip_guidance_scale", text="CLIP Guide")
        column.prop(settings, "classifier_guidance_scale", text="Classifier")
        column.operator("sdb.unload")


MAIN = places.panels_of(Main, "main", parent="")
SDB_PT_view3d_main, SDB_PT_image_main, SDB_PT_node_main, SDB_PT_material_main = MAIN
SAMPLING = places.panels_of(Sampling, "sampling")
SDB_PT_view3d_sampling = SAMPLING[0]

classes = (
    *MAIN,
    *places.panels_of(Output, "output"),
    *SAMPLING,
    *places.panels_of(Advanced, "advanced"),
)
register, unregister = bpy.utils.register_classes_factory(classes)


def are_registered() -> bool:
    """Whether Blender still knows the panels; unregistering a class that it has forgotten is an error."""
    return "bl_rna" in SDB_PT_view3d_main.__dict__
