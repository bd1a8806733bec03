# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of NumPy in a process of its own, over the same wire as the other one."""

from __future__ import annotations

import numpy as np
import pytest

from sd_blender.core.errors import EngineUnavailable, ErrorKind, JobCancelled, SDBlenderError
from sd_blender.core.messages import Preview, Progress
from sd_blender.core.request import Lora, Sampling, TextToImage
from sd_blender.core.training_request import TrainLora
from sd_blender.numpy_engine.engine import NumpyEngine
from sd_blender.numpy_engine.refusals import refuse_what_needs_torch
from sd_blender.worker.child import numpy_worker_command, runs_numpy, same_python
from sd_blender.worker.process_engine import ProcessEngine

REQUEST = TextToImage(prompt="red brick", sampling=Sampling(width=32, height=32, steps=2))


@pytest.fixture(scope="module")
def worker():
    engine = ProcessEngine(numpy_worker_command(same_python()))
    yield engine
    engine.unload()


def test_its_pictures_are_those_of_this_process(worker):
    messages = []
    made = worker.generate("job", REQUEST, messages.append, lambda: False)
    here = NumpyEngine().generate("job", REQUEST, lambda message: None, lambda: False)
    assert np.abs(made.images[0].pixels.astype(int) - here.images[0].pixels).max() <= 1
    assert sum(isinstance(message, Progress) for message in messages) == 2
    assert made.precision == here.precision
    assert not any(isinstance(message, Preview) and message.pixels.size == 0 for message in messages)


def test_it_is_cancelled_and_refuses_as_in_this_process(worker):
    messages = []
    request = TextToImage(prompt="red brick", sampling=Sampling(width=256, height=256, steps=50))
    with pytest.raises(JobCancelled):
        worker.generate("job", request, messages.append, lambda: len(messages) > 3)
    with pytest.raises(SDBlenderError, match="Install Engine") as refused:
        worker.generate(
            "job", TextToImage(prompt="a", loras=(Lora(path="x"),)), messages.append, lambda: False
        )

    assert refused.value.kind is ErrorKind.ENGINE_UNAVAILABLE


def test_training_is_refused():
    training = TrainLora(images="pictures", output="brick.safetensors")
    with pytest.raises(EngineUnavailable, match="Install Engine"):
        refuse_what_needs_torch(training)


def test_a_python_that_runs_it_is_told_from_others(tmp_path):
    assert runs_numpy(same_python())
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\nexit 1\n")
    assert not runs_numpy(other), "it cannot be started"
    other.chmod(0o755)
    assert not runs_numpy(other), "it ends with an error"
    other.write_text("#!/bin/sh\nexit 0\n")
    assert not runs_numpy(other), "it is no Python"
    assert not runs_numpy(tmp_path / "nowhere")
