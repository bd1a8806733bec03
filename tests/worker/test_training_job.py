# SPDX-License-Identifier: GPL-3.0-or-later
"""A training in a worker process, on the thread that runs every job: messages, pause, kill, Free Memory, its use."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from sd_blender.core.errors import ErrorKind, InvalidRequest
from sd_blender.core.generation_thread import GenerationThread
from sd_blender.core.messages import (
    Cancelled,
    Failed,
    Finished,
    Losses,
    Progress,
    Queued,
    Sample,
    Started,
    TrainingResult,
)
from sd_blender.core.request import Lora, Sampling, TextToImage
from sd_blender.core.training_folder import TrainingFolder
from sd_blender.core.training_request import TrainLora
from sd_blender.worker.frames import Frame, WireError
from sd_blender.worker.log_file import WorkerLog
from sd_blender.worker.process_engine import ProcessEngine
from sd_blender.worker.protocol import message_frame, message_of, outcome_frame, work_frame, work_of
from sd_blender.worker.training_frames import trained_of

WORKER = Path(__file__).with_name("training_worker.py")
SMALL = Sampling(width=64, height=64, steps=2, scheduler="DDIM", seed=1)
REQUEST = TrainLora(images="/a", output="/b/moss.safetensors", sampling=SMALL)
PIXELS = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)

trains = pytest.mark.skipif(not find_spec("peft"), reason="this environment has no engine")


# The wire ------------------------------------------------------------------------------


def test_the_request_crosses_the_wire():
    frame = work_frame("j", REQUEST)
    assert (frame.type, work_of(frame)) == ("train", REQUEST)
    with pytest.raises(InvalidRequest):
        work_of(Frame({"type": "train", "job": "j", "request": {"task": "text_to_image", "version": 1}}))


def test_the_messages_cross_the_wire():
    losses = Losses("j", ((1, 0.5), (2, 0.25)))
    assert message_of(message_frame(losses)) == losses
    sample = message_of(message_frame(Sample("j", 7, "moss", PIXELS)))
    assert (sample.job_id, sample.step, sample.prompt) == ("j", 7, "moss")
    assert np.array_equal(sample.pixels, PIXELS)


@pytest.mark.parametrize("sample", [None, PIXELS])
def test_the_result_crosses_the_wire(sample):
    result = TrainingResult(REQUEST, "/b/moss.safetensors", 9, 0.125, 2.5, ("a note",), sample)
    back = trained_of(outcome_frame("j", result), REQUEST)
    assert dataclasses.replace(back, sample=None) == dataclasses.replace(result, sample=None) or (
        (back.path, back.steps, back.loss, back.seconds, back.notes)
        == (result.path, result.steps, result.loss, result.seconds, result.notes)
    )
    assert (back.sample is None) == (sample is None)


@pytest.mark.parametrize(
    "header",
    [{"type": "losses", "points": [[1]]}, {"type": "losses"}, {"type": "sample", "step": 1, "prompt": "x"}],
)
def test_malformed_messages_end_the_wire_and_not_the_thread(header):
    with pytest.raises(WireError):
        message_of(Frame({"job": "j", **header}))


def test_a_malformed_result():
    with pytest.raises(WireError):
        trained_of(Frame({"type": "trained", "job": "j"}), REQUEST)


# A worker that trains ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    from sd_blender.engine.libraries import quiet
    from tests.engine.tiny_model import save_tiny_model

    with quiet():
        return save_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def request_(tmp_path, tiny):
    from tests.training.lora_images import save_images

    return TrainLora(
        images=str(save_images(tmp_path / "images")),
        output=str(tmp_path / "stripes.safetensors"),
        model=str(tiny),
        trigger="zx",
        size=64,
        steps=8,
        batch=1,
        rank=2,
        learning_rate=5e-2,
        checkpoint_every=2,
        sample_every=8,
        sampling=SMALL,
    )


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    engine = ProcessEngine([sys.executable, str(WORKER)], WorkerLog(tmp_path_factory.mktemp("log")))
    yield engine
    engine.unload()


@pytest.fixture
def thread(engine):
    thread = GenerationThread(lambda: engine)
    yield thread
    assert thread.stop()


def until(thread, job_id, found=lambda message: False):
    """The messages of a job up to one that is ``found``, or its closing one."""
    messages, end = [], time.monotonic() + 150
    while not messages or not (
        found(messages[-1]) or isinstance(messages[-1], (Finished, Cancelled, Failed))
    ):
        message = thread.wait(1.0)
        assert time.monotonic() < end, messages
        if message is not None and message.job_id == job_id:
            messages.append(message)
    return messages


def at(step):
    return lambda message: isinstance(message, Progress) and message.step >= step


@trains
def test_it_trains_and_the_result_is_usable_at_once(thread, request_, tiny):
    messages = until(thread, thread.submit(request_))
    assert isinstance(messages[0], Queued) and isinstance(messages[-1], Finished), messages[-1]
    kinds = {type(message) for message in messages}
    assert {Started, Progress, Losses, Sample} <= kinds
    result = messages[-1].result
    assert (result.request, result.steps, result.path) == (request_, 8, request_.output)
    assert result.sample.shape == (64, 64, 3)
    plain = TextToImage(prompt="zx", model=str(tiny), sampling=SMALL)
    pictures = [
        until(thread, thread.submit(dataclasses.replace(plain, loras=loras)))[-1].result.images[0].pixels
        for loras in ((), (Lora(path=result.path),), ())
    ]
    assert not np.array_equal(pictures[0], pictures[1]) and np.array_equal(pictures[0], pictures[2])


@trains
def test_cancel_pauses_and_the_same_request_goes_on_in_the_same_worker(engine, thread, request_):
    longer = dataclasses.replace(request_, steps=500)
    job = thread.submit(longer)
    until(thread, job, at(3))
    pid = engine.pid
    thread.cancel(job)
    assert isinstance(until(thread, job)[-1], Cancelled)
    done = TrainingFolder.of(longer).steps_done()
    assert 3 <= done < 500
    assert engine.pid == pid, "it stopped by itself"
    messages = until(thread, thread.submit(dataclasses.replace(longer, steps=done + 2)))
    assert [m.step for m in messages if isinstance(m, Progress)] == [done, done + 1, done + 2]
    assert isinstance(messages[-1], Finished)


@trains
@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_a_killed_worker_loses_no_more_than_the_steps_between_checkpoints(engine, thread, request_):
    longer = dataclasses.replace(request_, steps=500)
    job = thread.submit(longer)
    last = until(thread, job, at(5))[-1].step
    os.kill(engine.pid, signal.SIGKILL)
    messages = until(thread, job)
    closing = messages[-1]
    last = max([last, *(m.step for m in messages if isinstance(m, Progress))])
    assert isinstance(closing, Failed) and closing.kind is ErrorKind.WORKER_DIED
    assert "goes on from the last checkpoint" in closing.message
    done = TrainingFolder.of(longer).steps_done()
    assert last - longer.checkpoint_every <= done
    messages = until(thread, thread.submit(dataclasses.replace(longer, steps=done + 1)))
    assert isinstance(messages[-1], Finished) and messages[-1].result.steps == done + 1


@trains
def test_free_memory_waits_for_the_training_and_then_ends_the_worker(engine, thread, request_):
    job = thread.submit(request_)
    until(thread, job, at(1))
    thread.unload()
    assert isinstance(until(thread, job)[-1], Finished)
    end = time.monotonic() + 20
    while engine.pid is not None and time.monotonic() < end:
        time.sleep(0.05)
    assert engine.pid is None


@trains
def test_what_is_refused_there_is_a_sentence_here(thread, request_):
    closing = until(thread, thread.submit(dataclasses.replace(request_, images=request_.images + "x")))[-1]
    assert isinstance(closing, Failed) and closing.kind is ErrorKind.INVALID_REQUEST
    assert "cannot be read" in closing.message
