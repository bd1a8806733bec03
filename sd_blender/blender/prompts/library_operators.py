# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets and styles of the artist's own: apply, save, delete, and pass around as files, which hold no code."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from ...core.errors import BlenderStateError, SDBlenderError
from ...core.sentence import Sentence
from .. import compat, late, translation
from .operators import OnScene

with late.imports():
    from ...core import named_files, presets, prompt_styles, validation
    from .. import build_request
    from . import library

DIGITS = 6
"""Of a number in a preset: Blender keeps 7.3 as 7.30000019."""

SCALES = ("guidance_scale", "clip_guidance_scale", "classifier_guidance_scale")


class Acting:
    """Does one thing and says in one sentence what it did, or why it could not."""

    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            translation.report(self, "INFO", self.act(context))
        except SDBlenderError as error:
            translation.report(self, "ERROR", str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class SDB_OT_apply_preset(Acting, OnScene, bpy.types.Operator):
    """Set the sampling as a preset says"""

    bl_idname = "sdb.apply_preset"
    bl_label = "Apply Preset"
    bl_options = {"UNDO", "INTERNAL"}  # a menu says which one

    preset: StringProperty(name="Preset", description="Name of the preset", options={"SKIP_SAVE"})

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        preset = library.PRESETS.find(properties.preset)
        if preset is None:
            return ""
        labels, local = context.scene.sd_blender.bl_rna.properties, bpy.app.translations.pgettext_iface
        return ", ".join(
            f"{local(labels[name].name)} {local(labels[name].enum_items[value].name) if name == 'spacing' else value}"
            for name, value in preset.settings().items()
        )

    def act(self, context: bpy.types.Context) -> str:
        preset = library.PRESETS.find(self.preset)
        if preset is None:
            raise BlenderStateError(
                Sentence(
                    'There is no preset "{preset}"; choose another one.',
                    preset=self.preset[: named_files.MAX_NAME],
                )
            )
        for name, value in preset.settings().items():
            setattr(context.scene.sd_blender, name, value)
        return Sentence("{name} is set", name=preset.name)


class Named(Acting):
    """Asks for what it saves in a dialog."""

    name: StringProperty(
        name="Name", description="An own one of this name is replaced", options={"SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self, width=400)


class SDB_OT_save_preset(Named, bpy.types.Operator):
    """Keep size, steps, guidance and scheduler as a preset, for all files"""

    bl_idname = "sdb.save_preset"
    bl_label = "Save Preset"

    def act(self, context: bpy.types.Context) -> str:
        name = library.checked_name(self.name)
        sampling = build_request.sampling(context.scene.sd_blender)
        validation.check_sampling(sampling)
        scales = {scale: round(getattr(sampling, scale), DIGITS) for scale in SCALES}
        library.PRESETS.keep([presets.Preset.of(name, dataclasses.replace(sampling, **scales))])
        return Sentence("The preset {name} is saved", name=name)


class SDB_OT_save_style(Named, bpy.types.Operator):
    """Keep templates for both prompts as a style, for all files"""

    bl_idname = "sdb.save_style"
    bl_label = "Save Style"

    prompt: StringProperty(
        name="Prompt",
        description="Your own prompt takes the place of {prompt}",
        default="{prompt}",
        options={"SKIP_SAVE"},
    )
    negative_prompt: StringProperty(
        name="Negative Prompt", description="Added to your negative prompt", options={"SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Starts with the chosen style, which is to be changed more often than one is made from nothing."""
        if style := library.STYLES.find(context.scene.sd_blender.style):
            self.name, self.prompt, self.negative_prompt = style.name, style.prompt, style.negative_prompt
        return super().invoke(context, event)

    def act(self, context: bpy.types.Context) -> str:
        style = prompt_styles.Style(
            library.checked_name(self.name),
            library.checked_line(self.prompt, "prompt", prompt_styles.MAX_TEMPLATE),
            library.checked_line(self.negative_prompt, "negative prompt", prompt_styles.MAX_TEMPLATE),
        )
        library.STYLES.keep([style])
        return Sentence("The style {name} is saved", name=style.name)


class OfPresets:
    @staticmethod
    def library() -> library.Library:
        return library.PRESETS


class OfStyles:
    @staticmethod
    def library() -> library.Library:
        return library.STYLES


class Own(Acting):
    """For what can be done with own ones only."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not cls.library().own():
            translation.refuse(cls, Sentence("You have saved no {kind} of your own", kind=cls.library().kind))
            return False
        return True


class Delete(Own):
    bl_options = {"INTERNAL"}  # a menu says which one

    name: StringProperty(name="Name", description="Which one is deleted", options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def act(self, context: bpy.types.Context) -> str:
        self.library().delete(self.name)
        return Sentence("{name} is deleted", name=self.name)


class SDB_OT_delete_preset(OfPresets, Delete, bpy.types.Operator):
    """Delete this preset of your own for good"""

    bl_idname = "sdb.delete_preset"
    bl_label = "Delete Preset"


class SDB_OT_delete_style(OfStyles, Delete, bpy.types.Operator):
    """Delete this style of your own for good"""

    bl_idname = "sdb.delete_style"
    bl_label = "Delete Style"


class File:
    """Asks for a file."""

    filepath: StringProperty(
        name="File",
        description="A JSON file",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"} | compat.relative_path(),
    )
    filter_glob: StringProperty(description="Files that are listed", default="*.json", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class Import(File, Acting):
    def act(self, context: bpy.types.Context) -> str:
        things = self.library().read(Path(bpy.path.abspath(self.filepath)))
        self.library().keep(things)
        return Sentence("{things} {kind} imported", things=len(things), kind=self.library().kind)


class Export(File, Own):
    check_existing: BoolProperty(
        description="Ask before a file is replaced", default=True, options={"HIDDEN"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.filepath = f"{self.library().kind}.json"
        return super().invoke(context, event)

    def act(self, context: bpy.types.Context) -> str:
        path = Path(bpy.path.abspath(bpy.path.ensure_ext(self.filepath, ".json")))
        things = self.library().own()
        self.library().write(path, things)
        return Sentence(
            "{things} {kind} exported to {name}", things=len(things), kind=self.library().kind, name=path.name
        )


class SDB_OT_import_presets(OfPresets, Import, bpy.types.Operator):
    """Add the presets in a file to your own; those of the same names are replaced"""

    bl_idname = "sdb.import_presets"
    bl_label = "Import Presets"


class SDB_OT_export_presets(OfPresets, Export, bpy.types.Operator):
    """Write your own presets to a file"""

    bl_idname = "sdb.export_presets"
    bl_label = "Export Presets"


class SDB_OT_import_styles(OfStyles, Import, bpy.types.Operator):
    """Add the styles in a file to your own; those of the same names are replaced"""

    bl_idname = "sdb.import_styles"
    bl_label = "Import Styles"


class SDB_OT_export_styles(OfStyles, Export, bpy.types.Operator):
    """Write your own styles to a file"""

    bl_idname = "sdb.export_styles"
    bl_label = "Export Styles"


register, _unregister_classes = bpy.utils.register_classes_factory(
    (
        SDB_OT_apply_preset,
        SDB_OT_save_preset,
        SDB_OT_save_style,
        SDB_OT_delete_preset,
        SDB_OT_delete_style,
        SDB_OT_import_presets,
        SDB_OT_export_presets,
        SDB_OT_import_styles,
        SDB_OT_export_styles,
    )
)


def unregister() -> None:
    """The next session reads the artist's files again."""
    if late.is_loaded(library):
        library.forget()
    _unregister_classes()
