# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a texture that is on a material can be seen on the object: what is asked when all is done, and told in words.

What is rendered is the object as Blender evaluates it: its modifiers may make or remove faces, and give them materials.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import bpy
import numpy as np

from ...core.sentence import Sentence
from . import materials
from .wires import Spot, Wires

NO_UV_MAP = '"{name}" has no UV map, so the texture may show as one colour; unwrap it.'
MOST_INSTANCES = 2000
"""Of a scene that are looked at; in a larger one nothing is said of an object that shows as instances alone."""


@dataclass
class _Faces:
    """What is rendered of an object: whether there is any face, the materials on them, whether they have a UV map."""

    any: bool = False
    materials: set[bpy.types.Material | None] = field(default_factory=set)
    have_uv: bool = False
    all_seen: bool = True

    def add(self, shown: bpy.types.Object, mesh: bpy.types.Mesh) -> None:
        if len(mesh.polygons):
            self.any = True
            self.have_uv |= len(mesh.uv_layers) > 0
            self.materials |= {_material(shown, mesh, index) for index in _used_slots(mesh)}


def advice(thing: bpy.types.Object, material: bpy.types.Material | None) -> str:
    """One sentence on what may keep a texture from being seen on the object, or "".

    material: the one that has it, or that is to get it; None when it is still to be made.
    """
    if sentence := _of_scene(material):
        return sentence
    if thing.mode == "EDIT":
        return ""
    faces = _faces(thing, material)
    name = thing.name
    if not faces.all_seen:
        return ""
    if not faces.any and thing.type == "MESH":
        return Sentence('"{name}" has no faces, so the texture shows nowhere yet; model some.', name=name)
    if not faces.any:
        return Sentence(
            '"{name}" has no surface, so the texture shows nowhere yet; give it one, or convert it '
            "to a mesh.",
            name=name,
        )
    if material is not None and material not in faces.materials:
        return _on_no_face(thing, material)
    if faces.have_uv or not _needs_uv(material):
        return ""
    if thing.type == "MESH":
        return Sentence(NO_UV_MAP, name=name)
    return Sentence(
        '"{name}" has no UV map, so the texture may show as one colour; convert it to a mesh and '
        "unwrap that.",
        name=name,
    )


def _needs_uv(material: bpy.types.Material | None) -> bool:
    """Whether the colour's texture lies as a UV map says; one that is mapped by anything else needs none."""
    texture = materials.base_color_texture(material) if material is not None else None
    if texture is None:
        return True
    wires, spot = Wires(follow_muted=False), Spot((), texture.inputs["Vector"])
    while (wire := wires.trace(spot)).kind == "MAPPING":
        spot = Spot(wire.source.groups, wire.node.inputs["Vector"])
    return wire.source is None or wire.kind == "UVMAP" or wire.source.socket.name == "UV"


def _of_scene(material: bpy.types.Material | None) -> str:
    """What keeps the texture from every object."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    if layer.material_override not in (None, material):
        override = layer.material_override.name
        return Sentence(
            'View layer "{name}" shows everything in material "{override}", so the texture shows '
            "nowhere; clear its Material Override.",
            name=layer.name,
            override=override,
        )
    if scene.render.engine == "BLENDER_WORKBENCH" and scene.display.shading.color_type != "TEXTURE":
        return "Workbench, with which this scene renders, shows no textures; set Color to Texture in its settings."
    return ""


def _on_no_face(thing: bpy.types.Object, material: bpy.types.Material) -> str:
    slots = [number for number, slot in enumerate(thing.material_slots) if slot.material == material]
    mesh = thing.data
    used = material.name
    if isinstance(mesh, bpy.types.Mesh) and not _used_slots(mesh) & set(slots):
        return Sentence(
            'No face of "{name}" uses material "{used}", so the texture shows nowhere; assign it to some.',
            name=thing.name,
            used=used,
        )
    return Sentence(
        'The modifiers of "{name}" put other materials on its faces, so the texture shows '
        'nowhere; use "{used}" in them.',
        name=thing.name,
        used=used,
    )


def _faces(thing: bpy.types.Object, material: bpy.types.Material | None) -> _Faces:
    """material: it is looked for among the instances too where the object's own faces have others."""
    faces = _Faces()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    evaluated = thing.evaluated_get(depsgraph)
    if isinstance(evaluated.data, bpy.types.Mesh):
        faces.add(evaluated, evaluated.data)
    if faces.any and material in (None, *faces.materials):
        return faces
    # Curves, and what modifiers make as instances. Each is gone when the next one is asked for.
    seen = 0
    for instance in itertools.islice(depsgraph.object_instances, MOST_INSTANCES):
        seen += 1
        if instance.is_instance and instance.parent == evaluated:
            shown = instance.object
            if isinstance(shown.data, bpy.types.Mesh):
                faces.add(shown, shown.data)
    faces.all_seen = material in faces.materials or seen < MOST_INSTANCES
    return faces


def _material(shown: bpy.types.Object, mesh: bpy.types.Mesh, index: int) -> bpy.types.Material | None:
    """What a face with this index is drawn in, by the object's slot or by the mesh; beyond the end it is the last."""
    index = min(index, max(len(mesh.materials), len(shown.material_slots)) - 1)
    slots = shown.material_slots
    if 0 <= index < len(slots) and slots[index].link == "OBJECT":
        material = slots[index].material
    else:
        material = mesh.materials[index] if 0 <= index < len(mesh.materials) else None
    return material.original if material is not None else None


def _used_slots(mesh: bpy.types.Mesh) -> set[int]:
    numbers = mesh.attributes.get("material_index")
    if numbers is None or numbers.domain != "FACE" or numbers.data_type != "INT":
        return {0} if len(mesh.polygons) else set()
    values = np.zeros(len(mesh.polygons), np.int32)
    numbers.data.foreach_get("value", values)
    return {int(number) for number in np.flatnonzero(np.bincount(np.maximum(values, 0)))}
