# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs that end while the artist goes on working: whatever happened meanwhile, the picture is kept."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import bpy
import numpy as np
import pytest

import sd_blender
from sd_blender.blender import lifecycle, operators, pump, session, writeback
from sd_blender.blender.properties import status
from sd_blender.core.errors import OutOfMemory, QueueFull
from sd_blender.core.jobs import JobState
from tests.blender.conftest import (
    base_color_image,
    drain_until,
    generate,
    new_image,
    pixels_of,
    submit,
    textured,
)
from tests.fakes import picture


@pytest.fixture
def held(plane, settings, engine):
    """An engine that stops at its first step until the test lets it go on."""
    engine.hold = threading.Event()
    yield engine
    engine.hold.set()


def running(engine):
    return lambda: bool(engine.requests)


def finish(engine, ticket):
    engine.hold.set()
    drain_until(lambda: not ticket.is_open)


def test_submitting_returns_at_once_and_draining_delivers(plane, settings, held):
    ticket = submit()
    assert ticket.job.state is JobState.QUEUED
    assert plane.active_material is None
    drain_until(lambda: ticket.job.state is JobState.RUNNING)
    assert status.busy
    assert status.text == "Step 0 of 2"
    finish(held, ticket)
    assert base_color_image(plane.active_material).name == "mossy stone"
    assert ticket.delivery.images == ("mossy stone",)
    assert (status.busy, status.text, status.factor, status.error) == (False, "", 0.0, "")


def test_queue_runs_in_order_each_on_its_own_object(plane, settings, held):
    other = bpy.data.objects.new("Other", plane.data.copy())
    bpy.context.scene.collection.objects.link(other)
    first = submit(prompt="first")
    bpy.context.view_layer.objects.active = other
    second = submit(prompt="second", seed=8)
    bpy.context.view_layer.objects.active = None
    drain_until(running(held))
    pump.drain()
    assert status.text.endswith(", 1 more in queue")
    finish(held, second)
    assert not first.is_open
    assert base_color_image(plane.active_material).name == "first"
    assert base_color_image(other.active_material).name == "second"
    assert [r.prompt for r in held.requests] == ["first", "second"]


def test_what_the_artist_changes_meanwhile_does_not_reach_the_job(plane, settings, held):
    ticket = submit(prompt="moss")
    drain_until(running(held))
    settings.prompt, settings.seed = "rust", 99
    finish(held, ticket)
    assert ticket.delivery.images == ("moss",)
    assert (settings.prompt, settings.seed) == ("rust", 99)


def test_cancel_ends_the_running_and_the_waiting_job(plane, settings, held):
    tickets = [submit(), submit()]
    drain_until(running(held))
    assert bpy.ops.sdb.cancel() == {"FINISHED"}
    drain_until(lambda: not any(t.is_open for t in tickets))
    assert [t.job.state for t in tickets] == [JobState.CANCELLED] * 2
    assert not bpy.data.images
    assert plane.active_material is None
    assert status.note == "Cancelled."
    with pytest.raises(RuntimeError, match="Nothing is being generated"):
        bpy.ops.sdb.cancel()
    held.hold.set()
    generate()


def test_hundred_submits_are_bounded(plane, settings, held):
    with pytest.raises(QueueFull, match="jobs are waiting already"):
        for _ in range(100):
            submit()
    assert len({t.job.id for t in session.open_tickets()}) == len(session.open_tickets()) == 64
    session.cancel_all()
    drain_until(lambda: not session.open_tickets())
    assert len(session.current().table) == 0


def test_renamed_target_is_found(plane, settings, held):
    material = bpy.data.materials.new("Before")
    plane.data.materials.append(material)
    ticket = submit()
    plane.name, material.name = "Renamed", "After"
    finish(held, ticket)
    assert base_color_image(bpy.data.materials["After"]).name == "mossy stone"
    assert ticket.delivery.note == ""


def delete_object(plane):
    bpy.data.objects.remove(plane)


def delete_material(plane):
    bpy.data.materials.remove(plane.active_material)


def enter_edit_mode(plane):
    bpy.ops.object.mode_set(mode="EDIT")


@pytest.mark.parametrize(
    ("change_it", "sentence"),
    [
        (delete_object, 'Object "Plane" is gone; the texture is kept as image "mossy stone".'),
        (delete_material, 'Material "Stone" is gone; the texture is kept as image "mossy stone".'),
        (enter_edit_mode, '"Plane" is in Edit Mode; leave it with Tab first; the texture is kept as image'),
    ],
)
def test_target_that_is_no_longer_fit_keeps_the_image(plane, settings, held, change_it, sentence):
    plane.data.materials.append(bpy.data.materials.new("Stone"))
    ticket = submit()
    drain_until(running(held))
    change_it(plane)
    finish(held, ticket)
    image = bpy.data.images["mossy stone"]
    assert image.use_fake_user
    np.testing.assert_array_equal(pixels_of(image)[..., :3], picture(7, 48, 32))
    assert sentence in status.note
    assert ticket.error == ""


def test_undo_past_the_creation_of_the_target(settings, held):
    bpy.ops.ed.undo_push(message="Empty")
    bpy.ops.mesh.primitive_plane_add()
    bpy.ops.ed.undo_push(message="Plane")
    ticket = submit()
    drain_until(running(held))
    bpy.ops.ed.undo()
    assert bpy.data.objects.keys() == ["Plane"]  # the one of the fixture
    finish(held, ticket)
    assert "is gone" in status.note
    assert bpy.data.images["mossy stone"].use_fake_user


def test_undo_and_redo_while_generating(plane, settings, held):
    """After both, every datablock is another one in memory; the session id finds it."""
    plane.data.materials.append(bpy.data.materials.new("Stone"))
    bpy.ops.ed.undo_push(message="Material")
    ticket = submit()
    drain_until(running(held))
    bpy.context.object.location.x = 3
    bpy.ops.ed.undo_push(message="Move")
    bpy.ops.ed.undo()
    bpy.ops.ed.redo()
    finish(held, ticket)
    assert base_color_image(bpy.data.materials["Stone"]).name == "mossy stone"


def test_inpainted_source_deleted_meanwhile(plane, settings, held):
    source = new_image("Theirs", picture(1, 48, 32))
    textured(plane, source)
    mask = np.zeros((32, 48, 3), np.uint8)
    mask[:8, :8] = 255
    ticket = submit(task="INPAINT", source="TEXTURE", mask_image=new_image("Mask", mask))
    drain_until(running(held))
    bpy.data.images.remove(source)
    finish(held, ticket)
    assert base_color_image(plane.active_material).name == "mossy stone"


def test_another_file_is_opened(plane, settings, held, tmp_path):
    other = str(tmp_path / "other.blend")
    bpy.ops.wm.save_as_mainfile(filepath=other)
    ticket = submit()
    drain_until(running(held))
    bpy.ops.wm.open_mainfile(filepath=other)  # the same names, and other data
    finish(held, ticket)
    assert bpy.data.objects["Plane"].active_material is None
    assert bpy.data.images["mossy stone"].use_fake_user
    assert "Another file was opened while the texture was made" in status.note
    generate(prompt="next", width=32, height=32)
    assert base_color_image(bpy.data.objects["Plane"].active_material).name == "next"


def test_a_broken_file_is_refused_and_the_job_goes_on(plane, settings, held, tmp_path):
    broken = tmp_path / "broken.blend"
    broken.write_bytes(b"BLENDER-v402" + b"\0" * 64)
    ticket = submit()
    drain_until(running(held))
    generation = lifecycle.file_generation()
    with pytest.raises(RuntimeError):
        bpy.ops.wm.open_mainfile(filepath=str(broken))
    assert lifecycle.busy_with() is None
    assert lifecycle.file_generation() == generation
    finish(held, ticket)
    assert base_color_image(bpy.data.objects["Plane"].active_material).name == "mossy stone"


def test_saving_meanwhile_saves_no_trace_of_the_job(plane, settings, held, tmp_path):
    ticket = submit()
    drain_until(lambda: ticket.job.state is JobState.RUNNING)
    path = str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    assert lifecycle.busy_with() is None
    finish(held, ticket)
    sd_blender.unregister()
    bpy.ops.wm.open_mainfile(filepath=path)
    sd_blender.register()
    assert not bpy.data.images
    assert (status.busy, status.text) == (False, "")
    assert bpy.data.objects["Plane"].active_material is None


@pytest.mark.parametrize(
    ("begin", "end", "word"),
    [
        ("render_init", "render_complete", "rendering"),
        ("render_init", "render_cancel", "rendering"),
        ("object_bake_pre", "object_bake_complete", "baking"),
        ("save_pre", "save_post_fail", "saving"),
    ],
)
def test_results_wait_while_blender_is_busy(plane, settings, engine, begin, end, word):
    ticket = submit()
    while session.current().thread._open:
        threading.Event().wait(0.01)
    lifecycle.HANDLERS[begin]()
    assert pump.drain() is True  # there is work left
    assert ticket.is_open and plane.active_material is None
    with pytest.raises(RuntimeError, match=f"Blender is {word}; wait until it is done"):
        bpy.ops.sdb.generate()
    lifecycle.HANDLERS[end]()
    assert pump.drain() is False
    assert base_color_image(plane.active_material)


def test_a_real_render_holds_results_back_and_lets_go(plane, settings, engine):
    scene = bpy.context.scene
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.render.resolution_x = scene.render.resolution_y = 16
    ticket = submit()
    while session.current().thread._open:
        threading.Event().wait(0.01)
    seen = []

    def while_rendering(*_):
        pump.drain()
        seen.append((lifecycle.busy_with(), ticket.is_open))

    bpy.app.handlers.render_pre.append(while_rendering)
    bpy.app.handlers.render_post.append(while_rendering)
    try:
        bpy.ops.render.render()
    finally:
        bpy.app.handlers.render_pre.remove(while_rendering)
        bpy.app.handlers.render_post.remove(while_rendering)
    assert seen == [("rendering", True)] * 2
    assert pump.drain() is False
    assert base_color_image(plane.active_material)


def test_a_render_that_fails_lets_go_too(plane):
    with pytest.raises(RuntimeError):
        bpy.ops.render.render()  # no camera
    assert lifecycle.busy_with() is None


def test_an_error_of_the_engine_is_shown_and_the_queue_goes_on(plane, settings, engine):
    engine.error = OutOfMemory("There is not enough memory; choose a smaller size.", details="the log")
    first, second = submit(), submit(seed=8)
    drain_until(lambda: not second.is_open)
    assert first.error == status.error == "There is not enough memory; choose a smaller size."
    assert status.details == "the log"
    assert base_color_image(plane.active_material)
    submit()
    assert status.error == ""  # until the next Generate
    drain_until(lambda: not session.open_tickets())


def test_an_exception_in_write_back_saves_the_picture_and_spares_the_pump(
    plane, settings, engine, monkeypatch
):
    def broken(*_):
        raise ValueError("surprise")

    monkeypatch.setattr(writeback.textures, "new_image", broken)
    ticket = submit()
    drain_until(lambda: not ticket.is_open)
    assert ticket.error.startswith("The texture could not be added to the file (surprise); it is in ")
    folder = Path(ticket.error.split("it is in ")[1].split(",")[0])
    (file,) = folder.iterdir()
    rescued = bpy.data.images.load(str(file))
    np.testing.assert_array_equal(pixels_of(rescued)[..., :3], picture(7, 48, 32))
    file.unlink()
    folder.rmdir()
    monkeypatch.undo()
    generate()


def test_the_timer_survives_any_exception_and_stops_when_idle(plane, settings, held, monkeypatch):
    ticket = submit()
    drain_until(running(held))
    assert pump._tick() == pump.TICK
    monkeypatch.setattr(pump, "drain", lambda deadline: 1 / 0)
    assert pump._tick() == pump.TICK
    monkeypatch.undo()
    finish(held, ticket)
    assert pump._tick() is None


def test_no_timer_in_background_mode(plane, settings, engine):
    submit()
    assert not bpy.app.timers.is_registered(pump._tick)
    drain_until(lambda: not session.open_tickets())


def test_interrupting_a_script_cancels_its_job(plane, settings, held):
    ticket = operators.submit(bpy.context)

    def interrupt():
        if ticket.job.state is JobState.RUNNING and not ticket.job.step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pump.wait([ticket], interrupt)
    assert ticket.job.state is JobState.CANCELLED
    assert not bpy.data.images
    held.hold.set()
    generate()


def test_a_job_from_a_render_handler_is_refused_and_not_stuck(plane, settings, engine):
    lifecycle.HANDLERS["render_init"]()
    with pytest.raises(RuntimeError, match="Blender is rendering"):
        bpy.ops.sdb.generate()
    lifecycle.HANDLERS["render_complete"]()


def test_progress_is_told_to_scripts(plane, settings, engine, capfd):
    generate()
    told = capfd.readouterr().err
    assert "sd_blender: step 1 of 2" in told
    assert "sd_blender: finished" in told


def test_fifty_jobs_leave_no_jobs_and_no_threads(plane, settings, engine):
    for seed in range(50):
        generate(seed=seed, steps=1)
    assert len(session.current().table) == 0
    assert not session.open_tickets()
    assert sum(t.name.startswith("SD Blender") for t in threading.enumerate()) == 1
    assert len(os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ()) < 200
