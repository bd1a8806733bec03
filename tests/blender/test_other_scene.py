# SPDX-License-Identifier: GPL-3.0-or-later
"""Another scene is active, or another file open, when a result or a report arrives: each stays where it belongs."""

from __future__ import annotations

import bpy
import pytest

from sd_blender.blender.engine_setup import engine_setup
from sd_blender.blender.engine_setup.engine_setup import REPORT_NAME
from sd_blender.blender.properties import status
from sd_blender.blender.training.status import training
from sd_blender.blender.variants.properties import shown_in
from sd_blender.core.errors import OutOfMemory
from tests.blender.conftest import base_color_image, drain_until, finish, running, submit


@pytest.fixture
def asked(plane, settings, held):
    """A job that the engine works on; then the artist turns to a new scene."""

    def ask(**values):
        ticket = submit(**values)
        ticket.on_trial = values.get("count", 1) > 1
        drain_until(running(held))
        bpy.context.window.scene = bpy.data.scenes.new("Other")
        assert bpy.context.scene.name == "Other"
        return ticket

    return ask


def seeds(scene):
    return [entry.seed for entry in bpy.data.scenes[scene].sd_blender_history.entries]


@pytest.mark.fault("F62")
def test_the_history_of_the_scene_that_asked_takes_it(plane, held, asked):
    ticket = asked()
    finish(held, ticket)
    assert (seeds("Scene"), seeds("Other")) == (["7"], [])
    assert base_color_image(plane.active_material).name == "mossy stone"
    assert status.note == 'The texture is in the history of scene "Scene", in which it was asked for.'


@pytest.mark.fault("F62")
def test_the_variants_of_the_scene_that_asked_can_be_chosen_from_there(plane, held, asked):
    finish(held, asked(count=2))
    scene, other = bpy.data.scenes["Scene"], bpy.data.scenes["Other"]
    assert len(scene.sd_blender_variants) == 2 and not len(other.sd_blender_variants)
    assert shown_in(scene) is not None and shown_in(other) is None
    bpy.context.window.scene = scene
    assert bpy.ops.sdb.apply_variant(index=1) == {"FINISHED"}
    assert base_color_image(plane.active_material)


@pytest.mark.fault("F62")
def test_a_variant_that_the_artist_looks_at_in_another_scene_stays(plane, held, asked):
    finish(held, asked(count=2))
    bpy.context.window.scene = bpy.data.scenes["Scene"]
    looked_at = bpy.data.scenes["Scene"].sd_blender_variants[1].key
    bpy.ops.sdb.preview_variant(index=1)
    other = bpy.data.scenes["Other"]
    bpy.context.window.scene = other
    held.hold.clear()
    ticket = submit(destination="IMAGE", prompt="rust", count=2, seed=20, width=32, height=32, steps=1)
    ticket.on_trial = True
    bpy.context.window.scene = bpy.data.scenes["Scene"]
    finish(held, ticket)
    assert len(other.sd_blender_variants) == 2 and shown_in(other) is None
    assert shown_in(bpy.data.scenes["Scene"]).key == looked_at


@pytest.mark.fault("F62")
@pytest.mark.parametrize("count", [1, 2])
def test_the_scene_that_asked_is_deleted(plane, held, asked, count):
    bpy.data.scenes.new("Third").collection.objects.link(plane)
    ticket = asked(count=count)
    bpy.data.scenes.remove(bpy.data.scenes["Scene"])
    finish(held, ticket)
    assert not seeds("Other") and not ticket.error
    assert status.note == 'Scene "Scene" is gone and its history too; the texture is image "mossy stone".'
    assert all(bpy.data.images[name].users for name in ticket.delivery.images)


@pytest.mark.fault("F62")
def test_a_renamed_scene(plane, held, asked):
    ticket = asked()
    bpy.data.scenes["Scene"].name = "Renamed"
    finish(held, ticket)
    assert seeds("Renamed") == ["7"]


@pytest.mark.fault("F62")
@pytest.mark.parametrize("change_file", ["new", "open"])
def test_messages_of_the_file_before_are_not_shown(plane, settings, tmp_path, change_file):
    path = str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    status.error, status.details, status.note = "Out of memory.", "details", "A note."
    training.tell("It is trained.", is_error=False)
    bpy.ops.wm.read_homefile(use_empty=True) if change_file == "new" else bpy.ops.wm.open_mainfile(
        filepath=path
    )
    assert (status.error, status.details, status.note, training.message) == ("", "", "", "")


@pytest.mark.fault("F62")
def test_an_error_of_a_job_of_the_file_before_says_so(plane, settings, held):
    held.error, held.error_at = OutOfMemory("The memory is full; choose a smaller size."), 2
    ticket = submit()
    drain_until(running(held))
    bpy.ops.wm.read_homefile(use_empty=True)
    finish(held, ticket)
    assert status.error == (
        "The memory is full; choose a smaller size. That was a job of the file that was open before."
    )


@pytest.mark.fault("F62")
def test_a_file_that_cannot_be_opened_leaves_them(plane, settings, tmp_path):
    (tmp_path / "broken.blend").write_bytes(b"no .blend")
    status.error = "Out of memory."
    with pytest.raises(RuntimeError):
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "broken.blend"))
    assert status.error == "Out of memory."


@pytest.fixture
def report():
    bpy.ops.ed.undo_push(message="Before")
    bpy.data.meshes.new("Work")
    bpy.ops.ed.undo_push(message="Work")
    engine_setup._reported("How it is")
    yield engine_setup.state
    engine_setup.stop()


@pytest.mark.fault("F62")
def test_the_report_outlives_undo_and_redo(report):
    for step in (bpy.ops.ed.undo, bpy.ops.ed.redo, bpy.ops.ed.undo):
        step()
        assert bpy.data.texts[REPORT_NAME].as_string().strip() == "How it is"
    assert "Work" not in bpy.data.meshes, "the artist's own step was undone, and no step of ours"
    assert REPORT_NAME in report.note


@pytest.mark.fault("F62")
def test_a_report_that_was_deleted_does_not_come_back(report):
    bpy.data.texts.remove(bpy.data.texts[REPORT_NAME])
    bpy.ops.ed.undo()
    assert REPORT_NAME not in bpy.data.texts


@pytest.mark.fault("F62")
def test_another_file_is_not_said_to_have_the_report(report):
    bpy.ops.wm.read_homefile(use_empty=True)
    assert REPORT_NAME not in bpy.data.texts
    assert report.note == "The report is on the clipboard."
