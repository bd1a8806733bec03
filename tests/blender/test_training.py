# SPDX-License-Identifier: GPL-3.0-or-later
"""Training in Blender: where its file goes, pause, resume and discard, and what becomes of the result."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import bpy

import sd_blender
from sd_blender.blender import pump, session
from sd_blender.blender.properties import status
from sd_blender.blender.training import build_training
from sd_blender.blender.training import panel as training_panel
from sd_blender.blender.training import status as training_status
from sd_blender.blender.training.status import training
from sd_blender.core.errors import ModelRefused
from tests.blender.conftest import (
    drain_until,
    engine_done,
    finish,
    generate,
    submit,
)
from tests.blender.test_panels import draw
from tests.blender.training_scene import begin, refused, three_images
from tests.fake_trainer import write_lora

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


def test_a_pause_says_what_it_waits_for_and_that_need_not_be_waited_for(lessons, engine):
    engine.hold, engine.deaf = threading.Event(), True
    ticket = begin()
    drain_until(lambda: training.job)
    assert "sdb.stop_training" in draw(training_panel.MAIN[0])
    bpy.ops.sdb.pause_training()
    assert training.message.startswith("The training pauses when this step is done")
    engine.abandon = lambda: setattr(engine, "deaf", False)
    assert ticket.is_open and bpy.ops.sdb.stop_training() == {"FINISHED"}
    drain_until(lambda: not ticket.is_open)
    assert not bpy.ops.sdb.stop_training.poll()
    assert training.message.startswith("The training was stopped before its first checkpoint")


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
