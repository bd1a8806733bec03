# SPDX-License-Identifier: GPL-3.0-or-later
"""A mesh without a UV map gets one from the button beside the advice, and nothing else of it changes."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from sd_blender.blender import panels
from sd_blender.blender.properties import status
from sd_blender.blender.results import unwrapping
from tests.blender.conftest import change, generate
from tests.blender.test_panels import draw

DONE = {"FINISHED"}


@pytest.fixture
def cubes():
    """Two without a UV map, both selected; the first is active, of which one face is hidden and one selected."""
    made = [add_cube(), add_cube()]
    active = made[0]
    bpy.context.view_layer.objects.active = active
    active.select_set(True)
    mesh = active.data
    mesh.polygons[0].hide = True
    chosen = set(mesh.polygons[1].vertices)
    for part in (mesh.vertices, mesh.edges, mesh.polygons):
        for one in part:
            one.select = set(getattr(one, "vertices", (one.index,))) <= chosen
    return made


def add_cube():
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.active_object
    cube.data.uv_layers.remove(cube.data.uv_layers[0])
    return cube


def looks(thing):
    """All that is to stay as it is."""
    faces = [(face.hide, face.select) for face in thing.data.polygons]
    edges = [edge.select for edge in thing.data.edges]
    return thing.mode, thing.select_get(), faces, edges, len(thing.data.vertices)


def areas(mesh):
    """How much of the texture each face has."""
    corners = np.empty(len(mesh.loops) * 2, np.float32)
    mesh.uv_layers[0].uv.foreach_get("vector", corners)
    x, y = corners.reshape(-1, 4, 2).transpose(2, 0, 1)
    return np.abs((x * np.roll(y, -1, 1) - y * np.roll(x, -1, 1)).sum(axis=1)) / 2


@pytest.mark.parametrize("mode", ["OBJECT", "TEXTURE_PAINT"])
def test_all_faces_get_a_place_of_their_own_and_nothing_else_changes(cubes, mode):
    active, other = cubes
    if mode != "OBJECT":
        bpy.ops.object.mode_set(mode=mode)
    before = looks(active), looks(other)
    assert bpy.ops.sdb.unwrap() == DONE
    assert (looks(active), looks(other)) == before
    assert len(active.data.uv_layers) == 1 and not other.data.uv_layers
    shares = areas(active.data)
    assert shares.min() > 0.05 and shares.sum() < 1


def test_one_undo_step_takes_it_off_again(cubes):
    bpy.ops.ed.undo_push(message="Before")
    name = cubes[0].name
    bpy.ops.sdb.unwrap()
    bpy.ops.ed.undo_push(message="Smart UV Project")
    bpy.ops.ed.undo()
    assert not bpy.data.objects[name].data.uv_layers


def test_the_button_stands_beside_the_advice_and_both_go(plane, settings):
    main = panels.SDB_PT_view3d_main
    assert "sdb.unwrap" not in draw(main)
    plane.data.uv_layers.remove(plane.data.uv_layers[0])
    generate()
    assert "no UV map" in status.note and "sdb.unwrap" in draw(main)
    assert bpy.ops.sdb.unwrap() == DONE
    assert status.note == "" and "sdb.unwrap" not in draw(main)
    with pytest.raises(RuntimeError, match='"Plane" has a UV map'):
        bpy.ops.sdb.unwrap()


def test_what_cannot_be_unwrapped(cubes, settings):
    active, _ = cubes
    assert unwrapping.refusal(None) == "The active object is no mesh"
    active.hide_set(True)
    assert unwrapping.refusal(active) == '"Cube" must be visible and not in Edit Mode'
    active.hide_set(False)
    bpy.ops.object.mode_set(mode="EDIT")
    assert "not in Edit Mode" in unwrapping.refusal(active)
    bpy.ops.object.mode_set(mode="OBJECT")
    assert unwrapping.refusal(active) == ""
    change(settings, destination="IMAGE")
    generate()
    assert not unwrapping.asks_for(status.note) and not unwrapping.asks_for("has no UV map")
