# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a training from beginning, and what ends it on the way."""

from __future__ import annotations

import errno
from pathlib import Path

import bpy
import pytest

from sd_blender.blender import lifecycle, session
from sd_blender.blender.properties import status
from sd_blender.blender.training import build_training
from sd_blender.blender.training import images as training_images
from sd_blender.blender.training import panel as training_panel
from sd_blender.blender.training.status import training
from sd_blender.core import suited_training
from sd_blender.core.errors import BadResult, CannotSave, ModelRefused
from tests.blender.conftest import (
    change,
)
from tests.blender.test_panels import draw
from tests.blender.training_scene import refused, three_images


def test_greyed_buttons_say_why(lessons, engine, plane):
    lessons.folder = ""
    with refused("No folder of images is chosen; choose one"):
        bpy.ops.sdb.train()
    lessons.source = "IMAGES"
    with refused("0 images are ticked and training needs at least 3; tick more"):
        bpy.ops.sdb.train()
    three_images()
    lessons.trigger = ""
    with refused("Untitled has no caption; write it in the list, or give a trigger word"):
        bpy.ops.sdb.train()
    lessons.source = "RENDERS"
    plane.select_set(False)
    with refused("No object that renders is selected"):
        bpy.ops.sdb.train()
    lessons.method = "WORD"
    with refused("A textual inversion learns one word"):
        bpy.ops.sdb.train()
    with refused("Nothing is being trained"):
        bpy.ops.sdb.pause_training()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"folder": "/no such folder"}, "The folder of images /no such folder cannot be read"),
        ({"output": "//unsaved.safetensors"}, "beside a .blend that is not saved yet; choose another output"),
        ({"output": "\\\\server\\share\\x.safetensors"}, "The output is on the network"),
        ({"folder": "\\\\server\\share"}, "folder of images is on the network"),
        ({"folder": "//pictures"}, "beside a .blend that is not saved yet; save it first"),
    ],
)
def test_refused_before_there_is_a_job(lessons, engine, values, sentence):
    change(lessons, **values)
    with refused(sentence):
        bpy.ops.sdb.train()
    assert not engine.trained and not session.open_tickets()


def test_too_few_images_and_missing_captions(lessons, engine, folder):
    lessons.trigger = ""
    with refused("IMG_0001.png has no caption; write it in metadata.jsonl"):
        bpy.ops.sdb.train()
    folder.joinpath("IMG_0001.png").unlink()
    lessons.trigger = "zx"
    with refused("holds 2 images and training needs at least 3; add some"):
        bpy.ops.sdb.train()
    assert not engine.trained and training.is_error and "add some" in training.message


@pytest.mark.parametrize(
    "error",
    [
        CannotSave(
            "brick cannot be saved (No space left on device); make room on that disk, then train again."
        ),
        BadResult("The loss is no number any more; lower the learning rate."),
        ModelRefused("x.png cannot be read as a picture (cut off); repair or remove it."),
    ],
)
def test_what_fails_on_the_way_is_told_and_what_was_learned_is_kept(lessons, engine, error):
    engine.error, engine.error_at = error, 4
    with refused(str(error).split("(")[0]):
        bpy.ops.sdb.train()
    assert training.message == str(error) and training.is_error
    assert str(error) in " ".join(draw(training_panel.MAIN[0])).replace("\n", " ") or status.error == str(
        error
    )
    assert build_training.find(lessons.output).steps == 2
    bpy.ops.sdb.train()
    assert build_training.find(lessons.output).is_made


def test_an_output_that_cannot_be_made(lessons, engine, tmp_path):
    tmp_path.joinpath("out").write_text("in the way")
    with refused("cannot be made"):
        bpy.ops.sdb.train()
    assert not engine.trained


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_fills_while_images_are_written(lessons, engine, monkeypatch):
    lessons.source = "IMAGES"
    three_images()
    monkeypatch.setattr(Path, "write_bytes", full)
    with refused(r"The images cannot be saved in .+brick.training \(No space left on device\); make room"):
        bpy.ops.sdb.train()
    assert not engine.trained and not list(Path(lessons.output).parent.rglob("images*"))


def test_a_folder_that_takes_no_captions(lessons, engine, monkeypatch):
    bpy.ops.sdb.read_training_folder()
    lessons.files[0].caption = "a wall"
    monkeypatch.setattr(training_images, "write_captions", full)
    with refused("The captions cannot be saved in .+ copy the images to a folder of your own"):
        bpy.ops.sdb.train()
    assert not engine.trained


def test_not_while_blender_renders(lessons, monkeypatch):
    monkeypatch.setattr(lifecycle, "_busy", {"rendering"})
    with refused("Blender is rendering"):
        bpy.ops.sdb.train()


def test_every_panel_draws(lessons, plane):
    for source in ("FOLDER", "IMAGES", "RENDERS"):
        for method in ("LORA", "WORD"):
            lessons.source, lessons.method = source, method
            for panel in (*training_panel.MAIN, *training_panel.ADVANCED):
                assert draw(panel)
    assert "sdb.train" in draw(training_panel.MAIN[1])


def test_a_size_that_does_not_suit_the_model_is_told(tmp_path):
    scene = bpy.context.scene
    change(scene.sd_blender_training, learning_rate=2e-3, layers="ALL")
    assert "set Size" not in " ".join(map(str, draw(training_panel.MAIN[0])))
    scene.sd_blender.model = str(tmp_path)
    assert "Most models were made for 512 px" in " ".join(map(str, draw(training_panel.MAIN[0])))
    scene.sd_blender_training.size = 512
    assert "set Size" not in " ".join(map(str, draw(training_panel.MAIN[0])))


def test_what_the_starter_model_learns_with_is_told(tmp_path):
    lessons = bpy.context.scene.sd_blender_training
    told = "a Rate of 0.002 and All layers; set them under Advanced"

    def drawn():
        return " ".join(map(str, draw(training_panel.MAIN[0]))).replace("\n", " ")

    assert told in drawn()
    lessons.learning_rate = suited_training.STARTER.learning_rate
    assert told in drawn()
    lessons.layers = suited_training.STARTER.layers.upper()
    assert told not in drawn()
    lessons.learning_rate = suited_training.OTHERS.learning_rate
    assert told in drawn()
    lessons.method = "WORD"
    assert told not in drawn()
    lessons.method, bpy.context.scene.sd_blender.model = "LORA", str(tmp_path)
    assert told not in drawn()
