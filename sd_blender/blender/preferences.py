# SPDX-License-Identifier: GPL-3.0-or-later
"""The preferences of the add-on: what belongs to the machine and not to the .blend."""

from __future__ import annotations

from dataclasses import dataclass, fields

import bpy
from bpy.props import EnumProperty, StringProperty

from .. import __package__ as ADD_ON  # the name under which Blender knows the add-on

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


@dataclass(frozen=True)
class Preferences:
    """The values of :class:`SDB_AP_preferences` at one moment, by the same names.

    These defaults hold where Blender keeps no preferences for us: ``sd_blender`` imported as a plain package.
    """

    model_folder: str = ""
    output_folder: str = ""
    device: str = "AUTO"
    precision: str = "AUTO"


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
    device: EnumProperty(name="Device", description="Where textures are computed", items=DEVICES)
    precision: EnumProperty(
        name="Precision", description="Number format of the computation", items=PRECISIONS
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        for field in fields(Preferences):
            layout.prop(self, field.name)


def read() -> Preferences:
    """The preferences now, folders as absolute paths."""
    entry = bpy.context.preferences.addons.get(ADD_ON)
    stored = entry.preferences if entry is not None else None
    if stored is None:
        return Preferences()
    return Preferences(
        model_folder=bpy.path.abspath(stored.model_folder),
        output_folder=bpy.path.abspath(stored.output_folder),
        device=stored.device,
        precision=stored.precision,
    )


register, unregister = bpy.utils.register_classes_factory((SDB_AP_preferences,))
