# SPDX-License-Identifier: GPL-3.0-or-later
"""Training in the sidebar: what is learned from which images, the buttons, and how it goes."""

from __future__ import annotations

from typing import Any

import bpy

from ...core.sentence import Sentence
from .. import guard, late, places, sampling_advice, translation
from ..properties import status
from ..sentences import draw_sentence
from .status import look_soon, training

with late.imports():
    from ...core import captions
    from . import build_training
    from . import images as training_images

CURVE_SCALE = 10.0
SAMPLE_SCALE = 5.0
TEXT = 80
"""Characters of a trigger or a name that are drawn."""

NOT_READ = "Read the folder to see its images, and to edit their captions."
KEPT = "Resume goes on with the images that were made for it; choose another output to begin anew."
CHOSEN = "Resume goes on with the images that are chosen now; choose another output to begin anew."
SAMPLES = "Samples after these steps"

_rows = guard.LoggedOnce("drawing the images of a training")
_filter = guard.LoggedOnce("choosing the images of a training")


class SDB_UL_training_files(bpy.types.UIList):
    """Each file of the folder with its caption."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index) -> None:
        with _rows:
            parts = layout.split(factor=0.5, align=True)
            parts.label(text=item.file[:TEXT], translate=False)
            parts.prop(item, "caption", text="", emboss=False, placeholder="Caption")

    def filter_items(self, context, data, propname) -> tuple[list[int], list[int]]:
        with _filter:
            words = self.filter_name.casefold()
            files = getattr(data, propname)
            return [
                self.bitflag_filter_item * (words in f"{item.file} {item.caption}".casefold())
                for item in files
            ], []
        return [], []


class SDB_UL_training_images(bpy.types.UIList):
    """The images of this file, each with a tick and its caption."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index) -> None:
        with _rows:
            row = layout.row(align=True)
            row.enabled = item.is_editable and item.override_library is None
            row.prop(item, "sd_blender_train", text="")
            parts = row.split(factor=0.5, align=True)
            parts.label(text=item.name, translate=False, icon_value=icon)
            said = captions.words_of_name(item.name)
            parts.prop(item, "sd_blender_caption", text="", emboss=False, placeholder=said or "Caption")

    def filter_items(self, context, data, propname) -> tuple[list[int], list[int]]:
        with _filter:
            words = self.filter_name.casefold()
            return [
                self.bitflag_filter_item
                * (training_images.is_usable(image) and words in image.name.casefold())
                for image in getattr(data, propname)
            ], []
        return [], []


class Training:
    """What is used each time."""

    bl_label = "Training"
    bl_order = 10
    bl_options = {"DEFAULT_CLOSED"}

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        layout = self.prepared()
        settings = context.scene.sd_blender_training
        layout.row().prop(settings, "method", expand=True)
        draw_images(layout, context, settings)
        column = layout.column()
        for name in ("trigger", "output", "steps", "size", "tiling"):
            column.prop(settings, name)
        if advice := sampling_advice.training_advice(context.scene.sd_blender, settings):
            draw_sentence(layout, context, advice, "INFO")
        draw_buttons(layout, context, settings)
        draw_progress(layout, context)
        draw_result(layout, settings)
        draw_pictures(layout)


def draw_images(layout: bpy.types.UILayout, context: bpy.types.Context, settings: Any) -> None:
    column = layout.column()
    column.prop(settings, "source")
    if settings.source == "FOLDER":
        row = column.row(align=True)
        row.prop(settings, "folder")
        row.operator("sdb.read_training_folder", text="", icon="FILE_REFRESH")
        if len(settings.files):
            unsplit(layout).template_list(
                "SDB_UL_training_files", "", settings, "files", settings, "active_file", rows=3
            )
        else:
            draw_sentence(layout, context, NOT_READ, "INFO")
    elif settings.source == "IMAGES":
        unsplit(layout).template_list(
            "SDB_UL_training_images", "", bpy.data, "images", settings, "active_image", rows=4
        )
        layout.operator_menu_enum("sdb.tick_images", "choice")
    else:
        column.prop(settings, "views")
        said = build_training.render_caption(context)
        column.prop(settings, "render_caption", placeholder=said)


def unsplit(layout: bpy.types.UILayout) -> bpy.types.UILayout:
    """For lists, whose rows would be split as properties are."""
    column = layout.column()
    column.use_property_split = False
    return column


def draw_buttons(layout: bpy.types.UILayout, context: bpy.types.Context, settings: Any) -> None:
    """Train, or go on where it was; while it runs, Pause."""
    output = build_training.output_of(settings)
    if not training.job and output != training.output:
        look_soon(output, settings.steps)
    row = layout.row(align=True)
    row.scale_y = 1.4
    if training.job or training.rendering:
        row.operator("sdb.pause_training", text="Pause", icon="PAUSE")
        if training.job:
            row.operator("sdb.stop_training", text="", icon="X")
        if training.output == output:
            return
    left = training.left if training.output == output else None
    goes_on = left is not None and left.goes_on(settings.steps)
    if goes_on:
        text = translation.shown(Sentence("Resume at Step {left}", left=left.steps))
        row.operator("sdb.train", text=text, translate=False, icon="PLAY")
    else:
        row.operator("sdb.train", text="Train", icon="PLAY")
    if left is not None and left.steps and not training.job:
        row.operator("sdb.discard_training", text="", icon="TRASH")
    if goes_on:
        draw_sentence(layout, context, KEPT if left.keeps_images(settings) else CHOSEN, "INFO")


def draw_progress(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """How far the job that runs is, and what came of the last training."""
    if training.rendering:
        done, count = training.rendering
        layout.progress(factor=done / count, type="BAR", text=f"{done / count:.0%}")
        text = Sentence("Rendering view {min} of {count}", min=min(done + 1, count), count=count)
        draw_sentence(layout, context, text, "RENDER_STILL")
    if training.job and status.busy:
        layout.progress(factor=status.factor, type="BAR", text=f"{status.factor:.0%}")
        draw_sentence(layout, context, status.text, "TIME")
    if training.message:
        row = layout.row()
        draw_sentence(row, context, training.message, "ERROR" if training.is_error else "INFO")


def draw_result(layout: bpy.types.UILayout, settings: Any) -> None:
    """What can be done with a finished file."""
    if training.is_made and not training.job and training.output == build_training.output_of(settings):
        layout.operator("sdb.use_training", icon="ADD")


def draw_pictures(layout: bpy.types.UILayout) -> None:
    """The curve and the newest samples."""
    if training.curve:
        layout.label(text="Loss")
        layout.template_icon(icon_value=training.curve, scale=CURVE_SCALE)
    if training.samples:
        layout.label(text=SAMPLES)
        grid = layout.grid_flow(row_major=True, columns=2, even_columns=True, even_rows=True)
        for sample in training.samples:
            tile = grid.column(align=True)
            tile.template_icon(icon_value=sample.icon, scale=SAMPLE_SCALE)
            row = tile.row()
            row.alignment = "CENTER"
            row.label(text=str(sample.step), translate=False)


class TrainingAdvanced:
    """What the usual training leaves as it is."""

    bl_label = "Advanced"
    bl_options = {"DEFAULT_CLOSED"}

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.sd_blender_training
        column = self.prepared().column()
        column.prop(context.scene.sd_blender, "model")
        if settings.method == "LORA":
            names = ("rank", "layers", "text_encoder", "learning_rate")
        else:
            names = ("vectors", "initializer", "word_rate")
        for name in (*names, "batch", "caption_dropout", "flip", "seed", "checkpoint_every"):
            column.prop(settings, name)
        column = self.layout.column()
        column.prop(settings, "sample_every")
        column.prop(settings, "sample_prompt")


MAIN = places.panels_of(Training, "training", places=places.WHERE_PAINTED)
ADVANCED = places.panels_of(
    TrainingAdvanced, "training_advanced", parent="training", places=places.WHERE_PAINTED
)
classes = (SDB_UL_training_files, SDB_UL_training_images, *MAIN, *ADVANCED)
register, unregister = bpy.utils.register_classes_factory(classes)
