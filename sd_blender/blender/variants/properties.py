# SPDX-License-Identifier: GPL-3.0-or-later
"""What is saved in the .blend of a choice between variants: the variants of a scene, and what a preview changed.

A preview is no undo step, and yet the next step of anything else holds it, and so does a file that Blender saves by
itself. That is why what shows it carries what brings it back: whatever is read from there can be put right.

The groups have no methods: with one, Blender 4.2 as a Python module crashes when it exits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import bpy
from bpy.props import CollectionProperty, PointerProperty, StringProperty

from ..history.properties import score_property

if TYPE_CHECKING:
    from ..results.targets import Reference

PREVIEW = "sd_blender_preview"
"""A property of each datablock with nodes; only where a preview is shown is it set."""

OWNERS = {"Material": "materials", "NodeTree": "node_groups", "World": "worlds", "Light": "lights"}


class SDB_PG_variant(bpy.types.PropertyGroup):
    """A picture to choose or to leave; ``image`` and ``settings`` find its image as those of the history do."""

    key: StringProperty(name="Key", description="What tells this variant from all others")
    batch: StringProperty(name="Batch", description="The same for all that were made together")
    image: StringProperty(name="Image", description="Name of the image when it was made")
    settings: StringProperty(name="Settings", description="Everything that made the texture, as JSON")
    seed: StringProperty(name="Seed", description="The seed that makes this texture")
    score: score_property()
    thumbnail: StringProperty(
        name="Thumbnail", description="A small copy of the texture", subtype="BYTE_STRING"
    )
    target: StringProperty(name="Target", description="Where the texture goes when it is applied, as JSON")


class SDB_PG_preview(bpy.types.PropertyGroup):
    """What a preview changed in the nodes of the datablock that has it; the pointers keep the images alive."""

    variant: PointerProperty(name="Variant", description="The image on trial", type=bpy.types.Image)
    before: PointerProperty(
        name="Before", description="The image that the variant stands in for", type=bpy.types.Image
    )
    object: PointerProperty(
        name="Object",
        description="The object that had no material, when this one was made for the preview",
        type=bpy.types.Object,
    )
    changes: StringProperty(name="Changes", description="What to take back, as JSON")


@dataclass
class Shown:
    """The variant on trial, by its key; "" for none. It is no property: undo and files bring none back.

    image: its image. instead_of: what was shown in its place before. editors: what an Image Editor that shows it showed
    before, by its address. paused: it is away for a moment, while Blender saves. spare: the material that was made for
    it, meanwhile.
    """

    key: str = ""
    image: Reference | None = None
    instead_of: Reference | None = None
    editors: dict[int, Reference | None] = field(default_factory=dict)
    paused: bool = False
    spare: Reference | None = None

    def reset(self) -> None:
        self.__init__()


shown = Shown()


def shown_in(scene: bpy.types.Scene) -> SDB_PG_variant | None:
    """The variant of a scene that is shown on trial now."""
    if not shown.key:
        return None
    return next((item for item in scene.sd_blender_variants if item.key == shown.key), None)


_register_classes, _unregister_classes = bpy.utils.register_classes_factory((SDB_PG_variant, SDB_PG_preview))


def previewed() -> list[bpy.types.ID]:
    """What shows a preview. To read the property of any other datablock would give it one."""
    owners = (owner for collection in OWNERS.values() for owner in getattr(bpy.data, collection))
    return [owner for owner in owners if owner.is_property_set(PREVIEW) and owner.is_editable]


def register() -> None:
    _register_classes()
    bpy.types.Scene.sd_blender_variants = CollectionProperty(type=SDB_PG_variant)
    for owner in OWNERS:
        setattr(getattr(bpy.types, owner), PREVIEW, PointerProperty(type=SDB_PG_preview))


def unregister() -> None:
    for owner in OWNERS:
        delattr(getattr(bpy.types, owner), PREVIEW)
    del bpy.types.Scene.sd_blender_variants
    _unregister_classes()
