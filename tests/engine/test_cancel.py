# SPDX-License-Identifier: GPL-3.0-or-later
"""Cancel is seen at loading, at each step and within one, and the next job works as if nothing had been."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from sd_blender.core.errors import JobCancelled
from sd_blender.core.messages import Loading, Preview, Progress, Started
from sd_blender.core.request import Inpaint, Sampling, TextToImage, Tiling
from sd_blender.engine.diffusers_engine import DiffusersEngine

from .conftest import box_mask, painting


def request(folder, **changes):
    sampling = Sampling(width=32, height=32, steps=4, scheduler="DDIM", guidance_scale=2.0)
    task = {"prompt": "stone", "model": str(folder), "sampling": sampling}
    return TextToImage(**(task | changes))


class Cancelled:
    """Cancels once a message of a kind was reported, or at the n-th time it is asked."""

    def __init__(self, kind=None, asks=None):
        self.kind, self.asks = kind, asks
        self.messages = []
        self.asked = 0
        self.asked_after = 0

    def report(self, message):
        self.messages.append(message)

    def __call__(self):
        self.asked += 1
        if self.asks is not None:
            return self.asked >= self.asks
        wanted = any(isinstance(message, self.kind) for message in self.messages)
        self.asked_after += wanted
        return wanted


def hooks_and_paddings(engine, folder):
    model = engine._models.get(folder, lambda *_: None, lambda: False)
    modules = [module for network in (model.unet, model.vae) for module in network.modules()]
    hooks = sum(len(module._forward_pre_hooks) + len(module._forward_hooks) for module in modules)
    return hooks, [module.padding for module in modules if isinstance(module, nn.Conv2d)]


@pytest.mark.fault("F11")
@pytest.mark.parametrize("kind", [Loading, Started, Progress, Preview])
def test_cancelled_at_the_first(tiny, kind):
    engine = DiffusersEngine(device="cpu", preview_interval=0.0)
    expected = engine.generate("job", request(tiny), lambda message: None, lambda: False).images[0].pixels
    state = hooks_and_paddings(engine, tiny)
    if kind is Loading:
        engine.unload()
    cancelled = Cancelled(kind)
    with pytest.raises(JobCancelled):
        engine.generate("job", request(tiny, tiling=Tiling.BOTH), cancelled.report, cancelled)
    assert cancelled.asked_after == 1, "the first answer stops the job"
    assert sum(isinstance(message, kind) for message in cancelled.messages) == 1
    assert hooks_and_paddings(engine, tiny) == state
    again = engine.generate("job", request(tiny), lambda message: None, lambda: False)
    assert np.array_equal(again.images[0].pixels, expected)


@pytest.mark.fault("F11")
def test_before_anything_is_read():
    engine = DiffusersEngine(device="cpu")
    with pytest.raises(JobCancelled):
        engine.generate("job", request("/nowhere/at/all"), lambda message: None, lambda: True)


def test_asked_many_times_within_a_step_and_while_decoding(tiny, engine):
    asked = Cancelled(asks=10**9)
    engine.generate("job", request(tiny), asked.report, asked)
    steps = sum(isinstance(message, Progress) for message in asked.messages)
    assert steps == 4
    # The toy U-Net has 10 convolutions and 4 attentions or more; Stable Diffusion has some 130.
    assert asked.asked > 8 * steps


@pytest.mark.fault("F11")
def test_stops_wherever_it_is_asked(tiny, engine):
    """At every other of the places: text, U-Net, decoder; for the task with the most of them."""
    task = Inpaint(
        prompt="stone",
        model=str(tiny),
        image=painting(32, 32),
        mask=box_mask(32, 32, 8, 8, 20, 20),
        sampling=Sampling(width=32, height=32, steps=1, scheduler="DDIM", guidance_scale=2.0),
    )
    expected = engine.generate("job", task, lambda message: None, lambda: False).images[0].pixels
    state = hooks_and_paddings(engine, tiny)
    total = Cancelled(asks=10**9)
    engine.generate("job", task, total.report, total)
    for asks in range(1, total.asked + 1, 2):
        cancelled = Cancelled(asks=asks)
        with pytest.raises(JobCancelled):
            engine.generate("job", task, cancelled.report, cancelled)
        assert cancelled.asked == asks
    assert hooks_and_paddings(engine, tiny) == state
    assert np.array_equal(
        engine.generate("job", task, lambda message: None, lambda: False).images[0].pixels, expected
    )
