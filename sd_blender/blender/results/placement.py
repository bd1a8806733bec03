# SPDX-License-Identifier: GPL-3.0-or-later
"""A result in the place that its job was started for: for good, or on trial."""

from __future__ import annotations

import bpy

from ..variants import node_preview
from ..variants.properties import previewed
from . import materials, nodes, targets
from .saving import KEYWORD
from .targets import Reference, Target


def place(image: bpy.types.Image, target: Target) -> str:
    """Show the image for good; returns one sentence on what needs the artist, or "". Raises BlenderStateError."""
    if target.node is not None:
        nodes.show(target.node.find(made_by_us=KEYWORD), image)
        return ""
    thing = target.find_object()
    material = target.find_material(thing) or materials.make_material(thing, target.slot)
    return _on_material(material, image, target) or targets.advice(thing)


def show_on_trial(image: bpy.types.Image, target: Target, spare: Reference | None) -> str:
    """As :func:`place`, for one image at a time, and :mod:`node_preview` takes it back or makes it stay.

    spare: the material that an earlier preview of it made.
    """
    if target.node is not None:
        node = target.node.find(made_by_us=KEYWORD)
        owner = target.node.owner.find(nodes.trees())
        end()
        return node_preview.start(owner, image, lambda: nodes.show(node, image) or "")
    thing = target.find_object()
    material = target.find_material(thing)
    end(but=material)
    if material is not None and material in previewed():
        if node_preview.swap(material, image):
            return targets.advice(thing)
        node_preview.end(material)
        material = target.find_material(thing)
    if material is not None:
        note = node_preview.start(material, image, lambda: _on_material(material, image, target))
    else:
        made = spare.find(bpy.data.materials) if spare else None
        show = lambda material: _on_material(material, image, target)  # noqa: E731
        note = node_preview.start_in_slot(thing, target.slot, image, show, made)
    return note or targets.advice(thing)


def end(but: bpy.types.ID | None = None, *, keep: bool = False) -> None:
    """End what is on trial, wherever it is; see :func:`node_preview.end`."""
    for owner in previewed():
        if owner != but:
            node_preview.end(owner, keep=keep)


def _on_material(material: bpy.types.Material, image: bpy.types.Image, target: Target) -> str:
    return materials.show_image(material, image, made_by_us=KEYWORD, instead_of=target.find_source())
