# SPDX-License-Identifier: GPL-3.0-or-later
"""A result in the place that its job was started for: for good, or on trial."""

from __future__ import annotations

from collections.abc import Callable

import bpy

from .. import image_places
from ..variants import node_preview
from ..variants.properties import previewed
from . import materials, nodes, targets, visibility
from .saving import KEYWORD
from .targets import Reference, Target


def place(image: bpy.types.Image, target: Target) -> str:
    """Show the image for good; returns one sentence on what needs the artist, or "". Raises BlenderStateError."""
    before = shown_at(target)
    with image_places.stay():
        note = _place(image, target)
    go_along(before, image, target)
    return note


def _place(image: bpy.types.Image, target: Target) -> str:
    if target.node is not None:
        return nodes.show(target.node.find(made_by_us=KEYWORD), image)
    thing = target.find_object()
    material = target.find_material(thing) or materials.make_material(thing, target.slot)
    return _on_material(material, image, target) or visibility.advice(thing, material)


def shown_at(target: Target) -> bpy.types.Image | None:
    """The image that a target shows now; None for none, and when the target is gone."""
    if target.node is not None:
        owner = target.node.owner.find(nodes.trees())
        tree = nodes.tree_of(owner) if owner is not None else None
        node = tree.nodes.get(target.node.name) if tree is not None else None
    else:
        material = _material_of(target)
        node = materials.base_color_texture(material) if material is not None else None
    return getattr(node, "image", None)


def _material_of(target: Target) -> bpy.types.Material | None:
    if target.material is not None:
        return target.material.find(bpy.data.materials)
    thing = target.object.find(bpy.data.objects) if target.object is not None else None
    return targets.material_in(thing, target.slot) if thing is not None else None


def go_along(before: bpy.types.Image | None, image: bpy.types.Image, target: Target) -> None:
    """Have editors and canvas of what the target showed before show the image, for as long as the target does."""
    image_places.follow(before, image, holds=shows(image, target))


def shows(image: bpy.types.Image, target: Target) -> Callable[[], bool]:
    """What tells, after an undo too, whether the target shows the image."""
    uid = image.session_uid
    return lambda: getattr(shown_at(target), "session_uid", 0) == uid


@image_places.stay()
def show_on_trial(image: bpy.types.Image, target: Target, spare: Reference | None) -> str:
    """As :func:`place`, for one image at a time, and :mod:`node_preview` takes it back or makes it stay.

    spare: the material that an earlier preview of it made.
    """
    if target.node is not None:
        node = target.node.find(made_by_us=KEYWORD)
        owner = target.node.owner.find(nodes.trees())
        end()
        return node_preview.start(owner, image, lambda: nodes.show(node, image))
    thing = target.find_object()
    material = target.find_material(thing)
    owner = _owner(material, target)
    end(but=owner)
    if owner is not None and owner in previewed():
        if node_preview.swap(owner, image):
            return materials.what_hides(material, image) or visibility.advice(thing, material)
        node_preview.end(owner)
        material = target.find_material(thing)
    if material is not None:
        owner = _owner(material, target)
        note = node_preview.start(owner, image, lambda: _on_material(material, image, target))
    else:
        made = spare.find(bpy.data.materials) if spare else None
        show = lambda material: _on_material(material, image, target)  # noqa: E731
        note = node_preview.start_in_slot(thing, target.slot, image, show, made)
        material = target.find_material(thing)
    return note or visibility.advice(thing, material)


@image_places.stay()
def end(but: bpy.types.ID | None = None, *, keep: bool = False) -> None:
    """End what is on trial, wherever it is; see :func:`node_preview.end`."""
    for owner in previewed():
        if owner != but:
            node_preview.end(owner, keep=keep)


def _owner(material: bpy.types.Material | None, target: Target) -> bpy.types.ID | None:
    """What will change when an image is shown on the material: itself, or a group in it. Raises BlenderStateError."""
    if material is None:
        return None
    return materials.find_place(material, made_by_us=KEYWORD, instead_of=target.find_source()).owner


def _on_material(material: bpy.types.Material, image: bpy.types.Image, target: Target) -> str:
    return materials.show_image(material, image, made_by_us=KEYWORD, instead_of=target.find_source())
