# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing a prompt over many lines, and choosing its style."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import bpy
from bpy.props import StringProperty

from ...core.errors import SDBlenderError
from ...core.sentence import Sentence
from .. import late, libraries, translation

with late.imports():
    from . import library, prompts


class OnScene:
    """For operators that change the settings of the scene."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not libraries.is_kept(context.scene):
            translation.refuse(cls, "This scene is linked from another file")
            return False
        return True


class SDB_OT_edit_prompt(OnScene, bpy.types.Operator):
    """Write the prompt over many lines in a Text Editor; the lines are joined"""

    bl_idname = "sdb.edit_prompt"
    bl_label = "Edit Prompt as Text"

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.sd_blender
        if settings.prompt_text is None:
            text = bpy.data.texts.new("Prompt")
            text.write(settings.prompt)
            settings.prompt_text = text
        text = settings.prompt_text
        space = _text_editor(context)
        if space is not None:
            space.text, space.show_word_wrap = text, True
        translation.report(self, "INFO", Sentence('Write the prompt in the text "{name}"', name=text.name))
        return {"FINISHED"}


def _text_editor(context: bpy.types.Context) -> bpy.types.SpaceTextEditor | None:
    """One that is open, or else one in a new window; None without windows."""
    manager = context.window_manager
    for area in _areas(manager.windows):
        if area.type == "TEXT_EDITOR":
            return area.spaces.active
    if bpy.app.background:
        return None
    before = {window.as_pointer() for window in manager.windows}
    with contextlib.suppress(RuntimeError):
        bpy.ops.wm.window_new()
    for area in _areas(window for window in manager.windows if window.as_pointer() not in before):
        area.type = "TEXT_EDITOR"
        return area.spaces.active
    return None


def _areas(windows: Iterable[bpy.types.Window]) -> Iterator[bpy.types.Area]:
    return (area for window in windows for area in window.screen.areas)


class SDB_OT_set_style(OnScene, bpy.types.Operator):
    """Write the prompts in no style"""

    bl_idname = "sdb.set_style"
    bl_label = "Set Style"
    bl_options = {"UNDO", "INTERNAL"}  # a menu says which one

    style: StringProperty(name="Style", description="Empty for none", options={"SKIP_SAVE"})

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        style = library.STYLES.find(properties.style)
        return "" if style is None else style.prompt.rstrip(".")

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            prompts.find_style(self.style)
        except SDBlenderError as error:
            translation.report(self, "ERROR", str(error))
            return {"CANCELLED"}
        context.scene.sd_blender.style = self.style
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((SDB_OT_edit_prompt, SDB_OT_set_style))
