# SPDX-License-Identifier: GPL-3.0-or-later
"""Training in Blender: from folder, images and renders to a file, with pause, resume and refusals."""

from __future__ import annotations

import errno
import json
import os
import threading
from pathlib import Path

import bpy
import numpy as np
import pytest

import sd_blender
from sd_blender.blender import lifecycle, pump, session
from sd_blender.blender.properties import status
from sd_blender.blender.source import capture
from sd_blender.blender.training import build_training
from sd_blender.blender.training import images as training_images
from sd_blender.blender.training import panel as training_panel
from sd_blender.blender.training import status as training_status
from sd_blender.blender.training.status import training
from sd_blender.core import png
from sd_blender.core.captions import read_captions
from sd_blender.core.errors import BadResult, BlenderStateError, CannotSave, ModelRefused
from sd_blender.core.request import Tiling
from sd_blender.core.training_request import TextualInversion, TrainLora
from tests.blender.conftest import (
    change,
    drain_until,
    engine_done,
    finish,
    generate,
    new_image,
    submit,
    textured,
)
from tests.blender.test_panels import draw
from tests.fake_trainer import FakeTrainer, write_lora
from tests.fakes import picture


@pytest.fixture
def engine():
    trainer = FakeTrainer()
    session.set_engine_factory(lambda: trainer)
    return trainer


@pytest.fixture
def folder(tmp_path):
    """Three pictures, of which one has no words in its name."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, name in enumerate(("red_brick", "old-brick_2", "IMG_0001")):
        folder.joinpath(f"{name}.png").write_bytes(png.encode(picture(number, 32, 32)))
    return folder


@pytest.fixture
def lessons(engine, folder, tmp_path):
    """The settings of a short training on the folder."""
    lessons = bpy.context.scene.sd_blender_training
    change(
        lessons,
        folder=str(folder),
        output=str(tmp_path / "out" / "brick.safetensors"),
        trigger="zx",
        steps=6,
        size=64,
        checkpoint_every=2,
        sample_every=3,
    )
    return lessons


def begin():
    """Press Train as the panel does, and let the test drain."""
    bpy.ops.sdb.train.poll()
    from sd_blender.blender.training.operators import SDB_OT_train

    ticket = SDB_OT_train.submit(None, bpy.context)
    return ticket


def refused(match):
    return pytest.raises(RuntimeError, match=match)


# What is trained on ------------------------------------------------------------------------------


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


def three_images():
    images = [
        new_image(name, picture(n, 24, 16)) for n, name in enumerate(("Mossy rock", "Dry rock", "Untitled"))
    ]
    for image in images:
        image.sd_blender_train = True
    new_image("Not this one", picture(9, 8, 8))
    return images


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
    bpy.ops.sdb.tick_images(choice="ALL")
    assert all(image.sd_blender_train for image in images)


def test_renders_of_the_selected_objects(lessons, engine, plane):
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.render.resolution_x, scene.render.resolution_y = 40, 24
    camera = bpy.data.objects.new("Theirs", bpy.data.cameras.new("Theirs"))
    scene.collection.objects.link(camera)
    camera.location.z, scene.camera = 3.0, camera
    theirs = capture.render_now(scene)
    lessons.source, lessons.views = "RENDERS", 4
    plane.select_set(True)
    before = {name: len(getattr(bpy.data, name)) for name in ("scenes", "objects", "cameras")}
    bpy.ops.sdb.train()
    captions = engine.captions[0]
    assert list(captions.values()) == ["zx, plane"] * 4
    assert before == {name: len(getattr(bpy.data, name)) for name in before}
    assert scene.camera == camera and bpy.context.scene == scene and scene.render.resolution_x == 40
    assert np.array_equal(capture.render_result(scene), theirs)
    image = bpy.data.images.load(str(Path(engine.trained[0].images) / next(iter(captions))))
    alpha = np.array(image.pixels[:]).reshape(64, 64, 4)[..., 3]
    assert tuple(image.size) == (64, 64) and 0.05 < alpha.mean() < 0.95


def test_a_render_that_fails_leaves_the_scene_as_it_was(lessons, engine, plane, monkeypatch):
    def fail(scene):
        raise BlenderStateError("The render failed (odd); render the image (F12) to see why.")

    monkeypatch.setattr(capture, "render_now", fail)
    lessons.source = "RENDERS"
    plane.select_set(True)
    before = {name: len(getattr(bpy.data, name)) for name in ("scenes", "objects", "cameras")}
    with refused("The render failed"):
        bpy.ops.sdb.train()
    assert before == {name: len(getattr(bpy.data, name)) for name in before}
    assert not engine.trained and not list(Path(lessons.output).parent.rglob("*.png"))
    assert training.is_error and "The render failed" in training.message


# Where it goes ------------------------------------------------------------------------------


def test_a_finished_file_stays_and_the_next_has_another_name(lessons, engine):
    first = lessons.output
    bpy.ops.sdb.train()
    content = Path(first).read_bytes()
    bpy.ops.sdb.train()
    assert lessons.output == first.replace("brick.", "brick_2.")
    assert Path(first).read_bytes() == content and Path(lessons.output).is_file()


def test_more_steps_go_on_from_a_finished_training(lessons, engine):
    bpy.ops.sdb.train()
    lessons.steps = 9
    bpy.ops.sdb.train()
    assert [request.output for request in engine.trained] == [lessons.output] * 2
    assert build_training.find(lessons.output).steps == 9


def test_a_file_of_somebody_else_is_not_written_over(lessons, engine):
    write_lora(Path(lessons.output), "theirs")
    theirs = Path(lessons.output).read_bytes()
    first = lessons.output
    bpy.ops.sdb.train()
    assert Path(first).read_bytes() == theirs and lessons.output.endswith("brick_2.safetensors")


def test_without_an_output_it_lies_beside_the_blend(lessons, engine, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    lessons = bpy.context.scene.sd_blender_training
    lessons.output, lessons.trigger = "", "Zx Brick"
    bpy.ops.sdb.train()
    assert lessons.output == "//loras/zx-brick.safetensors"
    assert tmp_path.joinpath("loras", "zx-brick.safetensors").is_file()


def test_without_a_blend_it_lies_among_the_users_files(lessons, engine):
    lessons.output = ""
    bpy.ops.sdb.train()
    assert lessons.output.startswith(os.environ["BLENDER_USER_RESOURCES"])
    assert lessons.output.endswith(os.path.join("loras", "zx.safetensors"))


# Pause, resume, discard ------------------------------------------------------------------------------


def test_pause_and_resume(lessons, engine):
    engine.hold = threading.Event()
    ticket = begin()
    drain_until(lambda: training.job)
    assert training.output == lessons.output and not bpy.ops.sdb.train.poll()
    assert "sdb.pause_training" in draw(training_panel.MAIN[0])
    assert "sdb.train" not in draw(training_panel.MAIN[0])
    engine.hold.set()
    engine.step_seconds = 0.05
    drain_until(lambda: ticket.job.step >= 3)
    bpy.ops.sdb.pause_training()
    drain_until(lambda: not ticket.is_open)
    done = build_training.find(lessons.output).steps
    assert 3 <= done < 6 and training.job == "" and training.steps == done
    assert training.message == f"The training is paused at step {done} of 6; Train goes on from there."
    assert {f"Resume at Step {done}", "sdb.discard_training"} <= set(draw(training_panel.MAIN[0]))
    engine.step_seconds = 0.0
    bpy.ops.sdb.train()
    assert len(engine.trained) == 2 and build_training.find(lessons.output).is_made
    drawn = draw(training_panel.MAIN[0])
    assert "sdb.use_training" in drawn and "Train" in drawn


def test_what_a_killed_blender_left_is_found_and_goes_on_with_its_images(lessons, engine, tmp_path):
    lessons.source = "IMAGES"
    three_images()
    engine.error, engine.error_at = ModelRefused("The worker ended (signal 9)."), 5
    with refused("signal 9"):
        bpy.ops.sdb.train()
    blend = str(tmp_path / "killed.blend")
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    bpy.ops.wm.open_mainfile(filepath=blend)
    training_status.forget()
    lessons = bpy.context.scene.sd_blender_training
    assert (lessons.method, lessons.trigger, lessons.steps, lessons.size) == ("LORA", "zx", 6, 64)
    training_status.look(build_training.output_of(lessons))
    assert training.steps == 4 and [sample.step for sample in training.samples] in ([], [3])
    assert "Resume at Step 4" in draw(training_panel.MAIN[0])
    assert not bpy.data.images  # nothing used them, so that Blender did not save them
    bpy.ops.sdb.train()
    assert engine.captions[0] == engine.captions[1]
    assert build_training.find(build_training.output_of(lessons)).is_made


def test_discard_begins_anew_and_keeps_the_finished_file(lessons, engine):
    bpy.ops.sdb.train()
    assert bpy.ops.sdb.discard_training() == {"FINISHED"}
    assert Path(lessons.output).is_file() and not Path(lessons.output).with_suffix(".training").exists()
    with refused("holds no training; nothing was deleted"):
        bpy.ops.sdb.discard_training()


def test_a_folder_that_is_no_training_is_never_deleted(lessons, engine):
    folder = Path(lessons.output).with_suffix(".training")
    folder.mkdir(parents=True)
    folder.joinpath("notes.txt").write_text("mine")
    with refused("nothing was deleted"):
        bpy.ops.sdb.discard_training()
    assert folder.joinpath("notes.txt").read_text() == "mine"


def test_it_waits_in_the_queue_with_textures(plane, settings, lessons, engine):
    engine.hold = threading.Event()
    texture, lesson = submit(), begin()
    drain_until(lambda: engine.requests)
    pump.drain()
    assert [job.title for job in status.queue] == ["mossy stone", "Training brick"]
    finish(engine, lesson)
    assert not texture.is_open and Path(lessons.output).is_file()


def test_progress_names_the_loss(lessons, engine):
    engine.step_seconds = 0.05
    ticket = begin()
    drain_until(lambda: ticket.job.step >= 2)
    assert status.text.startswith("Step ") and ", loss " in status.text
    session.cancel_all()
    drain_until(lambda: not ticket.is_open)


def test_the_last_sample_is_seen_when_it_comes_with_the_end(lessons, engine):
    begin()
    engine_done()
    pump.drain()
    assert [sample.step for sample in training.samples][-1] == 6 and training.is_made


def test_unregistering_under_a_training_leaves_its_checkpoint(lessons, engine):
    engine.step_seconds = 0.05
    ticket = begin()
    drain_until(lambda: ticket.job.step >= 2)
    output = lessons.output
    sd_blender.unregister()
    assert build_training.find(output).steps >= 2
    assert training.job == "" and not training.samples


def test_a_training_that_ends_as_blender_quits_is_no_lost_texture(lessons, engine, caplog):
    begin()
    engine_done()
    pump.leave()
    assert "too late" not in caplog.text and Path(lessons.output).is_file()


# What it is used for ------------------------------------------------------------------------------


def test_the_result_is_used_at_once(plane, settings, lessons, engine):
    bpy.ops.sdb.train()
    assert bpy.ops.sdb.use_training() == {"FINISHED"}
    assert settings.prompt == "zx, mossy stone"
    bpy.ops.sdb.use_training()  # twice is once
    generate()
    (lora,) = engine.requests[-1].loras
    assert (lora.path, lora.weight) == (lessons.output, 1.0)


def test_a_word_is_an_embedding(plane, settings, lessons, engine):
    lessons.method = "WORD"
    bpy.ops.sdb.train()
    bpy.ops.sdb.use_training()
    generate()
    assert engine.requests[-1].embeddings == (lessons.output,) and engine.requests[-1].loras == ()


# Refusals ------------------------------------------------------------------------------


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
    assert "set Size" not in " ".join(map(str, draw(training_panel.MAIN[0])))
    scene.sd_blender.model = str(tmp_path)
    assert "Most models were made for 512 px" in " ".join(map(str, draw(training_panel.MAIN[0])))
    scene.sd_blender_training.size = 512
    assert "set Size" not in " ".join(map(str, draw(training_panel.MAIN[0])))
