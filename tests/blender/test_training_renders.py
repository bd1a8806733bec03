# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders of the selected objects for a training: made at once for a script, one at a time for who clicks."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

import sd_blender
from sd_blender.blender import lifecycle
from sd_blender.blender.properties import status
from sd_blender.blender.source import capture
from sd_blender.blender.training import panel as training_panel
from sd_blender.blender.training import rendering
from sd_blender.blender.training.operators import SDB_OT_train
from sd_blender.blender.training.status import training
from sd_blender.core.errors import BlenderStateError
from tests.blender.conftest import change, drain_until
from tests.blender.test_panels import draw
from tests.blender.training_scene import refused

COUNTED = ("scenes", "objects", "cameras")


@pytest.fixture
def views(lessons, plane):
    """Four views of the plane, rendered in no time."""
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    change(lessons, source="RENDERS", views=4)
    plane.select_set(True)
    return lessons


def press():
    """Click Train; what in a window a timer calls is `rendering.step`."""
    button = SimpleNamespace(
        attempt=lambda prepare: prepare(), _begin=lambda context: SDB_OT_train._begin(None, context)
    )
    return SDB_OT_train.invoke(button, bpy.context, None)


def counts():
    return {name: len(getattr(bpy.data, name)) for name in COUNTED}


def left_of(lessons):
    """The files and folders of images that there are."""
    return sorted(Path(lessons.output).parent.rglob("images*"))


def drawn():
    return " ".join(map(str, draw(training_panel.MAIN[0]))).replace("\n", " ")


def run():
    while rendering.step() is not None:
        pass


def test_renders_for_a_script(views, engine):
    scene, lessons = bpy.context.scene, views
    scene.render.resolution_x, scene.render.resolution_y = 40, 24
    camera = bpy.data.objects.new("Theirs", bpy.data.cameras.new("Theirs"))
    scene.collection.objects.link(camera)
    camera.location.z, scene.camera = 3.0, camera
    theirs, before = capture.render_now(scene), counts()
    bpy.ops.sdb.train()
    captions = engine.captions[0]
    assert list(captions.values()) == ["zx, plane"] * 4
    assert before == counts()
    assert scene.camera == camera and bpy.context.scene == scene and scene.render.resolution_x == 40
    assert np.array_equal(capture.render_result(scene), theirs)
    image = bpy.data.images.load(str(Path(engine.trained[0].images) / next(iter(captions))))
    alpha = np.array(image.pixels[:]).reshape(64, 64, 4)[..., 3]
    assert tuple(image.size) == (64, 64) and 0.05 < alpha.mean() < 0.95
    assert Path(lessons.output).is_file()


def test_a_render_that_fails_leaves_the_scene_as_it_was(views, engine, monkeypatch):
    def fail(scene):
        raise BlenderStateError("The render failed (odd); render the image (F12) to see why.")

    monkeypatch.setattr(capture, "render_now", fail)
    before = counts()
    with refused("The render failed"):
        bpy.ops.sdb.train()
    assert before == counts() and not engine.trained and not left_of(views)
    assert training.is_error and "The render failed" in training.message


def test_between_two_renders_blender_goes_on(views, engine):
    before = counts()
    assert press() == {"FINISHED"} and training.rendering == (0, 4)
    assert rendering.step() == rendering.BREATH and training.rendering == (1, 4)
    assert counts() == before and not engine.trained
    assert "Rendering view 2 of 4" in drawn() and "sdb.pause_training" in drawn()
    with refused("Renders for a training are made; pause that, or wait for it"):
        bpy.ops.sdb.train()
    bpy.ops.ed.undo_push(message="before")
    bpy.context.scene.frame_current = 7
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    run()
    drain_until(lambda: training.is_made)
    assert counts() == before and training.rendering is None
    assert list(engine.captions[0].values()) == ["zx, plane"] * 4


def test_pause_drops_the_renders(views, engine):
    press()
    rendering.step()
    assert left_of(views)
    assert bpy.ops.sdb.pause_training() == {"FINISHED"}
    assert not left_of(views) and training.rendering is None and rendering.step() is None
    assert training.message == rendering.STOPPED and not training.is_error
    assert "sdb.pause_training" not in drawn() and "sdb.train" in drawn()
    press()
    run()
    drain_until(lambda: training.is_made)


def test_a_deleted_object_ends_it(views, engine, plane):
    press()
    rendering.step()
    bpy.data.objects.remove(plane)
    assert rendering.step() is None
    assert training.is_error and "What was rendered for the training is deleted" in training.message
    assert status.error == training.message and not left_of(views) and not engine.trained


def test_another_file_ends_it(views, engine, tmp_path):
    blend, output = str(tmp_path / "other.blend"), Path(views.output)
    bpy.ops.wm.save_as_mainfile(filepath=blend, copy=True)
    press()
    rendering.step()
    bpy.ops.wm.open_mainfile(filepath=blend)
    assert rendering.step() is None and training.rendering is None
    assert "Another file was opened" in training.message
    assert not list(output.parent.rglob("images*")) and not engine.trained


def test_it_waits_while_blender_renders(views, monkeypatch):
    press()
    rendering.step()
    with monkeypatch.context() as patched:
        patched.setattr(lifecycle, "_busy", {"rendering"})
        assert rendering.step() == rendering.WAIT and training.rendering == (1, 4)
    assert rendering.step() == rendering.BREATH and training.rendering == (2, 4)


def test_views_that_show_nothing_are_no_images(views, engine, monkeypatch):
    monkeypatch.setattr(capture, "render_now", lambda scene: np.zeros((64, 64, 4), np.uint8))
    press()
    run()
    assert "The selected objects are seen in 0 of 4 renders" in training.message
    assert training.is_error and not left_of(views) and not engine.trained


def test_a_disk_that_fills(views, engine, monkeypatch):
    press()
    rendering.step()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert rendering.step() is None
    assert "(No space left on device); make room on that disk" in training.message
    assert not left_of(views) and not engine.trained


def test_a_defect_is_told_and_logged(views, monkeypatch, caplog):
    monkeypatch.setattr(capture, "render_now", lambda scene: 1 / 0)
    press()
    assert rendering.step() is None
    assert "The training could not be prepared (ZeroDivisionError" in training.message
    assert "Traceback" in caplog.text and training.rendering is None


def test_disabling_the_add_on_leaves_nothing(views):
    press()
    rendering.step()
    output = Path(views.output)
    sd_blender.unregister()
    assert (
        rendering.step() is None and training.rendering is None and not list(output.parent.rglob("images*"))
    )
