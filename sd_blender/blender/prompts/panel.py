# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompt, style and presets in the sidebar, and their menus."""

from __future__ import annotations

from typing import Any

import bpy

from ...core.errors import SDBlenderError
from ...core.sentence import Sentence
from .. import early_start, grey, guard, late, sampling_advice, translation
from ..sentences import draw_sentence, draw_text

with late.imports():
    from ...core import named_files, prompt_hints
    from . import length as prompt_length
    from . import library, prompts

SHOWN = 600
"""Characters of a prompt, which is drawn at every redraw."""

HINT_ROWS = 3
SENT_ROWS = 3
"""Lines; what is longer ends in dots."""


def draw_prompt(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Both prompts and the style."""
    settings = context.scene.sd_blender
    early_start.saw(settings)
    row = layout.row(align=True)
    if settings.prompt_text is None:
        row.prop(settings, "prompt", text="", placeholder="Prompt")
    else:
        row.prop(settings, "prompt_text", text="")
    row.operator("sdb.edit_prompt", text="", icon="TEXT")
    layout.prop(settings, "negative_prompt", text="", placeholder="Negative prompt")
    style = settings.style[: named_files.MAX_NAME] or translation.shown("No Style")
    layout.menu("SDB_MT_styles", text=style, translate=False)
    if complaint := library.STYLES.complaint():
        draw_sentence(layout, context, complaint, "ERROR")


def draw_hints(layout: bpy.types.UILayout, context: bpy.types.Context, destination: str = "") -> None:
    """Why Generate is grey, or what is to be known of the prompts; and what is sent that the fields do not show.

    It stands below Generate and has the same height whatever is typed, so that nothing moves meanwhile.
    """
    settings = context.scene.sd_blender
    try:
        prompt, negative_prompt = prompts.sent(settings)
    except SDBlenderError as error:
        draw_sentence(layout, context, str(error), "ERROR")
        return
    if reason := grey.reason(context, destination):
        draw_sentence(layout, context, reason, "INFO")
    else:
        said = hints(settings, prompt, negative_prompt)
        draw_sentence(layout, context, said, "INFO" if said else "BLANK1", HINT_ROWS)
    if settings.style or settings.prompt_text is not None:
        draw_sent(layout.box(), context, prompt, negative_prompt)


def hints(settings: Any, prompt: str, negative_prompt: str) -> str:
    """What is to be known of the prompts and the sampling, or ""."""
    told = (
        prompt_hints.hint(prompt) or prompt_hints.hint(negative_prompt),
        sampling_advice.advice(settings),
        prompt_length.sentence(settings, prompt),
    )
    return Sentence.joined("; ", filter(None, told))


def draw_sent(
    layout: bpy.types.UILayout, context: bpy.types.Context, prompt: str, negative_prompt: str
) -> None:
    """What is sent where that is not what the fields show."""
    draw_text(layout, context, shown(prompt) or translation.shown("(no prompt)"), "ADD", SENT_ROWS)
    if context.scene.sd_blender.style:
        draw_text(layout, context, shown(negative_prompt) or translation.shown("(none)"), "REMOVE", SENT_ROWS)


def shown(prompt: str) -> str:
    return prompt if len(prompt) <= SHOWN else f"{prompt[:SHOWN].rstrip()} ..."


def draw_presets(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    row = layout.row(align=True)
    row.menu("SDB_MT_presets", text="Presets")
    row.operator("sdb.save_preset", text="", icon="ADD")
    if complaint := library.PRESETS.complaint():
        draw_sentence(layout, context, complaint, "ERROR")


class SDB_MT_styles(bpy.types.Menu):
    bl_label = "Styles"
    bl_description = "Style that the prompts are written in"

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        library.STYLES.look()
        chosen = context.scene.sd_blender.style
        for name in ("", *(style.name for style in library.STYLES.all())):
            icon = "CHECKMARK" if name == chosen else "BLANK1"
            text = name or translation.shown("None")
            layout.operator("sdb.set_style", text=text, translate=False, icon=icon).style = name
        layout.separator()
        layout.operator("sdb.save_style", text="Save Style...", icon="ADD")
        layout.operator("sdb.import_styles", text="Import Styles...", icon="IMPORT")
        layout.operator("sdb.export_styles", text="Export Styles...", icon="EXPORT")
        if library.STYLES.own():
            layout.menu("SDB_MT_delete_style", icon="TRASH")


class SDB_MT_presets(bpy.types.Menu):
    bl_label = "Presets"
    bl_description = "Set the sampling as a preset says"

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        library.PRESETS.look()
        for preset in library.PRESETS.all():
            layout.operator("sdb.apply_preset", text=preset.name, translate=False).preset = preset.name
        layout.separator()
        layout.operator("sdb.save_preset", text="Save Preset...", icon="ADD")
        layout.operator("sdb.import_presets", text="Import Presets...", icon="IMPORT")
        layout.operator("sdb.export_presets", text="Export Presets...", icon="EXPORT")
        if library.PRESETS.own():
            layout.menu("SDB_MT_delete_preset", icon="TRASH")


class SDB_MT_delete_style(bpy.types.Menu):
    bl_label = "Delete Style"

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        for style in library.STYLES.own():
            self.layout.operator("sdb.delete_style", text=style.name, translate=False).name = style.name


class SDB_MT_delete_preset(bpy.types.Menu):
    bl_label = "Delete Preset"

    @guard.draw
    def draw(self, context: bpy.types.Context) -> None:
        for preset in library.PRESETS.own():
            self.layout.operator("sdb.delete_preset", text=preset.name, translate=False).name = preset.name


classes = (SDB_MT_styles, SDB_MT_presets, SDB_MT_delete_style, SDB_MT_delete_preset)
register, unregister = bpy.utils.register_classes_factory(classes)
