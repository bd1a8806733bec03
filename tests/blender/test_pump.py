# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs that end while the artist goes on working: whatever happened meanwhile, the picture is kept."""

from __future__ import annotations

import contextlib
import signal
import threading
import types

import bpy
import numpy as np
import pytest
from bpy.app.handlers import persistent

from sd_blender.blender import lifecycle, operators, pump, session
from sd_blender.blender.properties import status
from sd_blender.blender.results import keeping, writeback
from sd_blender.core.errors import OutOfMemory, QueueFull
from sd_blender.core.jobs import JobState
from tests.blender.conftest import (
    base_color_image,
    drain_until,
    engine_done,
    finish,
    generate,
    new_image,
    pixels_of,
    running,
    submit,
    textured,
)
from tests.fakes import picture


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


@pytest.mark.fault("F12")
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


@pytest.mark.fault("F12")
def test_hundred_submits_are_bounded(plane, settings, held):
    with pytest.raises(QueueFull, match="jobs are waiting already"):
        for _ in range(100):
            submit()
    assert len({t.job.id for t in session.open_tickets()}) == len(session.open_tickets()) == 64
    session.cancel_all()
    drain_until(lambda: not session.open_tickets())
    assert len(session.current().table) == 0


@pytest.mark.fault("F13")
@pytest.mark.fault("F15")
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


@pytest.mark.fault("F25")
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
    engine_done()
    lifecycle.HANDLERS[begin]()
    assert pump.drain() is True  # there is work left
    assert ticket.is_open and plane.active_material is None
    with pytest.raises(RuntimeError, match=f"Blender is {word}; wait until it is done"):
        bpy.ops.sdb.generate()
    lifecycle.HANDLERS[end]()
    assert pump.drain() is False
    assert base_color_image(plane.active_material)


@contextlib.contextmanager
def in_the_middle(handlers, function):
    """Run ``function`` in handlers that come after ours."""
    function = persistent(function)
    for name in handlers:
        getattr(bpy.app.handlers, name).append(function)
    try:
        yield
    finally:
        for name in handlers:
            getattr(bpy.app.handlers, name).remove(function)


@pytest.mark.fault("F25")
def test_a_real_render_holds_results_back_and_lets_go(plane, settings, engine):
    scene = bpy.context.scene
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.render.resolution_x = scene.render.resolution_y = 16
    ticket = submit()
    engine_done()
    seen = []

    def while_rendering(*_):
        pump.drain()
        seen.append((lifecycle.busy_with(), ticket.is_open))

    with in_the_middle(["render_pre", "render_post"], while_rendering):
        bpy.ops.render.render()
    assert seen == [("rendering", True)] * 2
    assert pump.drain() is False
    assert base_color_image(plane.active_material)


@pytest.mark.fault("F25")
def test_a_result_that_waits_during_a_real_bake(plane, settings, engine):
    """A script's bake blocks and calls no handler; what counts is that both results are there afterwards."""
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    material, node = textured(plane, new_image("Theirs", picture(1, 8, 8)))
    baked = bpy.data.images.new("Baked", 8, 8)
    target = material.node_tree.nodes.new("ShaderNodeTexImage")
    target.image = baked
    material.node_tree.nodes.active = target
    material.node_tree.get_output_node("ALL").inputs["Surface"].links[0].from_node.inputs[
        "Emission Strength"
    ].default_value = 1.0
    plane.select_set(True)
    ticket = submit()
    engine_done()
    bpy.ops.object.bake(type="EMIT")
    assert ticket.is_open and lifecycle.busy_with() is None
    shown = pixels_of(baked)
    assert (shown[..., :3] > 0).any()
    assert pump.drain() is False
    assert base_color_image(material).name == "mossy stone"
    assert (target.image, node.image.name) == (baked, "Theirs")
    np.testing.assert_array_equal(pixels_of(baked), shown)


@pytest.mark.fault("F18")
def test_a_real_save_holds_results_back_and_lets_go(plane, settings, engine, tmp_path):
    ticket = submit()
    engine_done()
    seen = []

    def while_saving(*_):
        pump.drain()
        seen.append((lifecycle.busy_with(), ticket.is_open, status.text))

    with in_the_middle(["save_pre"], while_saving):
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
        with pytest.raises(RuntimeError):
            bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "no folder" / "scene.blend"))
    assert seen == [("saving", True, "Waiting, Blender is saving")] * 2
    assert pump.drain() is False
    assert base_color_image(plane.active_material)
    assert status.text == ""


@pytest.mark.fault("F16")
def test_a_real_load_holds_results_back(plane, settings, engine, tmp_path):
    ticket = submit()
    engine_done()
    seen = []

    def while_loading(*_):
        pump.drain()
        seen.append((lifecycle.busy_with(), ticket.is_open))

    with in_the_middle(["load_pre"], while_loading):
        bpy.ops.wm.read_homefile(use_empty=True)
    assert seen == [("loading", True)]
    assert pump.drain() is False
    assert not ticket.is_open and not bpy.data.images


@pytest.mark.fault("F25")
@pytest.mark.parametrize(("job", "word"), [("RENDER", "rendering"), ("OBJECT_BAKE", "baking")])
def test_a_render_that_began_before_the_add_on_was_enabled(plane, settings, engine, monkeypatch, job, word):
    """No handler of ours was told of it; Blender's list of jobs knows."""
    running_jobs = {job}
    app = types.SimpleNamespace(is_job_running=lambda kind: kind in running_jobs)
    monkeypatch.setattr(lifecycle, "bpy", types.SimpleNamespace(app=app))
    assert lifecycle.busy_with() == word
    with pytest.raises(RuntimeError, match=f"Blender is {word}"):
        bpy.ops.sdb.generate()
    running_jobs.clear()
    assert lifecycle.busy_with() is None
    generate()


@pytest.mark.fault("F25")
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


@pytest.mark.fault("F23")
def test_an_exception_in_write_back_saves_the_picture_and_spares_the_pump(
    plane, settings, engine, monkeypatch
):
    def broken(*_):
        raise ValueError("surprise")

    monkeypatch.setattr(writeback.textures, "new_image", broken)
    ticket = submit()
    drain_until(lambda: not ticket.is_open)
    assert ticket.error.startswith("The texture could not be added to the file (surprise); it is saved as ")
    path = ticket.error.split("it is saved as ")[1].split(",")[0]
    rescued = bpy.data.images.load(path)
    np.testing.assert_array_equal(pixels_of(rescued)[..., :3], picture(7, 48, 32))
    monkeypatch.undo()
    generate()


@pytest.mark.fault("F23")
def test_an_exception_while_the_texture_is_shown_keeps_the_image(plane, settings, engine, monkeypatch):
    def broken(*_, **__):
        raise ValueError("surprise")

    monkeypatch.setattr(writeback.placement.materials, "show_image", broken)
    ticket = submit()
    drain_until(lambda: not ticket.is_open)
    assert ticket.error == ""
    assert status.note == (
        'The texture could not be shown (surprise); the texture is kept as image "mossy stone".'
    )
    assert bpy.data.images["mossy stone"].use_fake_user


@pytest.mark.fault("F23")
@pytest.mark.fault("F28")
def test_no_folder_takes_what_could_not_be_written_back(plane, settings, engine, monkeypatch):
    """The last resort fails too: the job is closed with a sentence and the next one works."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writeback.textures, "new_image", lambda *_: 1 / 0)
    monkeypatch.setattr(keeping, "write", full)
    ticket = submit()
    drain_until(lambda: not ticket.is_open)
    assert ticket.error == (
        "The texture could not be added to the file (division by zero) nor saved in any folder "
        "(No space left on device); free some disk space and generate it again."
    )
    monkeypatch.undo()
    generate()


@pytest.mark.fault("F12")
def test_submitting_while_the_last_job_is_being_cancelled(plane, settings, held):
    held.deaf = True  # an engine that does not let go yet
    first = submit()
    drain_until(running(held))
    session.cancel_all()
    second = submit(prompt="second", seed=8)
    assert second.is_open and second.job.id != first.job.id
    held.deaf = False
    finish(held, second)
    assert first.job.state in (JobState.CANCELLED, JobState.FINISHED)
    assert second.delivery.images == ("second",)


@pytest.mark.fault("F23")
def test_the_timer_survives_any_exception_and_stops_when_idle(plane, settings, held, monkeypatch):
    ticket = submit()
    drain_until(running(held))
    assert pump._tick() == pump.TICK
    monkeypatch.setattr(pump, "drain", lambda deadline: 1 / 0)
    assert pump._tick() == pump.TICK
    monkeypatch.undo()
    finish(held, ticket)
    assert pump._tick() is None


@pytest.mark.fault("F23")
def test_the_timer_logs_an_error_once_and_again_when_it_comes_back(
    plane, settings, held, monkeypatch, caplog
):
    ticket = submit()
    drain_until(running(held))
    monkeypatch.setattr(pump, "drain", lambda deadline: 1 / 0)
    for _ in range(50):
        assert pump._tick() == pump.TICK
    assert [record.message for record in caplog.records] == ["draining messages failed"]
    monkeypatch.undo()
    assert pump._tick() == pump.TICK
    monkeypatch.setattr(pump, "drain", lambda deadline: 1 / 0)
    pump._tick()
    assert len(caplog.records) == 2
    monkeypatch.undo()
    finish(held, ticket)


@pytest.mark.fault("F23")
def test_an_exception_in_the_progress_of_a_script_is_logged_once(plane, settings, engine, caplog):
    """The error stream of a script may be closed, and the texture is wanted all the same."""
    ticket = operators.submit(bpy.context)
    pump.wait([ticket], lambda: 1 / 0)
    assert ticket.delivery.images == ("mossy stone",)
    assert [record.message for record in caplog.records] == ["telling of the progress failed"]


def test_no_timer_in_background_mode(plane, settings, engine):
    submit()
    assert not bpy.app.timers.is_registered(pump._tick)
    drain_until(lambda: not session.open_tickets())


@pytest.mark.fault("F59")
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


def with_ctrl_c(function):
    """The function, and Ctrl+C while it works."""

    def interrupted(*args):
        signal.raise_signal(signal.SIGINT)
        result = function(*args)
        signal.raise_signal(signal.SIGINT)
        return result

    return interrupted


@pytest.mark.fault("F59")
def test_ctrl_c_during_a_delivery_leaves_no_half_of_it(plane, settings, engine, monkeypatch):
    monkeypatch.setattr(writeback.textures, "new_image", with_ctrl_c(writeback.textures.new_image))
    ticket = operators.submit(bpy.context)
    with pytest.raises(KeyboardInterrupt):
        pump.wait([ticket])
    assert not ticket.is_open and not session.open_tickets()
    assert base_color_image(plane.active_material).name == "mossy stone"
    monkeypatch.undo()
    generate()


@pytest.mark.fault("F59")
def test_ctrl_c_while_a_job_is_submitted_leaves_no_job_behind(plane, settings, held, monkeypatch):
    monkeypatch.setattr(session, "submit", with_ctrl_c(session.submit))
    with pytest.raises(KeyboardInterrupt):
        bpy.ops.sdb.generate()
    assert not session.open_tickets()
    monkeypatch.undo()
    held.hold.set()
    generate()
    assert bpy.data.images.keys() == ["mossy stone"]


@pytest.mark.fault("F59")
def test_ctrl_c_ends_only_the_job_that_the_script_waits_for(plane, settings, held):
    first = submit(prompt="first")
    drain_until(running(held))
    held.requests.clear()
    with pytest.raises(KeyboardInterrupt):
        signal_later = threading.Timer(0.3, signal.raise_signal, (signal.SIGINT,))
        signal_later.start()
        bpy.ops.sdb.generate()
    assert session.open_tickets() == [first]
    finish(held, first)
    assert first.delivery.images == ("first",)


def test_a_job_from_a_render_handler_is_refused_and_not_stuck(plane, settings, engine):
    lifecycle.HANDLERS["render_init"]()
    with pytest.raises(RuntimeError, match="Blender is rendering"):
        bpy.ops.sdb.generate()
    lifecycle.HANDLERS["render_complete"]()


@pytest.mark.fault("F58")
def test_progress_is_told_to_scripts(plane, settings, engine, capfd):
    generate()
    told = capfd.readouterr().err
    assert "sd_blender: step 1 of 2" in told
    assert "sd_blender: finished" in told
