# SPDX-License-Identifier: GPL-3.0-or-later
"""The texture goes on the material; what the artist built there stays."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from sd_blender.blender.properties import status
from sd_blender.blender.results import materials
from tests.blender.conftest import base_color_image, generate, new_image, textured

pytestmark = pytest.mark.every_version

GREEN = np.full((8, 8, 3), (20, 200, 40), np.uint8)


def material_with(thing, *kinds):
    """A material whose tree holds only nodes of these kinds, linked to nothing."""
    material = bpy.data.materials.new("Material")
    if material.node_tree is None:
        material.use_nodes = True
    material.node_tree.nodes.clear()
    thing.data.materials.append(material)
    return material, [material.node_tree.nodes.new(kind) for kind in kinds]


def links_of(tree):
    return {(k.from_node.name, k.from_socket.name, k.to_node.name, k.to_socket.name) for k in tree.links}


def test_an_empty_slot_is_filled(plane, settings):
    plane.data.materials.append(None)
    generate()
    assert len(plane.material_slots) == 1
    assert base_color_image(plane.active_material)


def test_the_active_slot_of_several_is_used(plane, settings):
    first = bpy.data.materials.new("First")
    plane.data.materials.append(first)
    plane.data.materials.append(None)
    plane.active_material_index = 1
    generate()
    assert plane.material_slots[0].material == first
    assert base_color_image(plane.material_slots[1].material)


def test_objects_that_share_a_mesh_keep_their_look(plane, settings):
    twin = bpy.data.objects.new("Twin", plane.data)
    bpy.context.scene.collection.objects.link(twin)
    generate()
    assert base_color_image(plane.active_material)
    assert twin.active_material is None


def test_material_without_nodes_gets_them(plane, settings):
    material = bpy.data.materials.new("Old")
    if material.node_tree is None:  # up to 4.5
        assert not material.use_nodes
    plane.data.materials.append(material)
    generate()
    assert plane.active_material == material
    assert base_color_image(material)


def test_an_artists_texture_stays_in_the_tree_and_gives_its_mapping(plane, settings):
    theirs = new_image("Theirs", GREEN)
    material, node = textured(plane, theirs)
    tree = material.node_tree
    mapping = tree.nodes.new("ShaderNodeMapping")
    tree.links.new(mapping.outputs["Vector"], node.inputs["Vector"])
    node.interpolation, node.extension = "Closest", "MIRROR"
    before = set(tree.nodes.keys())
    generate()
    assert before < set(tree.nodes.keys())
    assert len(tree.nodes) == len(before) + 1
    assert node.image == theirs
    new = next(n for n in tree.nodes if n.name not in before)
    assert base_color_image(material) == new.image != theirs
    assert new.inputs["Vector"].links[0].from_node == mapping
    assert (new.interpolation, new.extension) == ("Closest", "MIRROR")
    assert abs(new.location[0] - node.location[0]) >= 240 or abs(new.location[1] - node.location[1]) >= 240


def test_the_next_texture_takes_the_place_of_the_last_one(plane, settings):
    generate()
    tree = plane.active_material.node_tree
    nodes = len(tree.nodes)
    for seed in (8, 9):
        generate(seed=seed)
    assert len(tree.nodes) == nodes
    assert len(bpy.data.images) == 3
    assert all(image.users for image in bpy.data.images)


def test_corrections_after_our_texture_are_kept(plane, settings):
    generate()
    tree = plane.active_material.node_tree
    texture = next(n for n in tree.nodes if n.type == "TEX_IMAGE")
    shader = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")
    correction = tree.nodes.new("ShaderNodeHueSaturation")
    tree.links.new(texture.outputs["Color"], correction.inputs["Color"])
    tree.links.new(correction.outputs["Color"], shader.inputs["Base Color"])
    before, old = links_of(tree), texture.image
    generate(seed=8)
    assert links_of(tree) == before
    assert texture.image not in (None, old)


def test_a_mix_is_unlinked_but_kept(plane, settings):
    material, node = textured(plane, new_image("Theirs", GREEN))
    tree = material.node_tree
    shader = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")
    mix = tree.nodes.new("ShaderNodeMixRGB")
    tree.links.new(node.outputs["Color"], mix.inputs["Color1"])
    tree.links.new(mix.outputs["Color"], shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = 0.123
    names = set(tree.nodes.keys())
    generate()
    assert names < set(tree.nodes.keys())
    assert mix.inputs["Color1"].links[0].from_node == node
    assert base_color_image(material).name == "mossy stone"
    assert shader.inputs["Roughness"].default_value == pytest.approx(0.123)


def test_a_principled_shader_behind_a_mix_shader_is_found(plane, settings):
    material, (output, mix, glossy, principled) = material_with(
        plane,
        "ShaderNodeOutputMaterial",
        "ShaderNodeMixShader",
        "ShaderNodeBsdfAnisotropic",
        "ShaderNodeBsdfPrincipled",
    )
    tree = material.node_tree
    tree.links.new(mix.outputs[0], output.inputs["Surface"])
    tree.links.new(glossy.outputs[0], mix.inputs[1])
    tree.links.new(principled.outputs[0], mix.inputs[2])
    generate()
    assert principled.inputs["Base Color"].links[0].from_node.image.name == "mossy stone"
    assert not glossy.inputs["Color"].is_linked


@pytest.mark.parametrize("kind", ["ShaderNodeEmission", "ShaderNodeBsdfDiffuse"])
def test_other_shaders_take_it_as_their_colour(plane, settings, kind):
    material, (output, shader) = material_with(plane, "ShaderNodeOutputMaterial", kind)
    material.node_tree.links.new(shader.outputs[0], output.inputs["Surface"])
    generate()
    assert shader.inputs["Color"].links[0].from_node.image.name == "mossy stone"
    assert status.note == ""


def test_a_shader_group_with_a_colour_takes_it(plane, settings):
    group = bpy.data.node_groups.new("Skin", "ShaderNodeTree")
    group.interface.new_socket("Base Color", in_out="INPUT", socket_type="NodeSocketColor")
    group.interface.new_socket("Shader", in_out="OUTPUT", socket_type="NodeSocketShader")
    material, (output, node) = material_with(plane, "ShaderNodeOutputMaterial", "ShaderNodeGroup")
    node.node_tree = group
    material.node_tree.links.new(node.outputs["Shader"], output.inputs["Surface"])
    generate()
    assert node.inputs["Base Color"].links[0].from_node.image.name == "mossy stone"
    assert len(group.nodes) == 0


@pytest.mark.parametrize("kinds", [(), ("ShaderNodeOutputMaterial",)], ids=["no node", "output alone"])
def test_an_empty_tree_is_built(plane, settings, kinds):
    material, _ = material_with(plane, *kinds)
    generate()
    assert base_color_image(material).name == "mossy stone"


def test_a_surface_without_a_colour_gets_the_node_unlinked(plane, settings):
    material, (output, holdout) = material_with(plane, "ShaderNodeOutputMaterial", "ShaderNodeHoldout")
    tree = material.node_tree
    tree.links.new(holdout.outputs[0], output.inputs["Surface"])
    before = links_of(tree)
    generate()
    assert links_of(tree) == before
    assert tree.nodes.active.image.name == "mossy stone"
    assert "connect the new Image Texture" in status.note


def test_a_volume_stays_a_volume(plane, settings):
    material, (output, volume) = material_with(
        plane, "ShaderNodeOutputMaterial", "ShaderNodeVolumePrincipled"
    )
    material.node_tree.links.new(volume.outputs[0], output.inputs["Volume"])
    generate()
    assert not output.inputs["Surface"].is_linked
    assert "connect the new Image Texture" in status.note


def test_the_new_node_covers_no_other(plane, settings):
    material, node = textured(plane, new_image("Theirs", GREEN))
    tree = material.node_tree
    shader = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")
    node.location = (shader.location[0] - 300, shader.location[1])
    blocker = tree.nodes.new("ShaderNodeTexNoise")
    blocker.location = (shader.location[0] - 320, shader.location[1] - 280)
    generate()
    new = shader.inputs["Base Color"].links[0].from_node
    for other in (node, blocker, shader):
        apart = abs(new.location[0] - other.location[0]), abs(new.location[1] - other.location[1])
        assert apart[0] >= 240 or apart[1] >= 240


def test_base_color_texture_goes_through_the_nodes_between(plane):
    material, node = textured(plane, new_image("Theirs", GREEN))
    tree = material.node_tree
    shader = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")
    reroute, curves = tree.nodes.new("NodeReroute"), tree.nodes.new("ShaderNodeRGBCurve")
    tree.links.new(node.outputs["Color"], reroute.inputs[0])
    tree.links.new(reroute.outputs[0], curves.inputs["Color"])
    tree.links.new(curves.outputs["Color"], shader.inputs["Base Color"])
    assert materials.base_color_texture(material) == node
