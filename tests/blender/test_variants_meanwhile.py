# SPDX-License-Identifier: GPL-3.0-or-later
"""What else happens while a variant is looked at: other results, undo, files, the end of the add-on."""

from __future__ import annotations

import subprocess
import sys

import bpy
import pytest

import sd_blender
from sd_blender.blender.properties import status
from sd_blender.blender.results import stored_targets, writeback
from sd_blender.blender.variants import panel as variants_panel
from sd_blender.blender.variants import properties as variants_properties
from sd_blender.blender.variants import variants
from tests.blender.conftest import (
    drain_until,
    generate,
    new_image,
)
from tests.blender.variants_scene import (
    GREEN,
    a_chosen_node,
    a_painted_texture,
    an_earlier_result,
    arrive,
    every_place,
    look,
    no_material,
    offered,
    reopen,
    seed_of,
    seed_on,
    shown,
)


def test_another_batch_does_not_disturb_the_preview(plane, settings, painted):
    arrive(count=2)
    bpy.ops.sdb.preview_variant(index=1)
    arrive(count=2, seed=30)
    assert seed_on(plane) == 8 and shown() == 1
    assert [item.seed for item in offered()] == ["7", "8", "30", "31"]
    assert variants_panel.newest_first(offered()) == [2, 3, 0, 1]
    bpy.ops.sdb.apply_variant()
    assert seed_on(plane) == 8
    assert not len(offered())


def test_a_single_result_ends_the_preview_and_the_choice_stays(plane, settings, painted):
    arrive(count=2)
    arrive(count=1, seed=40)
    assert seed_on(plane) == 40 and shown() is None and len(offered()) == 2
    bpy.ops.sdb.preview_variant(index=0)
    bpy.ops.sdb.cancel_variants()
    assert seed_on(plane) == 40


def test_an_image_from_the_history_ends_the_preview(plane, settings):
    generate(seed=99)
    arrive(count=2)
    bpy.context.scene.sd_blender_history.active = 0
    bpy.ops.sdb.use_from_history()
    assert seed_on(plane) == 99 and shown() is None
    assert not variants_properties.previewed()


def test_no_more_than_can_be_looked_at(plane, settings, monkeypatch):
    monkeypatch.setattr(variants, "MOST", 5)
    arrive(count=3)
    arrive(count=3, seed=20)
    assert [item.seed for item in offered()] == ["8", "9", "20", "21", "22"]
    assert shown() is None and not variants_properties.previewed()  # the one on trial was the oldest
    assert len(bpy.context.scene.sd_blender_history.entries) == 6


def test_variants_that_cannot_be_listed_are_in_the_history(plane, settings, monkeypatch, caplog):
    monkeypatch.setattr(writeback.variants, "offer", lambda *_: 1 / 0)
    arrive(count=2)
    assert status.note == "The variants could not be listed (division by zero); choose them in the history."
    assert len(bpy.context.scene.sd_blender_history.entries) == 2
    assert all(image.use_fake_user for image in bpy.data.images)
    assert "the variants could not be listed" in caplog.text


@every_place
def test_disabling_the_add_on_restores_what_was_there(plane, settings, place):
    place(plane)
    before = look()
    arrive()
    sd_blender.unregister()
    assert look(before["images"]) == before
    sd_blender.register()
    assert len(offered()) == 3


def push():
    bpy.ops.ed.undo_push(message="Something else")


@every_place
def test_undo_ends_the_preview(plane, settings, place):
    place(plane)
    push()
    before = look()
    arrive()
    bpy.ops.sdb.preview_variant(index=1)
    bpy.data.objects["Plane"].location.x = 3
    push()  # holds the preview
    bpy.ops.ed.undo()
    assert look(before["images"]) == before
    assert bpy.data.objects["Plane"].location.x == 0
    assert shown() is None and len(offered()) == 3
    bpy.ops.ed.redo()
    assert look(before["images"]) == before
    assert bpy.data.objects["Plane"].location.x == 3
    bpy.ops.sdb.preview_variant(index=2)
    assert shown() == 2
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    assert look() == before and not len(offered())


@every_place
def test_steps_made_during_a_preview_bring_none_back(plane, settings, place):
    """Undo keeps in memory what two steps have in common, so each datablock must be right by itself."""
    place(plane)
    push()
    before = look()
    arrive()
    plane = bpy.data.objects["Plane"]
    for step in range(3):
        bpy.ops.sdb.preview_variant(index=step)
        plane.location.x += 1
        if plane.active_material and step % 2:
            plane.active_material.pass_index = step
        push()
    for _ in range(2):
        for direction in (bpy.ops.ed.undo, bpy.ops.ed.undo, bpy.ops.ed.redo, bpy.ops.ed.redo):
            direction()
            assert not variants_properties.previewed() and shown() is None
            for material in bpy.data.materials:
                material.pass_index = 0
            assert look(before["images"]) == before
    bpy.ops.sdb.apply_variant(index=1)
    bpy.ops.ed.undo()
    for material in bpy.data.materials:
        material.pass_index = 0
    assert look(before["images"]) == before


WITHOUT_ADD_ON = """
import bpy, sys
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
thing = bpy.data.objects["Plane"]
material = thing.active_material
print("SLOTS", len(thing.material_slots), material and material.name)
for node in material.node_tree.nodes if material and material.node_tree else ():
    print("NODE", node.name, getattr(getattr(node, "image", None), "name", ""))
print("UNSAVED", [m.name for m in bpy.data.materials])
"""


def without_add_on(path):
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_ADD_ON, path], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    return [line for line in run.stdout.splitlines() if line.startswith(("SLOTS", "NODE", "UNSAVED"))]


@pytest.mark.parametrize(
    "place",
    [no_material, a_painted_texture, an_earlier_result, a_chosen_node],
    ids=lambda place: place.__name__,
)
def test_a_file_that_is_saved_during_a_preview_does_not_hold_it(plane, settings, place, tmp_path):
    place(plane)
    settings.count = 3
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "before.blend"), copy=True)
    arrive()
    bpy.ops.sdb.preview_variant(index=1)
    during = look()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "during.blend"))
    after = look()
    for values, _ in after["materials"].values():
        values.pop("name")
    for values, _ in during["materials"].values():
        values.pop("name")
    assert shown() == 1
    assert after["materials"] == during["materials"] and after["objects"] == during["objects"]
    before = without_add_on(str(tmp_path / "before.blend"))
    assert without_add_on(str(tmp_path / "during.blend")) == before
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "during.blend"))
    assert len(offered()) == 3 and shown() is None
    assert without_add_on(bpy.data.filepath) == before


def test_a_material_of_the_preview_keeps_its_changes_when_the_file_is_saved(plane, settings, scene_file):
    arrive()
    plane.active_material.roughness = 0.25
    bpy.ops.wm.save_as_mainfile(filepath=scene_file)
    assert plane.active_material.roughness == 0.25 and len(bpy.data.materials) == 1
    bpy.ops.sdb.cancel_variants()
    assert not bpy.data.materials and not plane.material_slots


def test_a_save_that_fails_brings_the_preview_back(plane, settings, painted, tmp_path):
    arrive()
    with pytest.raises(RuntimeError):
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "no folder" / "scene.blend"))
    assert shown() == 0 and seed_on(plane) == 7


@every_place
def test_a_file_that_blender_saved_by_itself_is_put_right_when_it_is_opened(
    plane, settings, place, scene_file, monkeypatch
):
    """Autosave and the file of the last session call no handler before they are written."""
    place(plane)
    before = look()
    arrive()
    bpy.ops.sdb.preview_variant(index=1)
    monkeypatch.setattr(variants, "pause", lambda: None)
    bpy.ops.wm.save_as_mainfile(filepath=scene_file)
    assert variants_properties.previewed()
    bpy.ops.wm.open_mainfile(filepath=scene_file)
    assert not variants_properties.previewed() and shown() is None
    found = look(before["images"])
    assert found["materials"].keys() == before["materials"].keys()
    for name, (_, tree) in before["materials"].items():
        if place is not a_painted_texture or tree is None:
            assert found["materials"][name][1] == tree
    assert found["objects"] == before["objects"]


def test_another_file_has_nothing_of_it(plane, settings):
    arrive()
    bpy.ops.wm.read_homefile(use_empty=True)
    assert shown() is None and not len(offered())
    assert not bpy.ops.sdb.apply_variant.poll()


def test_things_that_are_renamed_before_the_save_are_found_after_it(plane, settings, painted, scene_file):
    arrive()
    plane.name, painted[0].name = "Wall", "Brick"
    reopen(scene_file)
    bpy.ops.sdb.preview_variant(index=1)
    assert seed_on(bpy.data.objects["Wall"]) == 8


def test_a_node_is_found_again_in_a_file(plane, settings, scene_file):
    a_chosen_node(plane)
    arrive()
    bpy.data.node_groups.new("Painted", "ShaderNodeTree")  # called as the material is
    reopen(scene_file)
    bpy.ops.sdb.preview_variant(index=1)
    node = bpy.data.materials["Painted"].node_tree.nodes.active
    assert seed_of(node.image) == 8 and node.image.colorspace_settings.is_data
    bpy.ops.sdb.cancel_variants()
    assert node.image.name == "Rough"


@pytest.mark.parametrize("owner", ["group", "world"])
def test_a_preview_in_a_node_that_is_of_no_material(settings, owner):
    if owner == "group":
        tree = bpy.data.node_groups.new("Group", "ShaderNodeTree")
        holder = tree
    else:
        holder = bpy.data.worlds.new("World")
        if holder.node_tree is None:
            holder.use_nodes = True
        tree = holder.node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = new_image("Sky", GREEN)
    before = look()
    from sd_blender.blender import session
    from sd_blender.blender.results.targets import NodeReference, Target
    from sd_blender.core.request import Sampling, TextToImage

    request = TextToImage(prompt="sky", sampling=Sampling(width=48, height=32, steps=1, seed=7, count=2))
    ticket = session.submit(request, Target.of_node(NodeReference.to(holder, node), None))
    ticket.on_trial = True
    drain_until(lambda: not ticket.is_open)
    assert seed_of(node.image) == 7 and shown() == 0
    bpy.ops.sdb.cancel_variants()
    assert look(before["images"]) == before


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", "{}", '{"created": 5}', '{"cut": [1]}', '{"made": {}}', '{"unknown": 1}']
)
def test_a_damaged_record_does_no_harm(plane, settings, painted, text):
    arrive()
    material = plane.active_material
    material.sd_blender_preview.changes = text
    bpy.ops.sdb.cancel_variants()
    assert not variants_properties.previewed()
    assert "Principled BSDF" in material.node_tree.nodes


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json", '{"file_generation": 1}'])
def test_a_damaged_target_says_so(plane, settings, text):
    arrive()
    bpy.ops.sdb.show_original()
    offered()[1].target = text
    with pytest.raises(
        RuntimeError, match="Where this variant belongs is damaged; use its image from the history"
    ):
        bpy.ops.sdb.preview_variant(index=1)
    assert stored_targets.renew(text) == text
    bpy.ops.sdb.apply_variant(index=0)
    assert not len(offered())


def test_nothing_is_written_on_materials_that_show_no_preview(plane, settings, painted):
    other = bpy.data.materials.new("Other")
    arrive()
    assert not other.is_property_set(variants_properties.PREVIEW)
    bpy.ops.sdb.cancel_variants()
    bpy.ops.ed.undo_push(message="Step")
    bpy.ops.ed.undo()
    assert not [m for m in bpy.data.materials if m.is_property_set(variants_properties.PREVIEW)]
