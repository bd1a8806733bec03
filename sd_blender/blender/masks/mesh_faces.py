# SPDX-License-Identifier: GPL-3.0-or-later
"""The faces that are selected on a mesh, as triangles on its texture. Changes nothing, and leaves no mode."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import bmesh
import bpy
import numpy as np
from numpy.typing import NDArray

from ...core import uv
from ...core.errors import BlenderStateError
from ...core.sentence import Sentence


def check(thing: bpy.types.Object | None) -> None:
    """Raise BlenderStateError unless it is a mesh with a UV map."""
    if thing is None or thing.type != "MESH":
        raise BlenderStateError("The active object is no mesh; select one and some of its faces.")
    if not thing.data.uv_layers:
        raise BlenderStateError(Sentence('"{name}" has no UV map; unwrap it first.', name=thing.name))


def selected_triangles(thing: bpy.types.Object, islands: bool) -> NDArray[np.float32]:
    """UV coordinates of the triangles of the selected faces: count x 3 x 2.

    islands: take all of each UV island of which a face is selected. Raises BlenderStateError when none is selected.
    """
    check(thing)
    with _mesh_of(thing) as mesh:
        chosen = _values(mesh.polygons, "select", np.bool_) & ~_values(mesh.polygons, "hide", np.bool_)
        if not chosen.any():
            raise BlenderStateError(
                Sentence('No face of "{name}" is selected; select some in Edit Mode.', name=thing.name)
            )
        corners = _uv_of(mesh)
        if islands:
            starts = _values(mesh.polygons, "loop_start", np.int32)
            vertices = _values(mesh.loops, "vertex_index", np.int32)
            chosen = uv.whole_islands(chosen, starts, vertices, corners)
        mesh.calc_loop_triangles()
        loops = _values(mesh.loop_triangles, "loops", np.int32, 3)
        faces = _values(mesh.loop_triangles, "polygon_index", np.int32)
        return corners[loops[chosen[faces]]]


@contextlib.contextmanager
def _mesh_of(thing: bpy.types.Object) -> Iterator[bpy.types.Mesh]:
    """The mesh as it is now: in Edit Mode the object's own is as it was when that was entered."""
    if not thing.data.is_editmode:
        yield thing.data
        return
    copy = bpy.data.meshes.new("Edited")
    try:
        bmesh.from_edit_mesh(thing.data).to_mesh(copy)
        yield copy
    finally:
        bpy.data.meshes.remove(copy)


def _uv_of(mesh: bpy.types.Mesh) -> NDArray[np.float32]:
    """UV coordinates of all corners (count x 2), of the map that a texture without a UV node is shown with."""
    layer = next((layer for layer in mesh.uv_layers if layer.active_render), mesh.uv_layers[0])
    return _values(layer.uv, "vector", np.float32, 2)


def _values(collection: bpy.types.bpy_prop_collection, name: str, kind: type, width: int = 1) -> np.ndarray:
    values = np.empty(len(collection) * width, kind)
    collection.foreach_get(name, values)
    return values if width == 1 else values.reshape(-1, width)
