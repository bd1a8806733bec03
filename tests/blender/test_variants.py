# SPDX-License-Identifier: GPL-3.0-or-later
"""Variants to look at: what is only looked at leaves no trace, and says so in the panel."""

from __future__ import annotations

import json

import bpy
import numpy as np
import pytest

from sd_blender.blender.history import history
from sd_blender.blender.properties import status
from sd_blender.blender.variants import properties as variants_properties
from sd_blender.blender.variants import variants
from tests.blender.conftest import (
    base_color_image,
    drain_until,
    finish,
    generate,
    new_image,
    running,
    submit,
)
from tests.blender.test_panels import draw
from tests.blender.variants_scene import (
    GREEN,
    a_material_without_nodes,
    a_tree_without_a_surface,
    a_tree_without_nodes,
    arrive,
    every_place,
    look,
    offered,
    seed_of,
    seed_on,
    shown,
)

pytestmark = pytest.mark.every_version


@every_place
def test_cancel_restores_exactly_what_was_there(plane, settings, place):
    place(plane)
    before = look()
    arrive(count=3)
    assert shown() == 0
    for index in (2, 1):
        assert bpy.ops.sdb.preview_variant(index=index) == {"FINISHED"}
        assert shown() == index
    after = look(before["images"])
    if place is not a_tree_without_a_surface:
        assert json.dumps(after, default=str) != json.dumps(before, default=str)  # something was there to see
    assert bpy.ops.sdb.cancel_variants() == {"FINISHED"}
    forget_default_tree(before, place)
    assert look(before["images"]) == before
    assert not len(offered()) and shown() is None
    assert not variants_properties.previewed()


def forget_default_tree(before, place):
    """Up to 4.5 a tree that was made cannot be unmade; it is the default one, and the material does not use it."""
    if place is a_material_without_nodes and bpy.app.version < (5, 0):
        assert not bpy.data.materials["Plain"].use_nodes


@every_place
def test_the_original_can_be_seen_in_between(plane, settings, place):
    place(plane)
    before = look()
    arrive()
    bpy.ops.sdb.show_original()
    assert look(before["images"]) == before
    assert shown() is None and len(offered()) == 3
    bpy.ops.sdb.preview_variant(index=1)
    assert shown() == 1


def test_the_first_variant_is_on_the_object_at_once(plane, settings):
    arrive(count=3)
    assert seed_on(plane) == 7
    bpy.ops.sdb.preview_variant(index=2)
    assert seed_on(plane) == 9
    assert [entry.seed for entry in offered()] == ["7", "8", "9"]


def test_one_picture_goes_straight_to_the_material(plane, settings):
    arrive(count=1)
    assert seed_on(plane) == 7
    assert not len(offered()) and not variants_properties.previewed()


def test_all_are_in_the_history_and_in_the_file_from_the_beginning(plane, settings):
    arrive(count=3)
    entries = bpy.context.scene.sd_blender_history.entries
    assert [entry.seed for entry in entries] == ["7", "8", "9"]
    assert all(history.find_image(entry).use_fake_user for entry in entries)


def test_what_is_changed_meanwhile_stays(plane, settings, painted):
    material, node = painted
    arrive()
    tree = material.node_tree
    shader = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = 0.123
    node.location = (12, 34)
    material.name = "Renamed"
    plane.name = "Moved"
    plane.location.x = 3
    base_color_texture(material).name = "Renamed too"
    bpy.ops.sdb.cancel_variants()
    assert shader.inputs["Roughness"].default_value == pytest.approx(0.123)
    assert tuple(node.location) == (12, 34)
    assert base_color_image(material).name == "Painted"


def base_color_texture(material):
    shader = next(n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    return shader.inputs["Base Color"].links[0].from_node


def test_a_preview_node_that_was_renamed_goes_too(plane, settings):
    generate(seed=99)
    arrive()
    base_color_texture(plane.active_material).name = "Renamed"
    bpy.ops.sdb.cancel_variants()
    assert seed_on(plane) == 99


def test_another_image_that_was_chosen_meanwhile_stays(plane, settings):
    generate(seed=99)
    arrive()
    theirs = new_image("Theirs", GREEN)
    base_color_texture(plane.active_material).image = theirs
    bpy.ops.sdb.cancel_variants()
    assert base_color_image(plane.active_material) == theirs


def test_another_link_that_was_made_meanwhile_stays(plane, settings, painted):
    material, _ = painted
    arrive()
    tree = material.node_tree
    noise = tree.nodes.new("ShaderNodeTexNoise")
    shader = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")
    tree.links.new(noise.outputs["Color"], shader.inputs["Base Color"])
    bpy.ops.sdb.cancel_variants()
    assert shader.inputs["Base Color"].links[0].from_node == noise


def test_a_shader_of_the_preview_that_was_built_upon_stays(plane, settings):
    a_tree_without_nodes(plane)
    arrive()
    tree = plane.active_material.node_tree
    bump = tree.nodes.new("ShaderNodeBump")
    shader = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")
    tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    bpy.ops.sdb.cancel_variants()
    assert {node.type for node in tree.nodes} == {"BUMP", "BSDF_PRINCIPLED", "OUTPUT_MATERIAL"}


def test_slots_that_faces_name_and_nobody_has_stay_named(plane, settings):
    plane.data.polygons[0].material_index = 3
    arrive()
    bpy.ops.sdb.cancel_variants()
    assert not plane.material_slots and plane.data.polygons[0].material_index == 3


def test_another_material_in_the_slot_stays(plane, settings):
    arrive()
    theirs = bpy.data.materials.new("Theirs")
    plane.material_slots[0].material = theirs
    bpy.ops.sdb.cancel_variants()
    assert plane.active_material == theirs
    assert list(bpy.data.materials) == [theirs]


def test_changes_to_a_material_of_the_preview_are_there_with_the_next_variant(plane, settings):
    arrive()
    plane.active_material.roughness = 0.25
    bpy.ops.sdb.preview_variant(index=1)
    assert plane.active_material.roughness == 0.25
    bpy.ops.sdb.apply_variant()
    assert plane.active_material.roughness == 0.25
    assert seed_on(plane) == 8


def test_the_object_is_deleted_during_the_preview(plane, settings, painted):
    arrive()
    bpy.data.objects.remove(plane)
    with pytest.raises(RuntimeError, match='Object "Plane" is gone'):
        bpy.ops.sdb.preview_variant(index=1)
    with pytest.raises(RuntimeError, match='Object "Plane" is gone'):
        bpy.ops.sdb.apply_variant()
    bpy.ops.sdb.cancel_variants()
    assert base_color_image(bpy.data.materials["Painted"]).name == "Painted"


def test_the_material_of_the_preview_goes_when_its_object_is_gone(plane, settings):
    arrive()
    bpy.data.objects.remove(plane)
    bpy.ops.sdb.cancel_variants()
    assert not bpy.data.materials


def test_an_object_in_edit_mode_says_so_and_the_variants_wait(plane, settings, held):
    ticket = submit(count=2)
    ticket.on_trial = True
    drain_until(running(held))
    bpy.ops.object.mode_set(mode="EDIT")
    finish(held, ticket)
    assert status.note == (
        '"Plane" is in Edit Mode; leave it with Tab first; the variants can be chosen from all the same.'
    )
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.ops.sdb.preview_variant(index=1)
    assert seed_on(plane) == 8


def test_an_image_that_is_gone_says_so(plane, settings):
    arrive()
    bpy.data.images.remove(history.find_image(offered()[1]))
    with pytest.raises(RuntimeError, match="The image of this variant is gone; lock its seed"):
        bpy.ops.sdb.preview_variant(index=1)
    assert shown() == 0 and seed_on(plane) == 7


def test_image_only_changes_no_material(plane, settings, painted):
    before = look()
    arrive(destination="IMAGE")
    assert shown() == 0
    assert look(before["images"]) == before
    bpy.ops.sdb.apply_variant(index=2)
    assert look(before["images"]) == before
    assert all(image.use_fake_user for image in bpy.data.images if "sd_blender" in image)
    assert not len(offered())


def test_an_inpainted_variant_is_like_its_source(plane, settings, painted):
    source = bpy.data.images["Painted"]
    source.colorspace_settings.name = "Non-Color"
    source.pixels.foreach_set(np.full(48 * 32 * 4, 0.5, np.float32))
    mask = new_image("Mask", np.repeat(np.tile([255, 0], (32, 24))[..., None], 3, 2).astype(np.uint8))
    before = look()
    arrive(task="INPAINT", source="IMAGE", source_image=source, mask_image=mask, prompt="")
    image = base_color_image(plane.active_material)
    assert image != source and image.colorspace_settings.name == "Non-Color"
    assert (
        base_color_texture(plane.active_material).name == "Image Texture"
    )  # its own node, as for one result
    bpy.ops.sdb.cancel_variants()
    assert look(before["images"]) == before


class Editor:
    """As much of an Image Editor as there is without a window."""

    type = "IMAGE_EDITOR"
    mode, use_image_pin = "VIEW", False

    def __init__(self, image=None):
        self.image = image

    def as_pointer(self):
        return id(self)


@pytest.fixture
def editors(monkeypatch):
    there = [Editor(), Editor(new_image("Open", GREEN))]
    monkeypatch.setattr(variants, "_image_spaces", lambda: there)
    return there


def test_the_image_editor_of_the_click_shows_the_variant(plane, settings, editors):
    arrive()
    assert [editor.image and editor.image.name for editor in editors] == [None, "Open"]
    variants.preview(bpy.context.scene, offered()[1], editors[1])
    variants.preview(bpy.context.scene, offered()[2])
    assert editors[0].image is None and seed_of(editors[1].image) == 9
    bpy.ops.sdb.show_original()
    assert editors[1].image.name == "Open"
    variants.preview(bpy.context.scene, offered()[2], editors[0])
    assert seed_of(editors[0].image) == 9
    editors[0].image = bpy.data.images["Open"]  # the artist turns to another one
    bpy.ops.sdb.cancel_variants()
    assert editors[0].image.name == "Open"


def test_the_image_editor_shows_what_nothing_else_does(settings, editors):
    arrive(destination="IMAGE")
    assert seed_of(editors[0].image) == 7 and editors[1].image.name == "Open"
    bpy.ops.sdb.preview_variant(index=1)
    assert seed_of(editors[0].image) == 8
    bpy.ops.sdb.apply_variant()
    assert seed_of(editors[0].image) == 8
    arrive(destination="IMAGE")
    bpy.ops.sdb.cancel_variants()
    assert seed_of(editors[0].image) == 8


def test_the_image_editor_with_what_was_inpainted_shows_the_variant(plane, settings, editors):
    mask = new_image("Mask", np.repeat(np.tile([255, 0], (32, 24))[..., None], 3, 2).astype(np.uint8))
    arrive(task="INPAINT", source="IMAGE", source_image=editors[1].image, mask_image=mask)
    assert editors[0].image is None and seed_of(editors[1].image) == 7
    bpy.ops.sdb.cancel_variants()
    assert editors[1].image.name == "Open"


def test_the_panel_is_there_while_there_is_a_choice(plane, settings):
    names = ("SDB_PT_view3d_variants", "SDB_PT_image_variants")
    panels = [getattr(bpy.types, name) for name in names]
    polls = [panel.poll.__func__ for panel in panels]
    assert not any(poll(panel, bpy.context) for poll, panel in zip(polls, panels, strict=True))
    arrive()
    assert all(poll(panel, bpy.context) for poll, panel in zip(polls, panels, strict=True))
    bpy.ops.sdb.cancel_variants()
    assert not any(poll(panel, bpy.context) for poll, panel in zip(polls, panels, strict=True))


def test_the_pictures_come_first_and_then_what_can_be_done(plane, settings):
    arrive(count=2)
    bpy.ops.sdb.preview_variant(index=0)
    drawn = draw(bpy.types.SDB_PT_view3d_variants)
    choice = drawn.index("sdb.apply_variant")
    assert {"sdb.show_original", "sdb.preview_variant"} <= set(drawn[:choice])
    assert drawn[choice:] == [
        "sdb.apply_variant", "Apply", "sdb.cancel_variants", "Discard", "sdb.reroll_variants", "",
        "sdb.more_like_variant", "", "sdb.lock_variant_seed", "", "sdb.copy_variant_seed", "",
    ]  # fmt: skip
