# SPDX-License-Identifier: GPL-3.0-or-later
"""NaN is seen at the step that makes it, mended where precision was the cause, and never becomes a picture."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from sd_blender.core.errors import BadResult
from sd_blender.core.messages import Progress
from sd_blender.core.request import ImageToImage, Sampling, TextToImage
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.engine.guards import NotFinite, require_finite

from .conftest import painting

STEPS = 5


def request(folder, count=1):
    sampling = Sampling(width=32, height=32, steps=STEPS, scheduler="DDIM", guidance_scale=2.0, count=count)
    return TextToImage(prompt="stone", model=str(folder), sampling=sampling)


def breaking_at(engine, folder, step, value=float("nan"), heals=False):
    """Let the U-Net give one wrong number at a step, counted from 0; ``heals``: not in float32."""
    unet = engine._models.get(folder, lambda *_: None, lambda: False).unet
    calls = []

    def spoil(module, inputs, output):
        calls.append(module.conv_in.weight.dtype)
        if len(calls) - 1 == step and not (heals and calls[-1] == torch.float32):
            output[0][0, 0, 0, 0] = value
        return output

    unet.register_forward_hook(spoil)
    return calls


@pytest.mark.fault("F07")
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("step", [0, 3])
def test_seen_at_its_step(tiny, step, value):
    engine = DiffusersEngine(device="cpu", dtype="float32", preview_interval=1e9)
    calls = breaking_at(engine, tiny, step, value)
    messages = []
    with pytest.raises(BadResult, match="U-Net gave values that are not numbers; choose"):
        engine.generate("job", request(tiny), messages.append, lambda: False)
    assert len(calls) == step + 1, "what follows would be for nothing, and there is no other precision to try"
    assert sum(isinstance(message, Progress) for message in messages) == step
    engine.unload()
    assert engine.generate("job", request(tiny), lambda message: None, lambda: False).images


@pytest.mark.fault("F07")
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_tried_again_in_float32(tiny, dtype, run):
    engine = DiffusersEngine(device="cpu", dtype=dtype, preview_interval=1e9)
    calls = breaking_at(engine, tiny, 2, heals=True)
    done = run(request(tiny, count=2), engine)
    half = getattr(torch, dtype)
    assert calls == [half] * 3 + [torch.float32] * 2 * STEPS
    for image in done.result.images:
        assert image.warnings == ("The U-Net overflowed in half precision and was run in float32 instead.",)
    exact = run(request(tiny, count=2), DiffusersEngine(device="cpu", dtype="float32")).result.images
    for ours, theirs in zip(done.result.images, exact, strict=True):
        assert np.abs(ours.pixels.astype(int) - theirs.pixels.astype(int)).mean() < 2
    steps = [message.step for message in done.of(Progress)]
    assert steps == [1, 2, *range(1, 2 * STEPS + 1)], "the picture begins anew and is counted anew"
    assert not run(request(tiny), engine).result.images[0].warnings, "the next job finds it in float32"


@pytest.mark.fault("F07")
def test_tried_again_once(tiny):
    engine = DiffusersEngine(device="cpu", dtype="bfloat16", preview_interval=1e9)
    unet = engine._models.get(tiny, lambda *_: None, lambda: False).unet
    with torch.no_grad():
        unet.conv_out.bias.fill_(float("nan"))
    with pytest.raises(BadResult, match="U-Net"):
        engine.generate("job", request(tiny), lambda message: None, lambda: False)
    assert unet.dtype == torch.float32


@pytest.mark.fault("F08")
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_the_last_thing_looked_at_is_the_picture(tiny, value):
    engine = DiffusersEngine(device="cpu", dtype="float32")
    decoder = engine._models.get(tiny, lambda *_: None, lambda: False).vae.decoder

    def spoil(module, inputs, output):
        output[0, 0, 0, 0] = value

    handle = decoder.register_forward_hook(spoil)
    with pytest.raises(BadResult, match="autoencoder"):
        engine.generate("job", request(tiny), lambda message: None, lambda: False)
    handle.remove()
    assert engine.generate("job", request(tiny), lambda message: None, lambda: False).images


@pytest.mark.fault("F08")
def test_an_encoder_that_overflows_is_run_in_float32_and_the_unet_is_not(tiny, run):
    engine = DiffusersEngine(device="cpu", dtype="bfloat16", preview_interval=1e9)
    model = engine._models.get(tiny, lambda *_: None, lambda: False)

    def spoil(module, inputs, output):
        if module.conv_in.weight.dtype != torch.float32:
            output[0, 0, 0, 0] = float("nan")

    model.vae.encoder.register_forward_hook(spoil)
    done = run(from_a_picture(tiny), engine)
    for image in done.result.images:
        assert image.warnings == (
            "The autoencoder overflowed in half precision and was run in float32 instead.",
        )
    assert model.unet.dtype == torch.bfloat16
    assert not run(from_a_picture(tiny), engine).result.images[0].warnings, "the next job finds it in float32"


@pytest.mark.fault("F08")
def test_an_encoder_that_gives_no_numbers_is_named(tiny):
    engine = DiffusersEngine(device="cpu", dtype="float32", preview_interval=1e9)
    encoder = engine._models.get(tiny, lambda *_: None, lambda: False).vae.encoder
    encoder.register_forward_hook(lambda module, inputs, output: output * float("nan"))
    with pytest.raises(BadResult, match="autoencoder"):
        engine.generate("job", from_a_picture(tiny), lambda message: None, lambda: False)


@pytest.mark.fault("F08")
def test_a_unet_that_is_not_to_blame_stays_as_it_is(tiny):
    """Nothing is made twice for the numbers of another network, in half precision either."""
    engine = DiffusersEngine(device="cpu", dtype="bfloat16", preview_interval=1e9)
    model = engine._models.get(tiny, lambda *_: None, lambda: False)
    model.vae.encoder.register_forward_hook(lambda module, inputs, output: output * float("nan"))
    with pytest.raises(BadResult, match="autoencoder"):
        engine.generate("job", from_a_picture(tiny), lambda message: None, lambda: False)
    assert model.unet.dtype == torch.bfloat16


def from_a_picture(folder):
    sampling = request(folder, count=2).sampling
    return ImageToImage(
        prompt="moss", model=str(folder), sampling=sampling, image=painting(32, 32), strength=0.6
    )


@pytest.mark.parametrize("place", [0, 1000, -1])
def test_one_number_is_enough(place):
    values = torch.randn(4096)
    require_finite(values, "test")
    values[place] = float("nan")
    with pytest.raises(NotFinite):
        require_finite(values, "test")


def test_looking_costs_next_to_nothing():
    """Stable Diffusion at 512 px: latents of 4 x 64 x 64, a step of 15 ms on the fastest GPU, a second on a CPU."""
    latents = torch.randn(1, 4, 64, 64)
    looks = []
    for _ in range(200):
        began = time.perf_counter()
        require_finite(latents, "U-Net")
        looks.append(time.perf_counter() - began)
    assert np.median(looks) < 0.01 * 0.015
