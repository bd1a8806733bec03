# SPDX-License-Identifier: GPL-3.0-or-later
"""What a training that was left goes on with: its last step that lacks a file, the usual name, and which images."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest

from sd_blender.blender.training import build_training, renders
from sd_blender.blender.training import panel as training_panel
from sd_blender.blender.training import status as training_status
from sd_blender.core.errors import CannotSave
from tests.blender.conftest import change
from tests.blender.test_panels import draw
from tests.blender.training_scene import refused, three_images
from tests.fake_trainer import write_lora


def drawn():
    """The panel, after it has looked at the disk."""
    lessons = bpy.context.scene.sd_blender_training
    training_status.look(build_training.output_of(lessons), lessons.steps)
    return " ".join(map(str, draw(training_panel.MAIN[0]))).replace("\n", " ")


def interrupt(engine, at=4):
    """Train, and lose the engine at this step; checkpoints are made at every second one."""
    engine.error, engine.error_at = CannotSave("The disk is full."), at
    with refused("The disk is full"):
        bpy.ops.sdb.train()


@pytest.mark.parametrize("older", [False, True])
def test_the_last_step_without_its_file_goes_on(lessons, engine, older):
    bpy.ops.sdb.train()
    output = Path(lessons.output)
    if older:
        write_lora(output, "zx", ss_steps="3")  # of a training of 3 steps, before Steps was raised
    else:
        output.unlink()
    assert "Resume at Step 6" in drawn()
    bpy.ops.sdb.train()
    assert [request.output for request in engine.trained] == [str(output)] * 2
    assert build_training.find(str(output)).is_whole and "Resume" not in drawn()


def test_fewer_steps_than_were_made_still_give_the_file(lessons, engine):
    interrupt(engine)
    lessons.steps = 2
    bpy.ops.sdb.train()
    assert engine.trained[1].output == engine.trained[0].output and Path(lessons.output).is_file()


def test_without_an_output_the_button_says_what_goes_on(lessons, engine):
    lessons.output, lessons.trigger = "", "unsaved"
    assert "Resume" not in drawn()
    interrupt(engine, at=3)
    first, lessons.output = engine.trained[0].output, ""  # as in a .blend that was not saved after that
    assert "Resume at Step 2" in drawn() and training_panel.CHOSEN in drawn()
    bpy.ops.sdb.train()
    assert [request.output for request in engine.trained] == [first] * 2


def test_what_the_button_does_not_tell_of_does_not_go_on(lessons, engine):
    """A finished training is named, and the unfinished one that has the next name is another."""
    first = lessons.output
    bpy.ops.sdb.train()
    interrupt(engine)
    assert lessons.output.endswith("brick_2.safetensors")
    lessons.output = first
    assert "Resume" not in drawn()
    bpy.ops.sdb.train()
    assert lessons.output.endswith("brick_3.safetensors")


def test_ticks_and_captions_of_now_are_what_it_goes_on_with(lessons, engine):
    lessons.source = "IMAGES"
    images = three_images()
    interrupt(engine)
    images[0].sd_blender_caption = "moss on a rock"
    bpy.data.images["Not this one"].sd_blender_train = True
    assert training_panel.CHOSEN in drawn()
    bpy.ops.sdb.train()
    assert len(engine.captions[0]) == 3 and len(engine.captions[1]) == 4
    assert engine.captions[1]["002-mossy-rock.png"] == "zx, moss on a rock"


def test_images_that_are_gone_are_those_that_were_made_for_it(lessons, engine):
    lessons.source = "IMAGES"
    for image in three_images():
        image.use_fake_user = False
    interrupt(engine)
    bpy.ops.sdb.tick_images(choice="NONE")
    assert training_panel.KEPT in drawn()
    bpy.ops.sdb.train()
    assert engine.captions[0] == engine.captions[1]


@pytest.fixture
def views(lessons, plane):
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    change(lessons, source="RENDERS", views=3)
    plane.select_set(True)
    return lessons


def test_renders_are_made_once_but_what_they_show_can_be_said_anew(views, engine, plane, monkeypatch):
    interrupt(engine)
    plane.select_set(False)
    monkeypatch.setattr(renders, "render_view", None)
    views.render_caption = "a brick wall"
    assert training_panel.KEPT in drawn()
    bpy.ops.sdb.train()
    assert set(engine.captions[0].values()) == {"zx, plane"}
    assert set(engine.captions[1].values()) == {"zx, a brick wall"}


def test_images_of_another_source_are_no_renders(views, engine):
    views.source = "IMAGES"
    three_images()
    interrupt(engine)
    views.source = "RENDERS"
    assert training_panel.CHOSEN in drawn()
    bpy.ops.sdb.train()
    assert list(engine.captions[1]) == ["001-render.png", "002-render.png", "003-render.png"]
