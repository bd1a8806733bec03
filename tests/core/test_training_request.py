# SPDX-License-Identifier: GPL-3.0-or-later
"""Trainings as requests: the same form everywhere, refused field by field; their folder and their curve."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from sd_blender.core.errors import EngineUnavailable, InvalidRequest
from sd_blender.core.generation_thread import GenerationThread
from sd_blender.core.jobs import JobState, JobTable
from sd_blender.core.loss_curve import LINE, draw_curve, moving_mean
from sd_blender.core.messages import Failed, Finished, Losses, Sample, TrainingResult
from sd_blender.core.request import Sampling, Tiling
from sd_blender.core.training_folder import TrainingFolder
from sd_blender.core.training_json import training_from_json, training_to_json, validate_training
from sd_blender.core.training_request import TextualInversion, TrainLora
from tests.fakes import FakeEngine

LORA = TrainLora(images="/a", output="/b/moss.safetensors", tiling=Tiling.X, sampling=Sampling(seed=4))
WORD = TextualInversion(images="/a", output="/b/w.safetensors", trigger="zyx", vectors=2)


@pytest.mark.parametrize("request_", [LORA, WORD])
def test_json_and_back(request_):
    assert training_from_json(json.loads(json.dumps(training_to_json(request_)))) == request_


@pytest.mark.parametrize(
    "request_, field, value",
    [
        (LORA, "images", " "),
        (LORA, "output", "/b/moss"),
        (LORA, "output", "/b/.safetensors"),
        (LORA, "output", 3),
        (LORA, "model", ""),
        (LORA, "size", 32),
        (LORA, "steps", 0),
        (LORA, "batch", 65),
        (LORA, "rank", 0),
        (LORA, "rank", True),
        (LORA, "layers", "some"),
        (LORA, "learning_rate", math.nan),
        (LORA, "learning_rate", 0.0),
        (LORA, "caption_dropout", 1.5),
        (LORA, "text_encoder", 1),
        (LORA, "flip", None),
        (LORA, "checkpoint_every", 0),
        (LORA, "tiling", "x"),
        (LORA, "seed", -1),
        (WORD, "trigger", ""),
        (WORD, "trigger", "two words"),
        (WORD, "vectors", 17),
    ],
)
def test_what_cannot_be_tried_is_refused_by_name(request_, field, value):
    with pytest.raises(InvalidRequest) as refusal:
        validate_training(dataclasses.replace(request_, **{field: value}))
    assert refusal.value.field == field


@pytest.mark.parametrize(
    "change",
    [{"task": "x"}, {"version": 9}, {"colour": 1}, {"sampling": {"x": 1}}, {"tiling": "z"}, {"images": None}],
)
def test_json_of_a_stranger_is_refused(change):
    header = {**training_to_json(LORA), **change}
    with pytest.raises(InvalidRequest):
        training_from_json({k: v for k, v in header.items() if v is not None})


def test_a_training_on_the_thread_has_one_closing_message():
    class Trainer(FakeEngine):
        def train(self, job_id, request, report, is_cancelled):
            report(Losses(job_id, ((1, 0.5), (2, 0.25))))
            report(Sample(job_id, 2, "moss", np.zeros((4, 4, 3), np.uint8)))
            return TrainingResult(request, request.output, 2, 0.25, 1.0)

    thread, table = GenerationThread(Trainer), JobTable()
    job = table.add(thread.submit(LORA), LORA)
    messages = []
    while job.is_open:
        messages.append(thread.wait(5))
        table.apply(messages[-1])
    assert thread.stop()
    assert isinstance(messages[-1], Finished) and messages[-1].result.path == LORA.output
    assert (job.state, job.losses, job.sample.step) == (JobState.FINISHED, [(1, 0.5), (2, 0.25)], 2)


def test_an_engine_without_training_says_so():
    thread = GenerationThread(FakeEngine)
    thread.submit(LORA)
    while not isinstance(message := thread.wait(5), Failed):
        assert message is not None
    assert message.kind is EngineUnavailable.kind and "cannot train" in message.message
    assert thread.stop()


def test_a_training_that_cannot_be_tried_is_no_job():
    with pytest.raises(InvalidRequest):
        GenerationThread(FakeEngine).submit(dataclasses.replace(LORA, rank=0))


def test_the_folder_tells_how_far_it_is(tmp_path):
    folder = TrainingFolder(tmp_path / "moss.safetensors")
    assert (folder.steps_done(), folder.read_losses()) == (0, [])
    folder.path.mkdir()
    header = json.dumps({"__metadata__": {"step": "50"}}).encode()
    folder.checkpoint.write_bytes(len(header).to_bytes(8, "little") + header)
    folder.losses.write_text("[1, 0.5]\n[2, 0.25]\n[3, 0.")
    assert (folder.steps_done(), folder.read_losses()) == (50, [(1, 0.5), (2, 0.25)])
    folder.checkpoint.write_bytes(b"damaged")
    assert folder.steps_done() == 0
    folder.discard()
    assert not folder.path.exists()
    folder.discard()


def write_header(path, **metadata):
    header = json.dumps({"__metadata__": metadata}).encode()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(len(header).to_bytes(8, "little") + header)


def test_a_file_that_lacks_the_last_steps_is_not_whole(tmp_path):
    folder = TrainingFolder(tmp_path / "moss.safetensors")
    write_header(folder.checkpoint, step="50")
    for steps, is_whole in (("40", False), ("50", True), ("many", True)):
        write_header(folder.output, ss_steps=steps)
        assert folder.is_whole() is is_whole


def test_the_curve_falls_to_the_right_and_ends_where_the_training_is():
    points = [(step, 1.0 / step) for step in range(1, 101)]
    picture = draw_curve(points, 200, 100, 50)
    assert picture.shape == (50, 100, 3) and picture.dtype == np.uint8
    rows, columns = np.nonzero((picture == LINE).all(axis=2))
    assert rows[columns == columns.min()].min() < rows[columns == columns.max()].max()
    assert 45 <= columns.max() <= 55, "half of the steps are done"
    assert draw_curve([], 10).shape == (120, 320, 3)
    assert draw_curve([(1, 0.5)], 10).shape == (120, 320, 3)


def test_the_moving_mean_looks_back_only():
    assert moving_mean([1.0, 2.0, 3.0, 4.0], 2) == [1.0, 1.5, 2.5, 3.5]
