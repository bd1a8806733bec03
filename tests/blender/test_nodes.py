# SPDX-License-Identifier: GPL-3.0-or-later
"""A texture into the active Image Texture node, if that is still what it was when the result is there."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from sd_blender.blender import menus
from sd_blender.blender.properties import status
from tests.blender.conftest import (
    drain_until,
    finish,
    generate,
    new_image,
    pixels_of,
    running,
    submit,
    textured,
)
from tests.blender.test_panels import draw, shader_editor
from tests.fakes import picture

pytestmark = pytest.mark.every_version

GREY = np.full((32, 32, 3), 128, np.uint8)


@pytest.fixture
def node(plane):
    """An Image Texture for roughness, active, beside the one of Base Color."""
    material, _ = textured(plane, new_image("Theirs", GREY))
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.name, node.extension = "Rough", "EXTEND"
    material.node_tree.nodes.active = node
    return node


def test_it_goes_into_the_active_node_and_nowhere_else(plane, node, settings):
    base = next(n for n in plane.active_material.node_tree.nodes if n.type == "TEX_IMAGE" and n != node)
    links = len(plane.active_material.node_tree.links)
    generate(destination="NODE")
    np.testing.assert_array_equal(pixels_of(node.image)[..., :3], picture(7, 48, 32))
    assert base.image.name == "Theirs" and node.extension == "EXTEND"
    assert len(plane.active_material.node_tree.links) == links
    assert not status.note


def test_from_the_shader_editor_and_back_to_the_settings(plane, node, settings):
    settings.destination = "IMAGE"
    with shader_editor(plane.active_material.node_tree):
        assert bpy.ops.sdb.generate_in_node() == {"FINISHED"}
    assert node.image.name == "mossy stone" and settings.destination == "IMAGE"


def test_a_node_of_a_world_in_the_shader_editor(settings):
    world = bpy.data.worlds.new("World")
    if world.node_tree is None:
        world.use_nodes = True
    bpy.context.scene.world = world
    node = world.node_tree.nodes.new("ShaderNodeTexImage")
    world.node_tree.nodes.active = node
    with shader_editor(world.node_tree):
        assert bpy.ops.sdb.generate_in_node() == {"FINISHED"}
    assert node.image.name == "mossy stone"


def test_a_node_in_a_group(plane, settings):
    group = bpy.data.node_groups.new("Wear", "ShaderNodeTree")
    node = group.nodes.new("ShaderNodeTexImage")
    group.nodes.active = node
    from sd_blender.blender.results.targets import NodeReference

    reference = NodeReference.to(group, node)
    assert reference.find(made_by_us="sd_blender") == node
    group.name = "Tear"  # a name is no identity
    assert reference.find(made_by_us="sd_blender") == node
    bpy.data.node_groups.remove(group)
    with pytest.raises(Exception, match='Image Texture "Image Texture" of "Wear" is gone'):
        reference.find(made_by_us="sd_blender")


def test_the_old_image_is_kept_and_one_undo_brings_it_back(plane, node, settings):
    node.image = new_image("Old", GREY)
    bpy.ops.ed.undo_push(message="before")
    generate(destination="NODE")
    assert bpy.data.images["Old"].use_fake_user
    bpy.ops.ed.undo()
    assert bpy.data.objects["Plane"].active_material.node_tree.nodes["Rough"].image.name == "Old"


@pytest.mark.parametrize(("space", "expected"), [("Non-Color", "Non-Color"), ("sRGB", "sRGB")])
def test_data_stays_data(plane, node, settings, space, expected):
    node.image = new_image("Old", GREY)
    node.image.colorspace_settings.name = space
    generate(destination="NODE")
    assert node.image.name == "mossy stone" and node.image.colorspace_settings.name == expected
    np.testing.assert_array_equal(pixels_of(node.image)[..., :3], picture(7, 48, 32))


def test_twice_into_the_same_node(plane, node, settings):
    generate(destination="NODE")
    first = node.image
    generate(destination="NODE", seed=8)
    assert node.image != first and first.use_fake_user and not status.note


MEANWHILE = {
    "removed": (lambda node: node.id_data.nodes.remove(node), 'Image Texture "Rough" of "Painted" is gone'),
    "renamed": (lambda node: setattr(node, "name", "Else"), 'Image Texture "Rough" of "Painted" is gone'),
    "another image": (
        lambda node: setattr(node, "image", new_image("Mine", GREY)),
        'Image Texture "Rough" was given the image "Mine" meanwhile',
    ),
}


@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_what_the_artist_did_meanwhile_stays(held, plane, node, settings, meanwhile):
    change, sentence = MEANWHILE[meanwhile]
    ticket = submit(destination="NODE")
    drain_until(running(held))
    change(node)
    finish(held, ticket)
    assert status.note == f'{sentence}; the texture is kept as image "mossy stone".'
    image = bpy.data.images["mossy stone"]
    assert image.use_fake_user and image.users == 1


def test_an_image_taken_out_meanwhile_is_no_obstacle(held, plane, node, settings):
    node.image = new_image("Old", GREY)
    ticket = submit(destination="NODE")
    drain_until(running(held))
    node.image = None
    finish(held, ticket)
    assert node.image.name == "mossy stone" and not status.note


def test_why_there_is_nothing_to_generate_into(plane, settings):
    settings.destination = "NODE"
    for _ in range(2):
        with pytest.raises(RuntimeError, match="No Image Texture node is active; click one"):
            bpy.ops.sdb.generate()
        with pytest.raises(RuntimeError, match="No Image Texture node is active; click one"):
            bpy.ops.sdb.generate_in_node()
        material, _ = textured(plane, new_image("Theirs", GREY))  # its active node is no texture
        material.node_tree.nodes.active = next(
            n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED"
        )


def test_the_context_menu_of_shader_nodes_alone():
    (entry,) = [function for menu, function in menus.ENTRIES if menu == "NODE_MT_context_menu"]
    holder = type("Menu", (), {"draw": entry})
    assert draw(holder) == []
    with shader_editor():
        assert "sdb.generate_in_node" in draw(holder)
