# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of the table of faults that only a graphics card can show; skipped where there is none."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from sd_blender.core.errors import OutOfMemory
from sd_blender.core.messages import Progress
from sd_blender.core.request import Sampling, TextToImage, Tiling
from sd_blender.engine.diffusers_engine import STARTER_FOLDER, DiffusersEngine
from sd_blender.engine.memory import available_bytes

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]

MEGABYTE = 2**20


def request(side=512, tiling=Tiling.OFF, steps=2, **sampling):
    chosen = Sampling(width=side, height=side, steps=steps, scheduler="DDIM", guidance_scale=2.0, **sampling)
    return TextToImage(prompt="red brick wall", tiling=tiling, sampling=chosen)


def generate(engine, task):
    return engine.generate("job", task, lambda message: None, lambda: False).images[0]


@pytest.fixture
def engine():
    engine = DiffusersEngine(device="cuda", preview_interval=1e9)
    yield engine
    engine.unload()


@pytest.fixture
def only():
    """Leave torch that many bytes on the card beyond what it holds already."""

    def limit(bytes_):
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(0).total_memory
        share = (torch.cuda.memory_reserved() + bytes_) / total
        torch.cuda.set_per_process_memory_fraction(min(1.0, share))

    yield limit
    torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.fault("F01")
@pytest.mark.fault("F03")
@pytest.mark.parametrize("tiling", [Tiling.OFF, Tiling.BOTH])
def test_a_picture_in_less_memory_than_it_takes_at_once(engine, only, tiling):
    plain = generate(engine, request(1024, tiling))
    torch.cuda.reset_peak_memory_stats()
    held = torch.cuda.memory_allocated()
    generate(engine, request(1024, tiling))
    at_once = torch.cuda.max_memory_allocated() - held
    only(at_once // 2)
    saved = generate(engine, request(1024, tiling))
    assert saved.warnings and "memory ran out" in saved.warnings[0]
    assert np.abs(saved.pixels.astype(int) - plain.pixels.astype(int)).mean() < 1


@pytest.mark.fault("F01")
@pytest.mark.fault("F48")
def test_nothing_left_and_the_next_job(engine, only):
    """As when Cycles has taken the card: a sentence with numbers, and all is well once it lets go."""
    generate(engine, request(64))
    only(4 * MEGABYTE)
    with pytest.raises(OutOfMemory):
        generate(engine, request(2048))
    only(torch.cuda.mem_get_info()[0])
    assert not generate(engine, request(256)).warnings


@pytest.mark.fault("F48")
def test_unloading_gives_everything_back(engine):
    device = torch.device("cuda")
    generate(engine, request(512))
    engine.unload()
    assert torch.cuda.memory_allocated() == 0
    assert available_bytes(device) <= torch.cuda.mem_get_info()[0]


STICKY = """
import torch
from sd_blender.core.errors import DeviceLost
from sd_blender.core.messages import Progress
from sd_blender.core.request import Sampling, TextToImage
from sd_blender.engine.diffusers_engine import DiffusersEngine
engine = DiffusersEngine(device="cuda")
task = TextToImage(prompt="a", sampling=Sampling(width=64, height=64, steps=1))
def run():
    engine.generate("job", task, lambda message: None, lambda: False)
run()
model = engine._models._model
def bad_index(module, inputs):
    torch.zeros(4, device="cuda")[torch.tensor([10**6], device="cuda")]
model.unet.register_forward_pre_hook(bad_index)
try:
    run()
except DeviceLost as error:
    print(error)
"""


@pytest.mark.fault("F04")
def test_a_kernel_with_a_bad_index():
    """In a process of its own, which it ruins."""
    done = subprocess.run([sys.executable, "-c", STICKY], capture_output=True, text=True, check=False)
    assert "The graphics device failed (CUDA error: device-side assert triggered" in done.stdout, done.stderr


@pytest.mark.fault("F07")
def test_numbers_that_break_are_noticed_early(engine):
    """Though Python runs ahead of the card."""
    from sd_blender.core.errors import BadResult

    generate(engine, request(64))
    unet = engine._models.get(STARTER_FOLDER, print, lambda: False).unet
    with torch.no_grad():
        unet.conv_out.bias.fill_(float("nan"))
    done = []
    with pytest.raises(BadResult, match="U-Net"):
        engine.generate("job", request(64, steps=1000), done.append, lambda: False)
    assert sum(isinstance(message, Progress) for message in done) < 500
