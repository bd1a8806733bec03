# SPDX-License-Identifier: GPL-3.0-or-later
"""The same weights, noise and scheduler give what plain diffusers gives, to 1/255 per pixel."""

from __future__ import annotations

from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch
from diffusers import (
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
)
from PIL import Image

from sd_blender.core.request import ImageToImage, Inpaint, Sampling, TextToImage, Tiling
from sd_blender.core.wildcards import Prompts
from sd_blender.engine import pipelines
from sd_blender.engine.generation import decode, to_pixels
from sd_blender.engine.libraries import quiet
from sd_blender.engine.models import ModelStore
from sd_blender.engine.pipelines import Denoising
from sd_blender.engine.schedulers import make_scheduler
from sd_blender.engine.text_readers import condition

from .conftest import box_mask, painting

SIZE = 64
SEED = 7
STEPS = 4
PLAIN = {
    "DDIM": (diffusers.DDIMScheduler, {}),
    "Euler a": (diffusers.EulerAncestralDiscreteScheduler, {}),
    "DPM++ 2M": (diffusers.DPMSolverMultistepScheduler, {}),
}


def plain(kind, folder, scheduler, **call):
    """What somebody gets who uses diffusers by hand."""
    with quiet():
        pipeline = kind.from_pretrained(
            folder,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
            dtype=torch.float32,
        )
    scheduler_class, options = PLAIN[scheduler]
    pipeline.scheduler = scheduler_class.from_config(pipeline.scheduler.config, **options)
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator("cpu").manual_seed(SEED)
    image = pipeline(
        "red stone",
        negative_prompt="rust",
        guidance_scale=5.0,
        num_inference_steps=STEPS,
        generator=generator,
        **call,
    ).images[0]
    return np.asarray(image)


def sampling(scheduler: str) -> Sampling:
    return Sampling(width=SIZE, height=SIZE, steps=STEPS, guidance_scale=5.0, scheduler=scheduler, seed=SEED)


def words(folder: Path) -> dict[str, str]:
    return {"prompt": "red stone", "negative_prompt": "rust", "model": str(folder)}


def assert_same(ours, theirs):
    assert ours.shape == theirs.shape
    assert np.ptp(theirs) > 50, "a flat picture would prove nothing"
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1


@pytest.fixture(params=["tiny", "tiny_8"])
def folder(request):
    """Of 4 and of 8 latent channels."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("scheduler", PLAIN)
def test_text_to_image_equals_diffusers(folder, run, scheduler):
    theirs = plain(StableDiffusionPipeline, folder, scheduler, width=SIZE, height=SIZE)
    ours = run(TextToImage(**words(folder), sampling=sampling(scheduler))).pixels
    assert_same(ours, theirs)


@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize("scheduler", PLAIN)
def test_image_to_image_equals_diffusers(folder, run, scheduler, strength):
    image = painting(SIZE, SIZE)
    theirs = plain(
        StableDiffusionImg2ImgPipeline, folder, scheduler, image=Image.fromarray(image), strength=strength
    )
    ours = run(
        ImageToImage(**words(folder), image=image, strength=strength, sampling=sampling(scheduler))
    ).pixels
    assert_same(ours, theirs)


@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize("channels", [4, 9])
def test_inpaint_equals_diffusers_before_the_composite(tiny, tiny_inpaint, channels, strength):
    folder = tiny if channels == 4 else tiny_inpaint
    image = Image.fromarray(painting(SIZE, SIZE))
    mask = Image.fromarray((box_mask(SIZE, SIZE, 13, 9, 41, 50) * 255).astype(np.uint8))
    theirs = plain(
        StableDiffusionInpaintPipeline,
        folder,
        "DDIM",
        image=image,
        mask_image=mask,
        strength=strength,
        width=SIZE,
        height=SIZE,
    )
    with quiet(), torch.no_grad():
        model = ModelStore(torch.device("cpu"), torch.float32).get(folder, print, lambda: False)
        scheduler = make_scheduler("DDIM", model.scheduler_config, STEPS)
        told = condition(model.text, [Prompts("red stone", "rust")], 5.0)
        how = Denoising(told, scheduler, STEPS, (SEED,), lambda *step: {})
        latents = pipelines.inpaint(model.pipelines, how, image, mask, strength)
        ours = to_pixels(decode(model.vae, latents))
    assert_same(ours, theirs)


@pytest.mark.parametrize("channels", [4, 9])
def test_inpaint_by_request_equals_diffusers_inside_the_mask(tiny, tiny_inpaint, run, channels):
    folder = tiny if channels == 4 else tiny_inpaint
    image, mask = painting(SIZE, SIZE), box_mask(SIZE, SIZE, 16, 8, 40, 48)
    theirs = plain(
        StableDiffusionInpaintPipeline,
        folder,
        "DDIM",
        image=Image.fromarray(image),
        mask_image=Image.fromarray((mask * 255).astype(np.uint8)),
        width=SIZE,
        height=SIZE,
        strength=0.75,
    )
    request = Inpaint(
        **words(folder),
        image=image,
        mask=mask,
        strength=0.75,
        feather=0,
        crop_to_mask=False,
        sampling=sampling("DDIM"),
    )
    assert_same(run(request).pixels[8:48, 16:40], theirs[8:48, 16:40])


def test_tiling_departs_from_diffusers(tiny, run):
    """Else the equalities above might hold because nothing is compared."""
    theirs = plain(StableDiffusionPipeline, tiny, "DDIM", width=SIZE, height=SIZE)
    ours = run(TextToImage(**words(tiny), tiling=Tiling.BOTH, sampling=sampling("DDIM"))).pixels
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() > 5
