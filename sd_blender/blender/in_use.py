# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of two settings is in use, where what makes sense to begin with differs between tasks.

A picture of the scene belongs on no object, so that it begins as Image Only; and what is inpainted most is the texture
of the object. Whoever chooses *Result* or *Source* once has chosen it for all tasks: nothing is changed behind their
back. Panels draw the property of the name that is returned here, so that what is shown is what is used.
"""

from __future__ import annotations

from typing import Any

import bpy

from . import late

with late.imports():
    from .results import materials

RENDERED_SOURCES = ("RENDER_RESULT", "RENDER", "VIEWPORT")
"""Sources that are a picture of the scene."""


def source_name(context: bpy.types.Context, task: str = "") -> str:
    """The property of the settings that says what to start from. task: instead of what the settings say."""
    settings = context.scene.sd_blender
    if settings.is_property_set("source") or (task or settings.task) != "INPAINT":
        return "source"
    if settings.is_property_set("inpaint_source") or active_texture(context) is not None:
        return "inpaint_source"
    return "source"


def source(context: bpy.types.Context, task: str = "") -> str:
    """What to start from, such as "TEXTURE"; "" for a choice of a newer add-on."""
    return getattr(context.scene.sd_blender, source_name(context, task))


def destination_name(context: bpy.types.Context, task: str = "") -> str:
    """The property of the settings that says where the texture goes. task: instead of what the settings say."""
    settings = context.scene.sd_blender
    if settings.is_property_set("destination") or (task or settings.task) == "TEXT_TO_IMAGE":
        return "destination"
    return "render_destination" if source(context, task) in RENDERED_SOURCES else "destination"


def destination(context: bpy.types.Context, task: str = "") -> str:
    """Where the texture goes: "MATERIAL", "NODE" or "IMAGE"; "" for a choice of a newer add-on."""
    return getattr(context.scene.sd_blender, destination_name(context, task))


def active_texture(context: bpy.types.Context) -> bpy.types.Image | None:
    """The image that is the colour of the active object's material."""
    thing: Any = context.view_layer.objects.active
    material = thing.active_material if thing is not None else None
    node = materials.base_color_texture(material) if material is not None else None
    return node.image if node is not None else None
