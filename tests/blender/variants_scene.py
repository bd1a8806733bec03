# SPDX-License-Identifier: GPL-3.0-or-later
"""Variants on an object as tests arrange them, and all that a preview could change as values to compare."""

from __future__ import annotations

import json
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from sd_blender.blender.variants import operators as variants_operators
from sd_blender.blender.variants import properties as variants_properties
from sd_blender.blender.variants import requests as variant_requests
from tests.blender.conftest import (
    base_color_image,
    drain_until,
    generate,
    new_image,
    pixels_of,
    submit,
    textured,
)

REROLL = variants_operators.SDB_OT_reroll_variants
MORE_LIKE = variants_operators.SDB_OT_more_like_variant
GREEN = np.full((32, 48, 3), (20, 200, 40), np.uint8)


def offered():
    return bpy.context.scene.sd_blender_variants


def shown():
    """The number of the variant on trial, or None."""
    item = variants_properties.shown_in(bpy.context.scene)
    return None if item is None else [one.key for one in offered()].index(item.key)


def arrive(count=3, seed=7, **values):
    """Generate as the panel's button does, and wait for the variants."""
    wait_for(submit(count=count, seed=seed, **values))


def more(operator, index=-1):
    """Click a button that makes more variants; in background mode bpy.ops itself would apply the first."""
    button = SimpleNamespace(index=index)
    button.item, button.request = (
        (lambda c: operator.item(button, c)),
        (lambda i: operator.request(button, i)),
    )
    wait_for(operator.submit(button, bpy.context))


def wait_for(ticket):
    ticket.on_trial = True
    drain_until(lambda: not ticket.is_open)
    assert not ticket.error


def seed_of(image):
    return json.loads(image["sd_blender"])["result"]["seed"]


def seed_on(thing):
    return seed_of(base_color_image(thing.active_material))


def reopen(path):
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    variant_requests._newest = None  # as in another Blender


def values_of(struct):
    """What a struct holds, apart from what it points at."""
    skipped = {
        "name_full",
        "session_uid",
        "users",
        "id_type",
        "is_updated",
        "is_updated_data",
        "is_evaluated",
    }
    if bpy.app.version >= (5, 0):
        skipped.add("use_nodes")  # to ask is an error of these tests
    found = {}
    for prop in struct.bl_rna.properties:
        if prop.identifier.startswith("sd_blender"):  # what goes with the add-on
            continue
        if prop.type not in ("POINTER", "COLLECTION") and prop.identifier not in skipped:
            value = getattr(struct, prop.identifier)
            found[prop.identifier] = tuple(value) if getattr(prop, "is_array", False) else value
    return found


def look_of_tree(tree):
    if tree is None:
        return None
    nodes = {}
    for node in tree.nodes:
        nodes[node.name] = values_of(node)
        nodes[node.name]["inputs"] = [
            (socket.identifier, list(value) if hasattr(value, "__len__") else value)
            for socket in node.inputs
            if (value := getattr(socket, "default_value", None)) is not None
        ]
        nodes[node.name]["image"] = getattr(getattr(node, "image", None), "name", None)
    links = {
        (k.from_node.name, k.from_socket.identifier, k.to_node.name, k.to_socket.identifier, k.is_muted)
        for k in tree.links
    }
    return nodes, links, tree.nodes.active.name if tree.nodes.active else None


def look(images=None):
    """Everything that a preview could change, as comparable values; of the images those named, or all."""
    data = bpy.data
    return {
        "materials": {m.name: (values_of(m), look_of_tree(m.node_tree)) for m in data.materials},
        "groups": {tree.name: look_of_tree(tree) for tree in data.node_groups},
        "worlds": {world.name: look_of_tree(world.node_tree) for world in data.worlds},
        "objects": {
            thing.name: (
                [(slot.link, slot.material and slot.material.name) for slot in thing.material_slots],
                [material and material.name for material in thing.data.materials],
                thing.active_material_index,
            )
            for thing in data.objects
        },
        "images": {
            image.name: (values_of(image), image.colorspace_settings.name, pixels_of(image).tobytes())
            for image in data.images
            if images is None or image.name in images
        },
    }


def no_material(plane):
    pass


def an_empty_slot(plane):
    plane.data.materials.append(bpy.data.materials.new("First"))
    plane.data.materials.append(None)
    plane.active_material_index = 1


def a_shared_mesh(plane):
    twin = bpy.data.objects.new("Twin", plane.data)
    bpy.context.scene.collection.objects.link(twin)


def a_shared_mesh_with_an_empty_slot(plane):
    a_shared_mesh(plane)
    plane.data.materials.append(None)


def a_material(plane):
    material = bpy.data.materials.new("Plain")
    if material.node_tree is None:
        material.use_nodes = True
    plane.data.materials.append(material)
    return material


def a_material_without_nodes(plane):
    material = a_material(plane)
    if bpy.app.version < (5, 0):
        material.use_nodes = False


def a_painted_texture(plane):
    """With strokes that are not saved yet, and a mapping."""
    painted = new_image("Painted", GREEN)
    painted.pack()
    painted.pixels[0:4] = (1.0, 0.0, 0.0, 1.0)
    assert painted.is_dirty
    material, node = textured(plane, painted)
    mapping = material.node_tree.nodes.new("ShaderNodeMapping")
    material.node_tree.links.new(mapping.outputs["Vector"], node.inputs["Vector"])
    return material, node


def a_muted_link(plane):
    material, _ = a_painted_texture(plane)
    next(link for link in material.node_tree.links if link.to_socket.name == "Base Color").is_muted = True


def an_earlier_result(plane):
    generate(seed=99)


def an_earlier_result_that_others_use(plane):
    generate(seed=99)
    base_color_image(plane.active_material).use_fake_user = True


def a_tree_without_nodes(plane):
    a_material(plane).node_tree.nodes.clear()


def a_tree_without_a_surface(plane):
    tree = a_material(plane).node_tree
    tree.nodes.clear()
    output, volume = tree.nodes.new("ShaderNodeOutputMaterial"), tree.nodes.new("ShaderNodeVolumePrincipled")
    tree.links.new(volume.outputs[0], output.inputs["Volume"])
    for node in tree.nodes:
        node.select = node == volume
    tree.nodes.active = volume


def a_chosen_node(plane):
    """Of a material, for data such as roughness."""
    material, _ = a_painted_texture(plane)
    rough = new_image("Rough", GREEN, is_data=True)
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = rough
    material.node_tree.nodes.active = node
    bpy.context.scene.sd_blender.destination = "NODE"


PLACES = [
    no_material,
    an_empty_slot,
    a_shared_mesh,
    a_shared_mesh_with_an_empty_slot,
    a_material,
    a_material_without_nodes,
    a_painted_texture,
    a_muted_link,
    an_earlier_result,
    an_earlier_result_that_others_use,
    a_tree_without_nodes,
    a_tree_without_a_surface,
    a_chosen_node,
]
every_place = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
