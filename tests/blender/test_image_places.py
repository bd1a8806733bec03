# SPDX-License-Identifier: GPL-3.0-or-later
"""Editors and the canvas go along when a texture takes the place of another, and with undo and redo."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from tests.blender.conftest import base_color_image, generate, new_image, textured
from tests.blender.variants_scene import arrive

GREY = np.full((32, 48, 3), 128, np.uint8)


@pytest.fixture
def places(plane, settings):
    """A painted texture on the object, in an Image Editor and as the canvas; another one in a pinned editor.

    One of the editors is in a workspace that is not open.
    """
    image = new_image("Painted", GREY)
    textured(plane, image)
    places = Places()
    for space in (places.editor, places.away, places.pinned):
        space.image = image
    places.pinned.use_image_pin = True
    bpy.context.scene.tool_settings.image_paint.canvas = image
    bpy.ops.ed.undo_push(message="Painted")
    return places


class Places:
    def __init__(self):
        for area in bpy.context.window_manager.windows[0].screen.areas[:2]:
            area.type = "IMAGE_EDITOR"
        self.editor, self.pinned = (
            area.spaces.active for area in bpy.context.window_manager.windows[0].screen.areas[:2]
        )
        areas = bpy.data.screens["Texture Paint"].areas
        self.away = next(area for area in areas if area.type == "IMAGE_EDITOR").spaces.active

    def names(self):
        canvas = bpy.context.scene.tool_settings.image_paint.canvas
        return {image.name for image in (self.editor.image, self.away.image, canvas)}


def on_object():
    return base_color_image(bpy.data.objects["Plane"].active_material).name


def test_they_show_the_texture_that_took_the_place(plane, settings, places):
    generate()
    assert on_object() == "mossy stone" and places.names() == {"mossy stone"}
    assert places.pinned.image.name == "Painted"
    generate(prompt="rust")
    assert places.names() == {"rust"} == {on_object()}
    for name in ("mossy stone", "Painted"):
        bpy.ops.ed.undo()
        assert places.names() == {name} == {on_object()}
    for name in ("mossy stone", "rust"):
        bpy.ops.ed.redo()
        assert places.names() == {name} == {on_object()}


def test_an_editor_with_another_image_stays(plane, settings, places):
    """Blender itself would turn it to the Image Texture that is new."""
    places.editor.image = new_image("Other", GREY)
    bpy.ops.ed.undo_push(message="Other")
    generate()
    assert places.names() == {"Other", "mossy stone"}
    bpy.ops.ed.undo()
    assert places.names() == {"Other", "Painted"}


def test_what_the_artist_opened_since_stays_at_undo(plane, settings, places):
    other = new_image("Other", GREY)
    other.use_fake_user = True
    bpy.ops.ed.undo_push(message="Other")
    generate()
    places.editor.image = other
    bpy.ops.ed.undo()
    assert places.names() == {"Other", "Painted"} and on_object() == "Painted"
    bpy.ops.ed.redo()
    assert places.names() == {"Other", "mossy stone"} and on_object() == "mossy stone"


def test_a_chosen_node(plane, settings, places):
    tree = plane.active_material.node_tree
    tree.nodes.active = next(node for node in tree.nodes if node.type == "TEX_IMAGE")
    generate(destination="NODE")
    assert places.names() == {"mossy stone"}
    bpy.ops.ed.undo()
    assert places.names() == {"Painted"}


def test_a_result_on_no_material_is_shown_in_the_editor_and_moves_nothing_else(plane, settings, places):
    generate(destination="IMAGE")
    assert places.editor.image.name == "mossy stone"
    assert places.names() == {"Painted", "mossy stone"} and on_object() == "Painted"


def test_a_variant_on_trial_and_for_good(plane, settings, places):
    arrive(count=2)
    assert places.editor.image.name == on_object() == "mossy stone"
    bpy.ops.sdb.show_original()
    assert places.names() == {"Painted"} == {on_object()}
    bpy.ops.sdb.preview_variant(index=1)
    bpy.ops.sdb.preview_variant(index=0)
    bpy.ops.sdb.apply_variant()
    assert places.names() == {on_object()} == {"mossy stone"}
    bpy.ops.ed.undo()
    assert places.names() == {"Painted"} == {on_object()}
    bpy.ops.ed.redo()
    assert places.names() == {"mossy stone"} == {on_object()}


def test_an_image_from_the_history(plane, settings, places):
    generate()
    generate(prompt="rust")
    bpy.context.scene.sd_blender_history.active = 0
    bpy.ops.sdb.use_from_history()
    bpy.ops.ed.undo_push(message="Use Image")
    assert places.names() == {on_object()} == {"mossy stone"}
    bpy.ops.ed.undo()
    assert places.names() == {on_object()} == {"rust"}


def test_another_file_has_nothing_of_it(plane, settings, places):
    from sd_blender.blender import image_places

    generate()
    assert image_places._moves
    bpy.ops.wm.read_factory_settings(use_empty=True)
    assert not image_places._moves
