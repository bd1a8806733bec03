# SPDX-License-Identifier: GPL-3.0-or-later
"""Inpainting by a U-Net of other than 4 latent channels: on one of 4 it makes what the pipeline of diffusers makes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from sd_blender.core.errors import JobCancelled
from sd_blender.core.messages import Preview, Progress
from sd_blender.core.request import SCHEDULERS, Inpaint, Sampling
from sd_blender.core.wildcards import Prompts
from sd_blender.engine import pipelines
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.engine.gradient_guidance import guided
from sd_blender.engine.libraries import quiet
from sd_blender.engine.memory_ladder import saving_memory
from sd_blender.engine.models import ModelStore
from sd_blender.engine.pipelines import Denoising, InpaintPipeline, KnownPartPipeline
from sd_blender.engine.schedulers import make_scheduler
from sd_blender.engine.text_readers import condition

from .conftest import box_mask, painting

WIDTH, HEIGHT, STEPS = 64, 48, 4
STOCHASTIC = ("Euler a", "DDPM", "DPM++ SDE", "LCM")


def loaded(folder):
    with quiet():
        return ModelStore(torch.device("cpu"), torch.float32).get(folder, print, lambda: False)


@pytest.fixture(scope="module")
def model(tiny):
    return loaded(tiny)


@pytest.fixture(scope="module")
def model_8(tiny_8):
    return loaded(tiny_8)


@pytest.fixture(scope="module")
def putting_back(model):
    """Ours, with a U-Net that the pipeline of diffusers takes too."""
    parts = model.pipelines.inpaint.components
    made = KnownPartPipeline(**parts, requires_safety_checker=False)
    made.set_progress_bar_config(disable=True)
    return made


def mask_image(mask=None):
    """One that cuts through the cells of the latents, as no mask of the engine does."""
    mask = box_mask(WIDTH, HEIGHT, 13, 9, 41, 34) if mask is None else mask
    return Image.fromarray((mask * 255).astype(np.uint8))


def denoise(model, pipeline, scheduler="DDIM", strength=0.7, seeds=(7,), scale=5.0, guides=(), **others):
    """The latents, and what the step callback saw: (steps, n, C, h, w) of each."""
    seen = []

    def on_step(pipeline, index, timestep, tensors):
        seen.append((index, float(timestep), {name: value.clone() for name, value in tensors.items()}))
        return {}

    with quiet(), torch.no_grad():
        how = Denoising(
            condition(model.text, [Prompts("red stone", "rust")] * len(seeds), scale),
            guided(make_scheduler(scheduler, model.scheduler_config, STEPS), guides),
            STEPS,
            seeds,
            on_step,
        )
        pipeline.scheduler = how.scheduler
        images = [Image.fromarray(painting(WIDTH, HEIGHT))] * len(seeds)
        latents = pipeline(
            image=images,
            mask_image=others.pop("mask_image", mask_image()),
            width=WIDTH,
            height=HEIGHT,
            strength=strength,
            **others,
            **how.arguments(),
        ).images
    return latents, seen


@pytest.mark.parametrize("strength", [0.7, 1.0])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_latents_are_those_of_diffusers(model, putting_back, scheduler, strength):
    """To the last bit, and at each step, in a batch of two seeds."""
    theirs_too = {}
    if scheduler in STOCHASTIC:
        # Handed over, the masked image takes no draws from the generators. The U-Net does not see it.
        theirs_too["masked_image_latents"] = torch.zeros(2, 4, HEIGHT // 8, WIDTH // 8)
    request = (scheduler, strength, (7, 8))
    theirs, steps = denoise(model, model.pipelines.inpaint, *request, **theirs_too)
    ours, our_steps = denoise(model, putting_back, *request)
    assert type(model.pipelines.inpaint) is InpaintPipeline
    assert len(steps) == len(our_steps) > 1 and theirs.std() > 0.1
    for (index, timestep, seen), (our_index, our_timestep, our_seen) in zip(steps, our_steps, strict=True):
        assert (index, timestep) == (our_index, our_timestep)
        assert seen.keys() == our_seen.keys() == set(pipelines.STEP_TENSORS)
        assert all(torch.equal(seen[name], our_seen[name]) for name in seen)
    assert torch.equal(ours, theirs)
    assert not torch.equal(ours[0], ours[1])


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_with_any_guidance(model, putting_back, scale):
    """At 1 the U-Net sees one row per picture, at 0 two."""
    theirs, ours = (denoise(model, one, scale=scale)[0] for one in (model.pipelines.inpaint, putting_back))
    assert torch.equal(ours, theirs)


def test_a_gradient_guides_it_alike(model, putting_back):
    def pull(moment):
        return 0.3 * moment.abar * torch.ones_like(moment.original)

    plain, ours = (denoise(model, putting_back, guides=guides)[0] for guides in ((), (pull,)))
    theirs = denoise(model, model.pipelines.inpaint, guides=(pull,))[0]
    assert torch.equal(ours, theirs) and not torch.equal(ours, plain)


@pytest.mark.parametrize("name", ["tiny", "tiny_8", "tiny_inpaint", "tiny_xl"])
def test_diffusers_inpaints_where_it_can(request, name):
    kind = type(loaded(request.getfixturevalue(name)).pipelines.inpaint)
    assert (kind is KnownPartPipeline) == (name == "tiny_8")


def encoded(model, seed=7):
    """The original as the encoder draws it with the first number of the seed's generator, (1, C, h, w)."""
    pixels = torch.from_numpy(painting(WIDTH, HEIGHT)).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        drawn = model.vae.encode(pixels).latent_dist.sample(torch.Generator().manual_seed(seed))
    return drawn * model.vae.config.scaling_factor


@pytest.mark.parametrize("scheduler", ["DDIM", "Euler a", "Heun"])
def test_of_8_channels_the_known_part_ends_as_it_was(model_8, scheduler):
    mask = box_mask(WIDTH, HEIGHT, 8, 16, 40, 32)
    inpaint = model_8.pipelines.inpaint
    latents, seen = denoise(model_8, inpaint, scheduler, strength=1.0, mask_image=mask_image(mask))
    made = torch.from_numpy(mask[::8, ::8]).bool()
    assert latents.shape == (1, 8, HEIGHT // 8, WIDTH // 8)
    original = encoded(model_8)
    assert torch.allclose(latents[..., ~made], original[..., ~made], atol=1e-5)
    assert (latents - original)[..., made].abs().max() > 0.1
    # On the way it is as noisy as the next step expects, less and less.
    noise = [(tensors["latents"] - original)[..., ~made].std() for _, _, tensors in seen]
    assert noise[0] > noise[-2] > noise[-1] and noise[-1] < 1e-5


def test_at_full_strength_nothing_is_left_of_what_is_painted_over(model_8):
    """It begins with noise alone: another picture under the mask makes no difference."""
    everything = mask_image(np.ones((HEIGHT, WIDTH), np.float32))
    _, seen = denoise(model_8, model_8.pipelines.inpaint, strength=1.0, mask_image=everything)
    generator = torch.Generator().manual_seed(7)
    _, noise = (torch.randn(1, 8, HEIGHT // 8, WIDTH // 8, generator=generator) for _ in range(2))
    assert len(seen) == STEPS
    assert torch.allclose(seen[0][2]["latent_model_input"][:1], noise, atol=1e-6)


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
    assert np.array_equal(again.images[0].pixels, other.images[0].pixels)


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

    whole = denoise(model_8, model_8.pipelines.inpaint)[0]
    with saving_memory(model_8.unet, model_8.vae, asked("").tiling, lambda: None) as changes:
        handle = model_8.vae.encoder.conv_in.register_forward_pre_hook(fail)
        try:
            in_tiles = denoise(model_8, model_8.pipelines.inpaint)[0]
        finally:
            handle.remove()
    assert changes == [
        "The memory ran out, so the picture was read in tiles, which is slower and gives the same picture."
    ]
    assert torch.allclose(in_tiles, whole, atol=1e-3)
