# SPDX-License-Identifier: GPL-3.0-or-later
"""Pausing a training in a worker whose steps are long: it is waited for, so that nothing learned is lost."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from sd_blender.core.generation_thread import GenerationThread
from sd_blender.core.messages import Cancelled, Failed, Finished, Started
from sd_blender.core.training_folder import TrainingFolder
from sd_blender.core.training_request import TrainLora
from sd_blender.worker.log_file import WorkerLog
from sd_blender.worker.process_engine import ProcessEngine
from sd_blender.worker.watch import Limits

STUB = Path(__file__).with_name("stub_worker.py")
LIMITS = Limits(start=20, heartbeat=20, quiet=20, step=0.1, cancel=0.2)


@pytest.fixture
def engine(tmp_path):
    engine = ProcessEngine([sys.executable, str(STUB)], WorkerLog(tmp_path), LIMITS)
    yield engine
    engine.unload()


@pytest.fixture
def thread(engine):
    thread = GenerationThread(lambda: engine)
    yield thread
    assert thread.stop(0.2), "a training in the middle of a step kept its thread"


def begin(thread, tmp_path, step_seconds):
    """A training that has begun, whose steps take so long."""
    images = tmp_path / "images"
    images.mkdir()
    for name in ("moss", "fern", "bark"):
        images.joinpath(f"{name}.png").touch()
    request = TrainLora(
        images=str(images), output=str(tmp_path / "moss.safetensors"), trigger=str(step_seconds)
    )
    job = thread.submit(request)
    until(thread, Started)
    return job, TrainingFolder.of(request)


def until(thread, *kinds):
    end = time.monotonic() + 20
    while not isinstance(message := thread.wait(0.1), kinds):
        assert time.monotonic() < end, "it did not come"
    return message


def closing(thread):
    return until(thread, Finished, Cancelled, Failed)


def test_a_pause_waits_for_the_step_far_longer_than_a_cancelled_picture_is_waited_for(
    engine, thread, tmp_path
):
    job, folder = begin(thread, tmp_path, step_seconds=1.0)
    pid = engine.pid
    thread.cancel(job)
    thread.cancel(job)  # the impatient lose nothing either
    assert isinstance(closing(thread), Cancelled)
    assert engine.pid == pid and folder.checkpoint.is_file()


def test_a_training_is_abandoned_in_the_middle_of_a_step(engine, thread, tmp_path):
    job, folder = begin(thread, tmp_path, step_seconds=60.0)
    began = time.monotonic()
    thread.cancel(job)
    thread.abandon(job)
    assert isinstance(closing(thread), Cancelled)
    assert time.monotonic() - began < 3 and engine.pid is None and not folder.checkpoint.exists()


def test_whoever_quits_does_not_wait_for_the_step(engine, thread, tmp_path):
    begin(thread, tmp_path, step_seconds=60.0)
    assert thread.stop(0.2) and isinstance(closing(thread), Cancelled)
    assert engine.pid is None
