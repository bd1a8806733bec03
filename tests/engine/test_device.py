# SPDX-License-Identifier: GPL-3.0-or-later
"""Where and in which precision it runs, and how it behaves as a guest in a process."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from sd_blender.core.errors import EngineUnavailable
from sd_blender.core.request import SCHEDULERS, ImageToImage, Sampling, TextToImage
from sd_blender.engine import create_engine
from sd_blender.engine.device import choose_device
from sd_blender.engine.diffusers_engine import DiffusersEngine

from .conftest import painting, save_model


def request(folder, side=32, **sampling):
    chosen = {"width": side, "height": side, "steps": 2, "scheduler": "DDIM", "guidance_scale": 2.0}
    return TextToImage(prompt="stone", model=str(folder), sampling=Sampling(**chosen | sampling))


def model_of(engine, folder):
    return engine._models.get(folder, lambda *_: None, lambda: False)


def test_half_precision_starts_from_the_same_noise(tiny, run):
    half = DiffusersEngine(device="cpu", dtype="bfloat16", preview_interval=0.0)
    for scheduler in ("DDIM", "Euler a", "Heun"):
        task = request(tiny, scheduler=scheduler, side=64)
        ours, theirs = run(task, half).pixels.astype(int), run(task).pixels.astype(int)
        assert 0 < np.abs(ours - theirs).mean() < 4
    image = ImageToImage(
        prompt="stone",
        model=str(tiny),
        image=painting(64, 64),
        sampling=Sampling(width=64, height=64, steps=4),
    )
    assert np.abs(run(image, half).pixels.astype(int) - run(image).pixels.astype(int)).mean() < 4
    model = model_of(half, tiny)
    assert next(model.unet.parameters()).dtype == next(model.vae.parameters()).dtype == torch.bfloat16


def test_half_precision_is_told_the_guidance_of_a_model_that_asks_for_it(run, tmp_path):
    """As the distilled ones of Luo et al. 2023 (LCM) do, whose guidance is an input of the U-Net."""
    model = save_model(tmp_path / "lcm", time_cond_proj_dim=32)
    task = request(model, scheduler="LCM", side=32)
    exact = run(task, DiffusersEngine(device="cpu", dtype="float32")).pixels.astype(int)
    for dtype in ("bfloat16", "float16"):
        ours = run(task, DiffusersEngine(device="cpu", dtype=dtype)).pixels.astype(int)
        assert np.abs(ours - exact).mean() < 4


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_everything_between_the_networks_is_float32(tiny, run, estimates, scheduler):
    half = DiffusersEngine(device="cpu", dtype="bfloat16")
    run(request(tiny, scheduler=scheduler))
    exact = estimates[0].x
    estimates.clear()
    run(request(tiny, scheduler=scheduler), half)
    assert torch.equal(estimates[0].x, exact)
    assert {part.dtype for found in estimates for part in (found.x, found.x0, found.eps)} == {torch.float32}


@pytest.mark.fault("F07")
def test_a_decoder_that_overflows_in_half_precision_runs_in_float32(tiny, run):
    half = DiffusersEngine(device="cpu", dtype="float16", preview_interval=0.0)
    expected = run(request(tiny)).pixels.astype(int)
    decoder = model_of(half, tiny).vae.decoder
    with torch.no_grad():
        # The factors cancel in exact arithmetic; float16 ends at 65504.
        decoder.conv_norm_out.weight.mul_(30000)
        decoder.conv_norm_out.bias.mul_(30000)
        decoder.conv_act = torch.nn.ReLU()
        decoder.conv_out.weight.div_(30000)
    images = run(request(tiny, count=2), half).result.images
    assert "float32" in images[0].warnings[0]
    assert not images[1].warnings, "the second image finds the decoder in float32"
    assert images[0].pixels.shape == expected.shape and images[0].pixels.std() > 5


@pytest.mark.fault("F47")
@pytest.mark.parametrize(
    ("device", "dtype", "word"),
    [("cuda", "auto", "cuda"), ("tpu", "auto", "tpu"), ("cpu", "int4", "int4")],
)
def test_what_this_machine_lacks_is_refused(device, dtype, word, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EngineUnavailable, match=word):
        create_engine(device, dtype)


@pytest.mark.fault("F47")
@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [
        (True, True, "cuda"),
        (False, True, "mps"),
        (False, False, "cpu"),
    ],
)
def test_the_fastest_device_is_chosen(monkeypatch, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device("auto").type == expected


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.mark.fault("F45")
def test_a_missing_library_is_named():
    code = """
import sys
sys.modules["torch"] = None
from sd_blender.engine import create_engine
from sd_blender.core.errors import EngineUnavailable
try:
    create_engine()
except EngineUnavailable as error:
    print(error)
"""
    done = python(code)
    assert done.stdout.startswith("torch is not installed in this Python"), done.stderr


@pytest.mark.fault("F39")
def test_quiet_offline_and_a_good_guest(tiny):
    """In a fresh process: nothing on stdout or stderr, no connection tried, the environment as it was."""
    code = f"""
import os, socket
def refuse(*_, **__):
    raise AssertionError("a connection was tried")
socket.socket.connect = socket.getaddrinfo = refuse
before = dict(os.environ)
from sd_blender.engine import create_engine
from sd_blender.core.request import Sampling, TextToImage, SCHEDULERS
engine = create_engine("cpu")
for scheduler in SCHEDULERS:
    sampling = Sampling(width=32, height=32, steps=2, scheduler=scheduler)
    task = TextToImage(prompt="a prompt far too long for this model", model={str(tiny)!r}, sampling=sampling)
    assert engine.generate("job", task, lambda message: None, lambda: False).images
from diffusers.utils import logging
assert logging.is_progress_bar_enabled() and logging.get_verbosity() == logging.WARNING
after = {{name: value for name, value in os.environ.items() if name.startswith(("HF_", "DO_NOT"))}}
assert all(before.get(name) == value for name, value in after.items()), after
"""
    done = python(code, PYTHONWARNINGS="error::RuntimeWarning")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "" and done.stderr == ""
