# SPDX-License-Identifier: GPL-3.0-or-later
"""A UV map for a mesh that has none, without which a texture shows as one colour."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import bpy

from ...core.sentence import Sentence
from .. import late, libraries, translation
from ..properties import status

with late.imports():
    from . import visibility

MARGIN = 0.01
"""Between islands, as a share of the texture."""


def asks_for(message: str) -> bool:
    """Whether a message says, maybe among other things, that a mesh has no UV map."""
    if not isinstance(message, Sentence):
        return False
    return message.pattern == visibility.NO_UV_MAP or any(map(asks_for, message.values.values()))


def refusal(thing: bpy.types.Object | None) -> str:
    """Why an object cannot be given a UV map, or ""."""
    if thing is None or thing.type != "MESH":
        return "The active object is no mesh"
    if thing.data.uv_layers:
        return Sentence('"{name}" has a UV map', name=thing.name)
    if not libraries.is_kept(thing.data):
        return Sentence('"{name}" is linked from another file', name=thing.name)
    if thing.data.is_editmode or not thing.visible_get():
        return Sentence('"{name}" must be visible and not in Edit Mode', name=thing.name)
    return ""


class SDB_OT_unwrap(bpy.types.Operator):
    """Give the active object a UV map by Smart UV Project, so that its texture shows as a picture"""

    bl_idname = "sdb.unwrap"
    bl_label = "Smart UV Project"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if reason := refusal(context.view_layer.objects.active):
            translation.refuse(cls, reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> set[str]:
        thing = context.view_layer.objects.active
        try:
            with alone(context.view_layer, thing):
                unwrap(thing)
        except RuntimeError as error:  # of Blender's own operators
            translation.report(self, "ERROR", translation.reported(error))
            return {"CANCELLED"}
        if asks_for(status.note):
            status.note = ""
        return {"FINISHED"}


def unwrap(thing: bpy.types.Object) -> None:
    """By an operator of Edit Mode, which unwraps what is selected there: all of the mesh, for that time alone."""
    mesh, mode = thing.data, thing.mode
    before = {part: _flags(getattr(mesh, part)) for part in ("vertices", "edges", "polygons")}
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        bpy.ops.mesh.reveal(select=False)
        bpy.ops.mesh.select_all(action="SELECT")
        bpy.ops.uv.smart_project(island_margin=MARGIN)
    finally:
        _put_back(mesh, before)
        bpy.ops.object.mode_set(mode=mode)


def _flags(parts: bpy.types.bpy_prop_collection) -> list[tuple[bool, bool]]:
    """Of each vertex, edge or face, whether it is selected, and whether it is hidden."""
    selected, hidden = [False] * len(parts), [False] * len(parts)
    parts.foreach_get("select", selected)
    parts.foreach_get("hide", hidden)
    return list(zip(selected, hidden, strict=True))


def _put_back(mesh: bpy.types.Mesh, before: dict[str, list[tuple[bool, bool]]]) -> None:
    """In Edit Mode: outside of it Blender 5.0 crashes where a mesh of a script is given flags."""
    import bmesh  # late: Blender starts without it

    bpy.ops.mesh.select_all(action="DESELECT")  # which takes along what a part is made of, as selecting does
    edited = bmesh.from_edit_mesh(mesh)
    for parts, flags in zip((edited.verts, edited.edges, edited.faces), before.values(), strict=True):
        for part, (selected, hidden) in zip(parts, flags, strict=True):
            part.hide = hidden
            if selected:
                part.select = True


@contextlib.contextmanager
def alone(layer: bpy.types.ViewLayer, thing: bpy.types.Object) -> Iterator[None]:
    """The other selected objects, which would come along into Edit Mode, are not selected meanwhile."""
    others = [other for other in layer.objects.selected if other != thing]
    for other in others:
        other.select_set(False)
    try:
        yield
    finally:
        for other in others:
            other.select_set(True)


register, unregister = bpy.utils.register_classes_factory((SDB_OT_unwrap,))
