# SPDX-License-Identifier: GPL-3.0-or-later
"""The LoRAs and embeddings of a scene, saved in the .blend as ``Scene.sd_blender_adapters``.

The groups have no methods: with one, Blender 4.2 as a Python module crashes when it exits.
"""

from __future__ import annotations

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from .. import compat

KINDS = (
    ("LORA", "LoRA", "A small change of the model"),
    ("EMBEDDING", "Embedding", "A new word for the prompt: a textual inversion"),
)


class SDB_PG_adapter(bpy.types.PropertyGroup):
    """One file. trigger: as the file told it when it was added."""

    path: StringProperty(
        name="File",
        description="A .safetensors file with a LoRA or an embedding",
        subtype="FILE_PATH",
        options={"ANIMATABLE"} | compat.relative_path(),
    )
    kind: EnumProperty(name="Kind", description="What the file holds", items=KINDS)
    weight: FloatProperty(
        name="Weight",
        description="How strongly the LoRA changes the model, -4 to 4: 0 not at all, 1 as it was trained",
        default=1.0,
        min=-4.0,
        max=4.0,
        soft_min=0.0,
        soft_max=1.5,
    )
    use: BoolProperty(name="Use", description="Use this file for the next texture", default=True)
    trigger: StringProperty(name="Trigger", description="The words that call it in a prompt")


class SDB_PG_adapters(bpy.types.PropertyGroup):
    entries: CollectionProperty(
        name="Entries", description="The LoRAs and embeddings of this scene", type=SDB_PG_adapter
    )
    active: IntProperty(name="Active LoRA", description="The LoRA or embedding that is shown below the list")


def active_adapter(adapters: SDB_PG_adapters) -> SDB_PG_adapter | None:
    """The active entry; a stranger's file may name one that is not there."""
    return adapters.entries[adapters.active] if 0 <= adapters.active < len(adapters.entries) else None


_register_classes, _unregister_classes = bpy.utils.register_classes_factory((SDB_PG_adapter, SDB_PG_adapters))


def register() -> None:
    _register_classes()
    bpy.types.Scene.sd_blender_adapters = PointerProperty(type=SDB_PG_adapters)


def unregister() -> None:
    del bpy.types.Scene.sd_blender_adapters
    _unregister_classes()
