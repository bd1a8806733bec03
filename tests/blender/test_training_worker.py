# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way of a training: bpy here, torch in a worker, the starter model taught and the result used."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import bpy
import numpy as np
import pytest

from sd_blender.blender import session
from sd_blender.blender.training import build_training
from sd_blender.blender.training import operators as training_operators
from sd_blender.blender.training.status import training
from tests.blender.conftest import change, drain_until, generate, new_image
from tests.blender.test_worker import engine_python, made
from tests.fakes import picture

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def worker(plane, settings, monkeypatch, tmp_path):
    """Train uses a real worker from now on; four images of the file are ticked."""
    python = engine_python()
    if python is None:
        pytest.skip("no environment with torch: python3 scripts/test.py makes one")
    monkeypatch.setenv("SD_BLENDER_PYTHON", str(python))
    session.set_engine_factory(None)
    for number in range(4):
        new_image(f"Stripes {number}", picture(number, 64, 64)).sd_blender_train = True
    lessons = bpy.context.scene.sd_blender_training
    change(lessons, source="IMAGES", trigger="zx", size=64, steps=3, batch=1, rank=2, learning_rate=0.02)
    change(lessons, checkpoint_every=1, sample_every=3, output=str(tmp_path / "stripes.safetensors"))
    return lessons


def pixels():
    image = made()[-1]
    values = np.array(image.pixels[:])
    bpy.data.images.remove(image)
    return values


def test_the_starter_model_learns_and_the_lora_changes_what_it_makes(worker, settings):
    assert bpy.ops.sdb.train() == {"FINISHED"}
    assert Path(worker.output).is_file() and training.message.startswith("stripes is trained: 3 steps")
    change(settings, width=64, height=64, steps=2, prompt="zx")
    generate()
    plain = pixels()
    bpy.ops.sdb.use_training()
    (entry,) = bpy.context.scene.sd_blender_adapters.entries
    assert (entry.kind, entry.trigger) == ("LORA", "zx")
    generate()
    assert not np.array_equal(plain, pixels())
    entry.use = False
    generate()
    assert np.array_equal(plain, pixels())


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_a_killed_worker_is_told_of_and_the_training_goes_on(worker):
    worker.steps = 400
    operator = training_operators.SDB_OT_train
    ticket = operator.submit(None, bpy.context)
    drain_until(lambda: ticket.job.step >= 2, 240)
    os.kill(session.current().thread._engine.pid, signal.SIGKILL)
    drain_until(lambda: not ticket.is_open, 60)
    assert "goes on from the last checkpoint" in training.message and training.is_error
    done = build_training.find(worker.output).steps
    assert done >= 1 and training.steps == done
    worker.steps = done + 1
    assert bpy.ops.sdb.train() == {"FINISHED"}
    assert training.message.startswith(f"stripes is trained: {done + 1} steps")


def test_an_image_that_cannot_be_read_is_named(worker, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("a wall", "a floor", "a roof"):
        folder.joinpath(f"{name}.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    change(worker, source="FOLDER", folder=str(folder))
    with pytest.raises(RuntimeError, match=r"a floor\.png cannot be read as a picture"):
        bpy.ops.sdb.train()
    assert training.is_error and "repair or remove it" in training.message
