# SPDX-License-Identifier: GPL-3.0-or-later
"""What a training learns from: a folder with its captions, or images of the file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import bpy
import numpy as np
import pytest

from sd_blender.blender.masks import painting
from sd_blender.blender.properties import status
from sd_blender.blender.training.status import training
from sd_blender.core.captions import read_captions
from sd_blender.core.request import Tiling
from sd_blender.core.training_request import TextualInversion, TrainLora
from tests.blender.conftest import (
    textured,
)
from tests.blender.training_scene import three_images
from tests.fakes import picture


def test_a_lora_from_a_folder(lessons, engine, folder):
    lessons.tiling, lessons.rank, lessons.layers = "BOTH", 8, "ALL"
    assert bpy.ops.sdb.train() == {"FINISHED"}
    (request,) = engine.trained
    assert type(request) is TrainLora and request.tiling is Tiling.BOTH
    assert (request.rank, request.layers, request.steps, request.size) == (8, "all", 6, 64)
    assert (request.images, request.output) == (str(folder), lessons.output)
    assert (request.sampling.width, request.sampling.steps) == (64, bpy.context.scene.sd_blender.steps)
    assert Path(lessons.output).is_file()
    assert not folder.joinpath("metadata.jsonl").exists()  # nothing was edited
    assert status.note.startswith("brick is trained: 6 steps, loss 0.1667; it is saved as ")
    assert '"zx" calls it in a prompt.' in status.note and training.message == status.note
    assert [sample.step for sample in training.samples] == [3, 6]


def test_a_word(lessons, engine):
    lessons.method, lessons.vectors, lessons.initializer = "WORD", 3, "stone"
    bpy.ops.sdb.train()
    (request,) = engine.trained
    assert type(request) is TextualInversion
    assert (request.vectors, request.initializer, request.trigger) == (3, "stone", "zx")
    assert request.learning_rate == pytest.approx(5e-3)


def test_captions_are_edited_in_the_list_and_written_alone(lessons, engine, folder):
    assert bpy.ops.sdb.read_training_folder() == {"FINISHED"}
    captions = {item.file: item.caption for item in lessons.files}
    assert captions == {"IMG_0001.png": "", "old-brick_2.png": "old brick", "red_brick.png": "red brick"}
    lessons.files[0].caption = "a wall of bricks"
    bpy.ops.sdb.train()
    lines = folder.joinpath("metadata.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"file_name": "IMG_0001.png", "text": "a wall of bricks"}]
    assert engine.captions[0]["IMG_0001.png"] == "zx, a wall of bricks"
    assert engine.captions[0]["red_brick.png"] == "zx, red brick"


def test_a_list_of_another_folder_is_written_nowhere(lessons, engine, folder, tmp_path):
    bpy.ops.sdb.read_training_folder()
    lessons.files[0].caption = "of the first folder"
    other = tmp_path / "other"
    os.rename(folder, other)
    lessons.folder = str(other)
    bpy.ops.sdb.train()
    assert not other.joinpath("metadata.jsonl").exists()


def test_images_of_the_file(lessons, engine):
    lessons.source = "IMAGES"
    images = three_images()
    images[1].sd_blender_caption = "a dry rock"
    bpy.ops.sdb.train()
    (request,) = engine.trained
    folder = Path(request.images)
    assert folder == Path(lessons.output).with_suffix(".training") / "images"
    found = {name: caption.text for name, caption in read_captions(folder).items()}
    assert found == {
        "001-dry-rock.png": "a dry rock",
        "002-mossy-rock.png": "Mossy rock",
        "003-untitled.png": "",
    }
    back = bpy.data.images.load(str(folder / "002-mossy-rock.png"))
    values = np.array(back.pixels[:]).reshape(16, 24, 4)[::-1]
    assert np.array_equal(np.rint(values[..., :3] * 255), picture(0, 24, 16))


def test_images_are_ticked_by_what_is_selected_and_open(lessons, plane):
    images = three_images()
    bpy.ops.sdb.tick_images(choice="NONE")
    assert not any(image.sd_blender_train for image in bpy.data.images)
    textured(plane, images[1])
    plane.select_set(True)
    bpy.ops.sdb.tick_images(choice="OBJECTS")
    assert [image.name for image in bpy.data.images if image.sd_blender_train] == ["Dry rock"]
    mask = painting.new_mask("A mask", 8, 8)
    bpy.ops.sdb.tick_images(choice="ALL")
    assert all(image.sd_blender_train for image in images) and not mask.sd_blender_train
