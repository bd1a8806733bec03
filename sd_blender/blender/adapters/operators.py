# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons beside the list of LoRAs and embeddings."""

from __future__ import annotations

import bpy
from bpy.props import StringProperty

from ...core.errors import SDBlenderError
from ...core.sentence import Sentence
from .. import compat, late, translation
from ..prompts.operators import OnScene
from .properties import active_adapter

with late.imports():
    from . import adapters


class SDB_OT_add_lora(OnScene, bpy.types.Operator):
    """Add a LoRA or an embedding: a .safetensors file that changes what the model draws or which words it knows"""

    bl_idname = "sdb.add_lora"
    bl_label = "Add LoRA"

    filepath: StringProperty(
        name="File",
        description="A .safetensors file with a LoRA or an embedding",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"} | compat.relative_path(),
    )
    filter_glob: StringProperty(
        description="Files that are listed", default="*.safetensors", options={"HIDDEN"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            entry = adapters.add(context.scene, bpy.path.abspath(self.filepath))
        except SDBlenderError as error:
            translation.report(self, "ERROR", str(error))
            return {"CANCELLED"}
        if entry.trigger:
            translation.report(
                self, "INFO", Sentence('In a prompt it is called "{trigger}"', trigger=entry.trigger)
            )
        return {"FINISHED"}


class SDB_OT_remove_lora(OnScene, bpy.types.Operator):
    """Take the chosen LoRA or embedding off the list; its file stays"""

    bl_idname = "sdb.remove_lora"
    bl_label = "Remove LoRA"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if active_adapter(context.scene.sd_blender_adapters) is None:
            translation.refuse(cls, "Choose a LoRA in the list")
            return False
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        listed = context.scene.sd_blender_adapters
        listed.entries.remove(listed.active)
        listed.active = max(0, min(listed.active, len(listed.entries) - 1))
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((SDB_OT_add_lora, SDB_OT_remove_lora))
