# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a result goes: remembered by name and session id, looked up and checked again when the result is there.

A job never holds a reference to Blender's data: undo and File > Open would leave it dangling.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import bpy

from ...core.errors import BlenderStateError
from .. import lifecycle
from . import nodes


@dataclass(frozen=True)
class Reference:
    """A datablock that may be renamed, undone or removed meanwhile."""

    name: str
    uid: int

    @classmethod
    def to(cls, datablock: bpy.types.ID | None) -> Reference | None:
        return None if datablock is None else cls(datablock.name, datablock.session_uid)

    def find(self, collection: Iterable[bpy.types.ID]) -> bpy.types.ID | None:
        return next((item for item in collection if item.session_uid == self.uid), None)


@dataclass(frozen=True)
class NodeReference:
    """An Image Texture node: the material, group, world or light that it is part of, its name, and what it showed."""

    owner: Reference
    name: str
    image: Reference | None

    @classmethod
    def to(cls, owner: bpy.types.ID, node: bpy.types.ShaderNodeTexImage) -> NodeReference:
        return cls(Reference.to(owner), node.name, Reference.to(node.image))

    def find(self, made_by_us: str) -> bpy.types.ShaderNodeTexImage:
        """The node, if it still shows what it did, or an earlier result: an image with the custom property
        ``made_by_us``. Raises BlenderStateError.
        """
        owner = self.owner.find(nodes.trees())
        tree = nodes.tree_of(owner) if owner is not None else None
        node = tree.nodes.get(self.name) if tree is not None else None
        if node is None or node.type != "TEX_IMAGE":
            raise BlenderStateError(f'Image Texture "{self.name}" of "{self.owner.name}" is gone')
        nodes.check_editable(owner)
        shown = node.image
        known = shown is None or made_by_us in shown or (self.image and shown.session_uid == self.image.uid)
        if not known:
            raise BlenderStateError(
                f'Image Texture "{self.name}" was given the image "{shown.name}" meanwhile'
            )
        return node


@dataclass(frozen=True)
class Target:
    """The file, the object and its material that a job was started for, and the image that it was started from.

    object: None when the result is to change no material. material: None when the object had none yet in its
    active slot, the one numbered ``slot``. node: what the result goes into instead of an object's material.
    """

    file_generation: int
    object: Reference | None
    material: Reference | None
    source: Reference | None
    slot: int = 0
    node: NodeReference | None = None

    @classmethod
    def of(cls, thing: bpy.types.Object | None, source: bpy.types.Image | None) -> Target:
        """For an object that :func:`check_object` accepts, or None for an image alone."""
        material = None if thing is None else thing.active_material
        return cls(
            lifecycle.file_generation(),
            Reference.to(thing),
            Reference.to(material),
            Reference.to(source),
            0 if thing is None else thing.active_material_index,
        )

    @classmethod
    def of_node(cls, node: NodeReference, source: bpy.types.Image | None) -> Target:
        """For a node that :func:`nodes.find_active` found."""
        return cls(lifecycle.file_generation(), None, None, Reference.to(source), node=node)

    @property
    def shows_result(self) -> bool:
        """Whether the result goes anywhere but into an image."""
        return self.object is not None or self.node is not None

    @property
    def is_of_open_file(self) -> bool:
        return self.file_generation == lifecycle.file_generation()

    def find_source(self) -> bpy.types.Image | None:
        return self.source.find(bpy.data.images) if self.source and self.is_of_open_file else None

    def find_object(self) -> bpy.types.Object:
        """The object, fit to take a material still. Raises BlenderStateError."""
        thing = self.object.find(bpy.data.objects)
        if thing is None:
            raise BlenderStateError(f'Object "{self.object.name}" is gone')
        check_kind(thing)
        return thing

    def find_material(self, thing: bpy.types.Object) -> bpy.types.Material | None:
        """The material that the object still has, None when one is to be made in the slot. Raises BlenderStateError."""
        if self.material is None:
            if self.slot >= max(1, len(thing.material_slots)):
                raise BlenderStateError(f'Material slot {self.slot + 1} of "{thing.name}" is gone')
            check_slot(thing, self.slot)
            return material_in(thing, self.slot)
        material = self.material.find(bpy.data.materials)
        if material is None:
            raise BlenderStateError(f'Material "{self.material.name}" is gone')
        if material not in [slot.material for slot in thing.material_slots]:
            raise BlenderStateError(f'Material "{material.name}" is no longer on "{thing.name}"')
        check_material(material)
        return material


def check_object(thing: bpy.types.Object | None) -> None:
    """Raise BlenderStateError unless a texture can go on the object's material, or on one made for it."""
    if thing is None:
        raise BlenderStateError("No object is active; select one, or set Result to Image Only.")
    check_kind(thing)
    check_slot(thing, thing.active_material_index)


def check_kind(thing: bpy.types.Object) -> None:
    """Raise BlenderStateError unless objects like this one, in this mode, can take a texture."""
    if thing.type.endswith("PENCIL") or not hasattr(thing.data, "materials"):
        kind = thing.type.replace("_", " ").lower()
        raise BlenderStateError(f'"{thing.name}" ({kind}) shows no texture; select a mesh.')
    # A mesh may be in Edit Mode through another object.
    if thing.mode == "EDIT" or getattr(thing.data, "is_editmode", False):
        raise BlenderStateError(f'"{thing.name}" is in Edit Mode; leave it with Tab first.')


def material_in(thing: bpy.types.Object, slot: int) -> bpy.types.Material | None:
    return thing.material_slots[slot].material if slot < len(thing.material_slots) else None


def check_slot(thing: bpy.types.Object, slot: int) -> None:
    """Raise BlenderStateError unless the material in a slot can be changed, or one can be put there."""
    material = material_in(thing, slot)
    if material is not None:
        check_material(material)
    elif not thing.is_editable or not (thing.data.is_editable or thing.material_slots):
        raise BlenderStateError(
            f'"{thing.name}" is linked from another file and has no material; give it one there or make it local.'
        )


def check_material(material: bpy.types.Material) -> None:
    if not material.is_editable:
        raise BlenderStateError(
            f'Material "{material.name}" is linked from another file; make it local to change it.'
        )


def advice(thing: bpy.types.Object) -> str:
    """One sentence on what may keep the texture from looking right, or ""."""
    if thing.type != "MESH" or thing.mode == "EDIT":
        return ""
    if not thing.data.polygons:
        return f'"{thing.name}" has no faces, so the texture shows nowhere yet; model some.'
    if not thing.data.uv_layers:
        return f'"{thing.name}" has no UV map, so the texture may show as one colour; unwrap it.'
    return ""
