# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a texture can be seen on the faces that are rendered, and the sentence where it cannot."""

from __future__ import annotations

import bpy
import pytest

from sd_blender.blender import pump
from sd_blender.blender.properties import status
from sd_blender.blender.results import visibility
from tests.blender.conftest import generate, submit

pytestmark = pytest.mark.every_version


def geometry_nodes(thing, *kinds):
    """A modifier with a chain of nodes, each of which passes the geometry on; returns the nodes."""
    group = bpy.data.node_groups.new("Nodes", "GeometryNodeTree")
    for side in ("INPUT", "OUTPUT"):
        group.interface.new_socket("Geometry", in_out=side, socket_type="NodeSocketGeometry")
    begin, *nodes, end = (group.nodes.new(kind) for kind in ("NodeGroupInput", *kinds, "NodeGroupOutput"))
    last = begin
    for node in (*nodes, end):
        group.links.new(last.outputs[0], node.inputs[0])
        last = node
    thing.modifiers.new("Nodes", "NODES").node_group = group
    return nodes


def give(plane, *names):
    """Materials in slots; the first is active."""
    made = [bpy.data.materials.new(name) for name in names]
    for material in made:
        plane.data.materials.append(material)
    return made


def link(name, data):
    thing = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    return thing


def test_a_plane_shows_it(plane, settings):
    generate()
    assert status.note == ""


def test_modifiers_that_set_another_material(plane, settings):
    (setter,) = geometry_nodes(plane, "GeometryNodeSetMaterial")
    setter.inputs["Material"].default_value = bpy.data.materials.new("Shown")
    generate()
    assert status.note == (
        'The modifiers of "Plane" put other materials on its faces, so the texture shows nowhere; use "Plane" in them.'
    )


def test_modifiers_that_set_the_same_material(plane, settings):
    (ours,) = give(plane, "Ours")
    (setter,) = geometry_nodes(plane, "GeometryNodeSetMaterial")
    setter.inputs["Material"].default_value = ours
    generate()
    assert status.note == ""


def test_faces_that_modifiers_make(plane, settings):
    """The mesh itself has no faces; the modifiers' are what is seen."""
    thing = link("Points", bpy.data.meshes.new("Points"))
    group = bpy.data.node_groups.new("Makes", "GeometryNodeTree")
    group.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    cube, setter, end = (
        group.nodes.new(k) for k in ("GeometryNodeMeshCube", "GeometryNodeSetMaterial", "NodeGroupOutput")
    )
    (setter.inputs["Material"].default_value,) = give(thing, "Ours")
    group.links.new(cube.outputs[0], setter.inputs[0])
    group.links.new(setter.outputs[0], end.inputs[0])
    thing.modifiers.new("Makes", "NODES").node_group = group
    generate()
    assert "UV map" in status.note and "faces" not in status.note


@pytest.mark.parametrize("ours", [True, False])
def test_instances_that_modifiers_make(plane, settings, ours):
    (material,) = give(plane, "Ours")
    group = bpy.data.node_groups.new("Instances", "GeometryNodeTree")
    for side in ("INPUT", "OUTPUT"):
        group.interface.new_socket("Geometry", in_out=side, socket_type="NodeSocketGeometry")
    begin, cube, setter, points, end = (
        group.nodes.new(k)
        for k in (
            "NodeGroupInput",
            "GeometryNodeMeshCube",
            "GeometryNodeSetMaterial",
            "GeometryNodeInstanceOnPoints",
            "NodeGroupOutput",
        )
    )
    setter.inputs["Material"].default_value = material if ours else None
    group.links.new(cube.outputs[0], setter.inputs[0])
    group.links.new(begin.outputs[0], points.inputs["Points"])
    group.links.new(setter.outputs[0], points.inputs["Instance"])
    group.links.new(points.outputs[0], end.inputs[0])
    plane.modifiers.new("Instances", "NODES").node_group = group
    generate()
    assert ("put other materials on its faces" in status.note) == (not ours)
    assert "has no faces" not in status.note


def test_instances_beside_a_mesh_of_another_material(plane, settings):
    """The mesh itself is under another material, and what is scattered on it has the texture."""
    ours, theirs = give(plane, "Ours", "Theirs")
    group = bpy.data.node_groups.new("Scatter", "GeometryNodeTree")
    for side in ("INPUT", "OUTPUT"):
        group.interface.new_socket("Geometry", in_out=side, socket_type="NodeSocketGeometry")
    set_material = "GeometryNodeSetMaterial"
    kinds = ("GeometryNodeMeshCube", "GeometryNodeInstanceOnPoints", set_material, set_material)
    begin, cube, points, on_instances, on_mesh, join, end = (
        group.nodes.new(k) for k in ("NodeGroupInput", *kinds, "GeometryNodeJoinGeometry", "NodeGroupOutput")
    )
    on_instances.inputs["Material"].default_value = ours
    on_mesh.inputs["Material"].default_value = theirs
    group.links.new(begin.outputs[0], points.inputs["Points"])
    group.links.new(cube.outputs[0], on_instances.inputs[0])
    group.links.new(on_instances.outputs[0], points.inputs["Instance"])
    group.links.new(begin.outputs[0], on_mesh.inputs[0])
    group.links.new(points.outputs[0], join.inputs[0])
    group.links.new(on_mesh.outputs[0], join.inputs[0])
    group.links.new(join.outputs[0], end.inputs[0])
    plane.modifiers.new("Scatter", "NODES").node_group = group
    generate()
    assert status.note == ""
    on_instances.inputs["Material"].default_value = theirs
    generate()
    assert "put other materials on its faces" in status.note


@pytest.mark.parametrize(
    ("output", "needs_uv"), [("Object", False), ("Generated", False), ("UV", True), (None, True)]
)
def test_a_texture_that_is_mapped_without_a_uv_map(plane, settings, output, needs_uv):
    plane.data.uv_layers.remove(plane.data.uv_layers[0])
    (material,) = give(plane, "Ours")
    if material.node_tree is None:
        material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    texture, mapping, coordinates = (
        nodes.new(k) for k in ("ShaderNodeTexImage", "ShaderNodeMapping", "ShaderNodeTexCoord")
    )
    texture.image, texture.projection = bpy.data.images.new("Theirs", 8, 8), "BOX"
    links.new(texture.outputs["Color"], nodes["Principled BSDF"].inputs["Base Color"])
    if output:
        links.new(coordinates.outputs[output], mapping.inputs["Vector"])
        links.new(mapping.outputs["Vector"], texture.inputs["Vector"])
    generate()
    assert ("has no UV map" in status.note) == needs_uv


def test_a_slot_that_no_face_uses(plane, settings):
    give(plane, "First", "Second")
    plane.active_material_index = 1
    generate()
    assert status.note == (
        'No face of "Plane" uses material "Second", so the texture shows nowhere; assign it to some.'
    )
    plane.data.polygons[0].material_index = 1
    generate(seed=8)
    assert status.note == ""


@pytest.mark.parametrize("where", ["DATA", "OBJECT"])
def test_a_slot_of_the_object_comes_before_that_of_the_mesh(plane, settings, where):
    mesh_material, object_material = give(plane, "Mesh"), bpy.data.materials.new("Object")
    slot = plane.material_slots[0]
    slot.link = "OBJECT"
    slot.material = object_material
    slot.link = where
    generate()
    assert status.note == ""
    shown = mesh_material[0] if where == "DATA" else object_material
    hidden = object_material if where == "DATA" else mesh_material[0]
    assert visibility.advice(plane, shown) == ""
    assert "so the texture shows nowhere" in visibility.advice(plane, hidden)


def test_an_index_beyond_the_slots_is_the_last_one(plane, settings):
    give(plane, "First", "Last")
    plane.data.polygons[0].material_index = 9
    plane.active_material_index = 1
    generate()
    assert status.note == ""


def test_a_curve_without_a_surface(plane, settings):
    curve = bpy.data.curves.new("Wire", "CURVE")
    curve.dimensions = "3D"
    spline = curve.splines.new("POLY")
    spline.points.add(1)
    spline.points[1].co = (1, 0, 0, 1)
    thing = link("Wire", curve)
    generate()
    assert status.note.startswith('"Wire" has no surface, so the texture shows nowhere yet')
    curve.bevel_depth = 0.1
    assert visibility.advice(thing, thing.active_material) == ""


def test_a_text_shows_it_and_a_metaball_in_one_colour(plane, settings):
    text = bpy.data.curves.new("Text", "FONT")
    text.body = "Moss"
    link("Text", text)
    generate()
    assert status.note == ""
    ball = bpy.data.metaballs.new("Ball")
    ball.elements.new()
    link("Ball", ball)
    generate(seed=8)
    assert status.note.endswith("convert it to a mesh and unwrap that.")


def test_a_volume_is_refused(plane, settings, engine):
    link("Smoke", bpy.data.volumes.new("Smoke"))
    with pytest.raises(RuntimeError, match=r'"Smoke" \(volume\) shows no texture; select a mesh'):
        bpy.ops.sdb.generate()
    assert not engine.requests


def test_a_material_override_of_the_view_layer(plane, settings):
    bpy.context.view_layer.material_override = bpy.data.materials.new("Clay")
    generate()
    assert 'shows everything in material "Clay"' in status.note
    bpy.context.view_layer.material_override = None
    generate(seed=8)
    assert status.note == ""


@pytest.mark.parametrize("colors", ["MATERIAL", "TEXTURE"])
def test_workbench_shows_textures_where_it_is_told_to(plane, settings, colors):
    scene = bpy.context.scene
    scene.render.engine, scene.display.shading.color_type = "BLENDER_WORKBENCH", colors
    generate()
    assert ("Workbench" in status.note) == (colors == "MATERIAL")


def test_it_is_told_before_the_work_too(plane, settings):
    give(plane, "First", "Second")
    plane.active_material_index = 1
    ticket = submit()
    assert "No face of" in status.note
    pump.wait([ticket])
