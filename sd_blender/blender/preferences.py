# SPDX-License-Identifier: GPL-3.0-or-later
"""The preferences of the add-on: what belongs to the machine and not to the .blend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from .. import __package__ as ADD_ON  # the name under which Blender knows the add-on
from .translation import CONTEXT

BUILDS = (
    ("AUTO", "Automatic", "The build that suits this machine"),
    ("CUDA", "CUDA", "For NVIDIA graphics cards; computes on the processor too"),
    ("ROCM", "ROCm", "For AMD graphics cards"),
    ("MPS", "Metal", "For Apple chips"),
    ("CPU", "Processor", "The smallest download"),
)
DEVICES = (
    ("AUTO", "Automatic", "The graphics card when there is one, otherwise the processor"),
    ("CUDA", "CUDA or ROCm", "An NVIDIA or AMD graphics card"),
    ("MPS", "Metal", "The graphics part of an Apple chip"),
    ("CPU", "Processor", "Works everywhere and is slow"),
)
PRECISIONS = (
    ("AUTO", "Automatic", "The precision that suits the device"),
    ("FLOAT32", "Full (32 Bit)", "Most memory, the same result on every device"),
    ("FLOAT16", "Half (16 Bit)", "Half the memory, on graphics cards"),
    ("BFLOAT16", "Brain (16 Bit)", "Half the memory with the range of full precision, on recent devices"),
)


WHEN_EMPTY = {
    "model_folder": "Starter Model",
    "output_folder": "Packed into the .blend",
    "wildcards_folder": "None",
    "lora_folder": "Beside the Files in LoRAs",
    "clip_folder": "The Model's or the Starter Model's",
}
"""The folders, and what is used as long as they are not chosen."""

sections: list[Callable[[bpy.types.UILayout, bpy.types.Context, bpy.types.AddonPreferences], None]] = []
"""What others draw above all else in the preferences, while they are registered."""


@dataclass(frozen=True)
class Preferences:
    """The values of :class:`SDB_AP_preferences` at one moment, by the same names.

    engine_folder: where environments of the engine are installed; "" for one that all versions of Blender share.
    engine_python: a Python that has torch and diffusers, used instead of an installed environment; "" for none.
    engine_build: AUTO, or the build of torch to install. idle_minutes: 0 keeps the engine until it is freed by hand.
    history_limit: megabytes of a scene's history; 0 for no limit.
    These defaults hold where Blender keeps no preferences for us: ``sd_blender`` imported as a plain package.
    """

    model_folder: str = ""
    output_folder: str = ""
    wildcards_folder: str = ""
    lora_folder: str = ""
    clip_folder: str = ""
    device: str = "AUTO"
    precision: str = "AUTO"
    engine_folder: str = ""
    engine_python: str = ""
    engine_build: str = "AUTO"
    idle_minutes: int = 10
    history_limit: int = 512


class SDB_AP_preferences(bpy.types.AddonPreferences):
    bl_idname = ADD_ON

    model_folder: StringProperty(
        name="Model Folder",
        description="Model for scenes that name none: a folder in the diffusers layout. "
        "Empty for the starter model that ships with the add-on",
        subtype="DIR_PATH",
    )
    output_folder: StringProperty(
        name="Output Folder",
        description="Folder that every texture is saved to, as PNG with its settings inside. "
        "Empty to pack textures into the .blend",
        subtype="DIR_PATH",
    )
    wildcards_folder: StringProperty(
        name="Wildcards Folder",
        description="Folder of text files with a choice on each line: __stone__ in a prompt is a line of stone.txt",
        subtype="DIR_PATH",
    )
    lora_folder: StringProperty(
        name="LoRA Folder",
        description="Folder of .safetensors files that prompts may call by their names, as <lora:name:0.8>, and that "
        "Restore Settings looks in. So are the folders of the files in the list of LoRAs",
        subtype="DIR_PATH",
    )
    clip_folder: StringProperty(
        name="CLIP Folder",
        description="A CLIP model of transformers that judges for Keep Best and CLIP Guidance. "
        "Empty for the one that comes with the model, or else with the add-on",
        subtype="DIR_PATH",
    )
    device: EnumProperty(name="Device", description="Where textures are computed", items=DEVICES)
    precision: EnumProperty(
        name="Precision", description="Number format of the computation", items=PRECISIONS
    )

    engine_folder: StringProperty(
        name="Engine Folder",
        description="Folder that the engine is installed in. Empty for one that all versions of Blender share",
        subtype="DIR_PATH",
    )
    engine_python: StringProperty(
        name="Own Python",
        description="A Python with torch, diffusers and transformers, used instead of an installed engine",
        subtype="FILE_PATH",
    )
    engine_build: EnumProperty(
        name="Build",
        description="The build of torch that is installed",
        items=BUILDS,
        translation_context=CONTEXT,
    )
    idle_minutes: IntProperty(
        name="Unload After",
        description="Minutes without work after which the engine gives its memory back; 0 keeps it",
        default=10,
        min=0,
        soft_max=120,
    )
    history_limit: IntProperty(
        name="History Limit",
        description="Megabytes of a .blend that the history of a scene may fill with thumbnails and textures that "
        "nothing uses; then the oldest go that are no favourites. 0 for no limit",
        default=512,
        min=0,
        soft_max=4096,
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        for draw in sections:
            draw(layout, context, self)
        for name, placeholder in WHEN_EMPTY.items():
            layout.prop(self, name, placeholder=placeholder)
        layout.prop(self, "device")
        layout.prop(self, "precision")
        layout.prop(self, "idle_minutes", text="Unload After (min)")
        layout.prop(self, "history_limit", text="History Limit (MB)")


def read() -> Preferences:
    """The preferences now, folders as absolute paths."""
    entry = bpy.context.preferences.addons.get(ADD_ON)
    stored = entry.preferences if entry is not None else None
    if stored is None:
        return Preferences()
    return Preferences(
        model_folder=bpy.path.abspath(stored.model_folder),
        output_folder=bpy.path.abspath(stored.output_folder),
        wildcards_folder=bpy.path.abspath(stored.wildcards_folder),
        lora_folder=bpy.path.abspath(stored.lora_folder),
        clip_folder=bpy.path.abspath(stored.clip_folder),
        device=stored.device,
        precision=stored.precision,
        engine_folder=bpy.path.abspath(stored.engine_folder),
        engine_python=bpy.path.abspath(stored.engine_python),
        engine_build=stored.engine_build,
        idle_minutes=stored.idle_minutes,
        history_limit=stored.history_limit,
    )


register, unregister = bpy.utils.register_classes_factory((SDB_AP_preferences,))
