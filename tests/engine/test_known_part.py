# SPDX-License-Identifier: GPL-3.0-or-later
"""Inpainting by a U-Net that sees no mask, of any number of latent channels: what is known stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sd_blender.core.diffusion.loop import Condition, denoise
from sd_blender.core.diffusion.prompt_guidance import condition
from sd_blender.core.diffusion.samplers import Plan
from sd_blender.core.diffusion.tasks.inpaint import PaintedOver
from sd_blender.core.diffusion.tasks.task import Bench
from sd_blender.core.errors import JobCancelled
from sd_blender.core.geometry import Size
from sd_blender.core.messages import Preview, Progress
from sd_blender.core.request import Inpaint, Sampling, Tiling
from sd_blender.core.wildcards import Prompts
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.engine.libraries import quiet
from sd_blender.engine.memory_ladder import saving_memory
from sd_blender.engine.models import ModelStore
from sd_blender.engine.noise import Noise
from tests.closeness import BYTES, ITERATED, ROUNDING, assert_near, is_near

from .conftest import box_mask, painting

pytestmark = pytest.mark.parity

WIDTH, HEIGHT, STEPS = 64, 48, 4


def loaded(folder):
    with quiet():
        return ModelStore(torch.device("cpu"), torch.float32).get(folder, print, lambda: False)


@pytest.fixture(scope="module")
def model_8(tiny_8):
    return loaded(tiny_8)


def mask_image(mask=None):
    """One that cuts through the cells of the latents, as no mask of the engine does."""
    mask = box_mask(WIDTH, HEIGHT, 13, 9, 41, 34) if mask is None else mask
    return (mask * 255).astype(np.uint8)


def painted_over(model, scheduler="DDIM", strength=0.7, mask=None, seed=7):
    """The latents at the end, and what was found on the way."""
    seen = []

    class Look(Condition):
        def after(self, moment):
            seen.append(moment.estimate)

    image, size = painting(WIDTH, HEIGHT), Size(WIDTH, HEIGHT)
    task = PaintedOver(
        size, Tiling.OFF, image, mask_image() if mask is None else mask, strength, model.autoencoder.side,
        canvas=None, shift=(0, 0), region=None, alpha=None,
    )  # fmt: skip
    plan = Plan.fit(scheduler, model.scheduler_config, STEPS, strength)
    noise = Noise([seed], (model.autoencoder.channels, HEIGHT // 8, WIDTH // 8), model.device)
    with torch.no_grad():
        x, conditions = task.begin(
            Bench(plan.trajectory, noise, model.autoencoder.encode, torch.from_numpy, False)
        )
        guidance = condition(model.text, [Prompts("red stone", "rust")], 5.0)
        denoiser = model.denoiser.for_pictures(size, 5.0)
        kind = plan.schedule.prediction
        latents = denoise(x, plan.sampler(noise), denoiser, kind, guidance, [*conditions, Look()])
    return latents, seen


def encoded(model, seed=7):
    """The original as the encoder draws it with the first number of the seed's generator, (1, C, h, w)."""
    pixels = torch.from_numpy(painting(WIDTH, HEIGHT)).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        drawn = model.vae.encode(pixels).latent_dist.sample(torch.Generator().manual_seed(seed))
    return drawn * model.vae.config.scaling_factor


@pytest.mark.parametrize("scheduler", ["DDIM", "Euler a", "Heun"])
def test_of_8_channels_the_known_part_ends_as_it_was(model_8, scheduler):
    mask = box_mask(WIDTH, HEIGHT, 8, 16, 40, 32)
    latents, seen = painted_over(model_8, scheduler, strength=1.0, mask=mask_image(mask))
    made = torch.from_numpy(mask[::8, ::8]).bool()
    assert latents.shape == (1, 8, HEIGHT // 8, WIDTH // 8)
    original = encoded(model_8)
    assert_near(latents[..., ~made], original[..., ~made], ROUNDING)
    assert (latents - original)[..., made].abs().max() > 0.1
    # On the way it is as noisy as its level says, with the same noise, less and less.
    left = [(found.x - found.level.signal * original)[..., ~made] / found.level.noise for found in seen[1:]]
    assert all(is_near(noise, left[0], ITERATED) for noise in left[1:])
    levels = [found.level.noise for found in seen[1:]]
    assert levels == sorted(levels, reverse=True)


def test_at_full_strength_nothing_is_left_of_what_is_painted_over(model_8):
    """It begins with noise alone: another picture under the mask makes no difference."""
    everything = mask_image(np.ones((HEIGHT, WIDTH), np.float32))
    _, seen = painted_over(model_8, strength=1.0, mask=everything)
    generator = torch.Generator().manual_seed(7)
    _, noise = (torch.randn(1, 8, HEIGHT // 8, WIDTH // 8, generator=generator) for _ in range(2))
    assert len(seen) == STEPS
    assert torch.equal(seen[0].x, noise)


def asked(folder, **changes):
    sampling = Sampling(width=64, height=64, steps=4, scheduler="DDIM", guidance_scale=2.0, count=2)
    return Inpaint(
        prompt="stone",
        model=str(folder),
        image=painting(64, 64),
        mask=box_mask(64, 64, 8, 8, 40, 40),
        strength=0.75,
        feather=0,
        crop_to_mask=False,
        sampling=replace(sampling, **changes),
    )


def test_progress_and_previews(tiny_8, run):
    done, task = run(asked(tiny_8)), asked(tiny_8)
    assert [message.step for message in done.of(Progress)] == [1, 2, 3, 4, 5, 6]
    assert [preview.pixels.shape for preview in done.of(Preview)] == [(8, 8, 3)] * 5
    first, second = (image.pixels for image in done.result.images)
    assert np.array_equal(first[task.mask == 0], task.image[task.mask == 0])
    assert np.ptp(first[task.mask == 1]) > 20
    assert not np.array_equal(first, second)


def test_cancelled_at_a_step(tiny_8):
    engine, messages = DiffusersEngine(device="cpu", dtype="float32", preview_interval=60.0), []

    def cancelled():
        return sum(isinstance(message, Progress) for message in messages) == 2

    with pytest.raises(JobCancelled):
        engine.generate("job", asked(tiny_8), messages.append, cancelled)
    again = engine.generate("job", asked(tiny_8), lambda message: None, lambda: False)
    fresh = DiffusersEngine(device="cpu", dtype="float32")
    other = fresh.generate("job", asked(tiny_8), lambda message: None, lambda: False)
    # The first reads the words again as it found them, beside others: another engine may round otherwise.
    assert_near(again.images[0].pixels, other.images[0].pixels, BYTES)


def test_in_half_precision(tiny_8):
    """The networks alone: noise, mask and known part stay in float32."""
    engine = DiffusersEngine(device="cpu", dtype="bfloat16")
    rough = engine.generate("job", asked(tiny_8), lambda message: None, lambda: False).images[0].pixels
    engine = DiffusersEngine(device="cpu", dtype="float32")
    exact = engine.generate("job", asked(tiny_8), lambda message: None, lambda: False).images[0].pixels
    assert np.abs(rough.astype(int) - exact).mean() < 5


def test_memory_that_runs_out_while_the_image_is_read(model_8):
    """The encoder goes on in tiles, and the picture is the same."""
    calls = []

    def fail(module, inputs):
        calls.append(1)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    whole = painted_over(model_8)[0]
    with saving_memory(model_8.denoiser, model_8.autoencoder, Tiling.OFF, lambda: None) as changes:
        handle = model_8.vae.encoder.conv_in.register_forward_pre_hook(fail)
        try:
            in_tiles = painted_over(model_8)[0]
        finally:
            handle.remove()
    assert changes == [
        "The memory ran out, so the picture was read in tiles, which is slower and gives the same picture."
    ]
    assert_near(in_tiles, whole, ITERATED)
