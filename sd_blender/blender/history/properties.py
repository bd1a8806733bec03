# SPDX-License-Identifier: GPL-3.0-or-later
"""The history as it is saved in the .blend: one entry for each picture that was made in a scene.

An entry names its image and does not point at it. A pointer would count as a user, so that the history alone would
keep every picture in the file for ever, the artist's Purge would do nothing, and each image would look shared.

The groups have no methods: with one, Blender 4.2 as a Python module crashes when it exits.
"""

from __future__ import annotations

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

UNJUDGED = -2.0
"""Instead of a score."""


def score_property() -> object:
    """Of a picture; variants have it too."""
    return FloatProperty(
        name="Score",
        description="How well the texture fits, -1 to 1; below that where nobody judged it",
        default=UNJUDGED,
    )


class SDB_PG_history_entry(bpy.types.PropertyGroup):
    """One picture. The settings are the text that its image and its PNG file carry too.

    packed_size: bytes of the image as it was delivered, 0 for one in a file of its own.
    """

    image: StringProperty(name="Image", description="Name of the image when it was made")
    prompt: StringProperty(name="Prompt", description="What the texture shows")
    seed: StringProperty(name="Seed", description="The seed that makes this texture")
    size: StringProperty(name="Size", description="Width and height in pixels")
    score: score_property()
    made_at: StringProperty(name="Made At", description="Day and time at which the texture was made")
    favourite: BoolProperty(
        name="Favourite", description="Keep this texture when the history is over its limit"
    )
    settings: StringProperty(name="Settings", description="Everything that made the texture, as JSON")
    thumbnail: StringProperty(
        name="Thumbnail", description="A small copy of the texture", subtype="BYTE_STRING"
    )
    packed_size: IntProperty(name="Packed Size", description="Bytes of the texture in the .blend")


class SDB_PG_history(bpy.types.PropertyGroup):
    """The pictures made in a scene, oldest first, as ``Scene.sd_blender_history``."""

    entries: CollectionProperty(
        name="Entries", description="The textures, oldest first", type=SDB_PG_history_entry
    )
    active: IntProperty(name="Active Texture", description="The texture of the history that is shown")


def chosen(history: SDB_PG_history) -> SDB_PG_history_entry | None:
    """The active entry; a stranger's file may name one that is not there."""
    return history.entries[history.active] if 0 <= history.active < len(history.entries) else None


_register_classes, _unregister_classes = bpy.utils.register_classes_factory(
    (SDB_PG_history_entry, SDB_PG_history)
)


def register() -> None:
    _register_classes()
    bpy.types.Scene.sd_blender_history = PointerProperty(type=SDB_PG_history)


def unregister() -> None:
    del bpy.types.Scene.sd_blender_history
    _unregister_classes()
