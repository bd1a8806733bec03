# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a result goes: remembered by name and session id, looked up and checked again when the result is there.

A job never holds a reference to Blender's data: undo and File > Open would leave it dangling.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import bpy

from ...core.errors import BlenderStateError
from ...core.sentence import Sentence
from .. import libraries, lifecycle
from ..encoding import AS_ON_SCREEN, Encoding
from . import nodes

WITHOUT_TEXTURES = ("PENCIL", "VOLUME")
"""How the types of objects end that have materials, of which no Image Texture is shown."""


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
            raise BlenderStateError(
                Sentence('Image Texture "{name}" of "{name2}" is gone', name=self.name, name2=self.owner.name)
            )
        nodes.check_editable(owner)
        shown = node.image
        known = shown is None or made_by_us in shown or (self.image and shown.session_uid == self.image.uid)
        if not known:
            raise BlenderStateError(
                Sentence(
                    'Image Texture "{name}" was given the image "{name2}" meanwhile',
                    name=self.name,
                    name2=shown.name,
                )
            )
        return node


@dataclass(frozen=True)
class Target:
    """The file, the object and its material that a job was started for, and the image that it was started from.

    scene: the one that it was asked in, whose history takes it. object: None when the result is to change no material.
    material: None when the object had none yet in its active slot, the one numbered ``slot``. node: what the result
    goes into instead of an object's material. encoding: what the bytes of the result stand for.
    """

    file_generation: int
    object: Reference | None
    material: Reference | None
    source: Reference | None
    slot: int = 0
    node: NodeReference | None = None
    scene: Reference | None = None
    encoding: Encoding = AS_ON_SCREEN

    @classmethod
    def of(
        cls,
        thing: bpy.types.Object | None,
        source: bpy.types.Image | None,
        scene: bpy.types.Scene | None = None,
        encoding: Encoding = AS_ON_SCREEN,
    ) -> Target:
        """For an object that :func:`check_object` accepts, or None for an image alone."""
        material = None if thing is None else thing.active_material
        return cls(
            lifecycle.file_generation(),
            Reference.to(thing),
            Reference.to(material),
            Reference.to(source),
            0 if thing is None else thing.active_material_index,
            scene=Reference.to(scene),
            encoding=encoding,
        )

    @classmethod
    def of_node(
        cls,
        node: NodeReference,
        source: bpy.types.Image | None,
        scene: bpy.types.Scene | None = None,
        encoding: Encoding = AS_ON_SCREEN,
    ) -> Target:
        """For a node that :func:`nodes.find_active` found."""
        return cls(
            lifecycle.file_generation(),
            None,
            None,
            Reference.to(source),
            node=node,
            scene=Reference.to(scene),
            encoding=encoding,
        )

    @property
    def shows_result(self) -> bool:
        """Whether the result goes anywhere but into an image."""
        return self.object is not None or self.node is not None

    @property
    def is_of_open_file(self) -> bool:
        return self.file_generation == lifecycle.file_generation()

    def find_source(self) -> bpy.types.Image | None:
        return self.source.find(bpy.data.images) if self.source and self.is_of_open_file else None

    def find_scene(self) -> bpy.types.Scene | None:
        """The scene that it was asked in, None when that is gone; the open one where another file is open by now."""
        if self.scene is None or not self.is_of_open_file:
            return bpy.context.scene
        return self.scene.find(bpy.data.scenes)

    def find_object(self) -> bpy.types.Object:
        """The object, fit to take a material still. Raises BlenderStateError."""
        thing = self.object.find(bpy.data.objects)
        if thing is None:
            raise BlenderStateError(Sentence('Object "{name}" is gone', name=self.object.name))
        check_kind(thing)
        return thing

    def find_material(self, thing: bpy.types.Object) -> bpy.types.Material | None:
        """The material that the object still has, None when one is to be made in the slot. Raises BlenderStateError."""
        if self.material is None:
            if self.slot >= max(1, len(thing.material_slots)):
                raise BlenderStateError(
                    Sentence('Material slot {slot} of "{name}" is gone', slot=self.slot + 1, name=thing.name)
                )
            check_slot(thing, self.slot)
            return material_in(thing, self.slot)
        material = self.material.find(bpy.data.materials)
        if material is None:
            raise BlenderStateError(Sentence('Material "{name}" is gone', name=self.material.name))
        if material not in [slot.material for slot in thing.material_slots]:
            raise BlenderStateError(
                Sentence('Material "{name}" is no longer on "{name2}"', name=material.name, name2=thing.name)
            )
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
    if thing.type.endswith(WITHOUT_TEXTURES) or not hasattr(thing.data, "materials"):
        kind = thing.type.replace("_", " ").lower()
        raise BlenderStateError(
            Sentence('"{name}" ({kind}) shows no texture; select a mesh.', name=thing.name, kind=kind)
        )
    # A mesh may be in Edit Mode through another object.
    if thing.mode == "EDIT" or getattr(thing.data, "is_editmode", False):
        raise BlenderStateError(
            Sentence('"{name}" is in Edit Mode; leave it with Tab first.', name=thing.name)
        )


def material_in(thing: bpy.types.Object, slot: int) -> bpy.types.Material | None:
    return thing.material_slots[slot].material if slot < len(thing.material_slots) else None


def check_slot(thing: bpy.types.Object, slot: int) -> None:
    """Raise BlenderStateError unless the material in a slot can be changed, or one can be put there."""
    material = material_in(thing, slot)
    if material is not None:
        check_material(material)
    elif not thing.is_editable or not (libraries.is_kept(thing.data) or thing.material_slots):
        raise BlenderStateError(
            Sentence(
                '"{name}" is linked from another file and has no material; give it one there or make it '
                "local.",
                name=thing.name,
            )
        )


def check_material(material: bpy.types.Material) -> None:
    if not material.is_editable:
        raise BlenderStateError(
            Sentence(
                'Material "{name}" is linked from another file; make it local to change it.',
                name=material.name,
            )
        )
    if not libraries.is_kept(material):
        raise BlenderStateError(
            Sentence(
                'Material "{name}" is a library override, whose new nodes are not saved; make it local, '
                "or put another material in its slot.",
                name=material.name,
            )
        )
