# SPDX-License-Identifier: GPL-3.0-or-later
"""The same weights, noise and scheduler give what plain diffusers gives, to 1/255 per pixel."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)
from PIL import Image

from sd_blender.core.request import ImageToImage, Inpaint, Sampling, TextToImage, Tiling
from sd_blender.engine.libraries import quiet
from tests.closeness import BYTES, assert_near

from .conftest import box_mask, painting, save_model
from .test_samplers import SCHEDULERS as PLAIN
from .test_samplers import Oracle
from .tiny_model import STABLE_DIFFUSION_1

WIDTH, HEIGHT = 72, 40
"""9 x 5 latents, which no level of the U-Net halves evenly."""

SEED, STEPS = 7, 4
STRENGTHS = (0.05, 0.3, 0.5, 0.77, 1.0)
BOX = (16, 8, 64, 32)
PLAIN_SD = (StableDiffusionPipeline, StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline)
PLAIN_XL = (StableDiffusionXLPipeline, StableDiffusionXLImg2ImgPipeline, StableDiffusionXLInpaintPipeline)
TASKS = (TextToImage, ImageToImage, Inpaint)
SCHEDULERS = [
    # All schedulers ask the same kernels: two of them show what another processor's would change.
    pytest.param(name, marks=pytest.mark.parity) if name in ("DPM++ 2M", "Euler a") else name
    for name in PLAIN
    if name != "DPM++ SDE"  # wants a library
]
WITHOUT = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}

MODELS = {
    "1.x": {},
    "2.x": {"schedule": {**STABLE_DIFFUSION_1, "prediction_type": "v_prediction"}},
    "8 latent channels": {"channels": 8, "latents": 8},
    "9 channels": {"channels": 9},
    "XL": {"xl": True},
    "XL, 9 channels": {"xl": True, "channels": 9},
}


@pytest.fixture(scope="module", params=MODELS)
def model(request, tmp_path_factory):
    """The folder of a model, and its name."""
    folder = tmp_path_factory.mktemp("models") / "model"
    return request.param, save_model(folder, **MODELS[request.param])


@pytest.fixture(scope="module")
def pipelines(model):
    """Those of plain diffusers, by the task of ours."""
    name, folder = model
    with quiet():
        if "XL" in name:
            made = [kind.from_pretrained(folder, add_watermarker=False) for kind in PLAIN_XL]
        else:
            made = [kind.from_pretrained(folder, **WITHOUT) for kind in PLAIN_SD]
    for pipeline in made:
        pipeline.set_progress_bar_config(disable=True)
        # Of a scheduler that was made from another, options stay that belong to the other.
        pipeline.of_the_model = dict(pipeline.scheduler.config)
    return dict(zip(TASKS, made, strict=True))


def steps_for(strength: float) -> int:
    """Enough that the strength leaves one, as our plan sees to it."""
    return max(STEPS, int(np.ceil(1 / strength)))


def plain(pipelines, kind, scheduler: str, strength: float):
    """What somebody gets who uses diffusers by hand."""
    steps, all_of_it = steps_for(strength), pipelines[kind].unet.config.in_channels == 9
    pipeline = pipelines[Inpaint if all_of_it else kind]
    pipeline.scheduler = Oracle.scheduler_of(scheduler, pipeline.of_the_model, steps)
    call = {"width": WIDTH, "height": HEIGHT}
    if kind is not TextToImage:
        call |= {"image": Image.fromarray(painting(WIDTH, HEIGHT)), "strength": strength}
    if kind is ImageToImage:
        del call["width"], call["height"]
    if kind is Inpaint:
        call["mask_image"] = Image.fromarray((box_mask(WIDTH, HEIGHT, *BOX) * 255).astype(np.uint8))
    elif all_of_it:
        # Such a U-Net makes any picture by inpainting, here all of it.
        grey = Image.new("RGB", (WIDTH, HEIGHT), (128, 128, 128))
        call = {"image": grey, "strength": strength, "width": WIDTH, "height": HEIGHT} | call
        call["mask_image"] = Image.new("L", (WIDTH, HEIGHT), 255)
    if scheduler == "TCD":
        call["eta"] = 0.3  # its authors' gamma, for which a pipeline has no other name
    with quiet():
        made = pipeline(
            "red stone",
            negative_prompt="rust",
            guidance_scale=5.0,
            num_inference_steps=steps,
            generator=torch.Generator("cpu").manual_seed(SEED),
            **call,
        )
    return np.asarray(made.images[0])


def asked(folder: Path, kind, scheduler: str, strength: float):
    sampling = Sampling(
        width=WIDTH,
        height=HEIGHT,
        steps=steps_for(strength),
        guidance_scale=5.0,
        scheduler=scheduler,
        seed=SEED,
    )
    others = {"image": painting(WIDTH, HEIGHT), "strength": strength} if kind is not TextToImage else {}
    if kind is Inpaint:
        others |= {"mask": box_mask(WIDTH, HEIGHT, *BOX), "feather": 0, "crop_to_mask": False}
    words = {"prompt": "red stone", "negative_prompt": "rust", "model": str(folder)}
    return kind(**words, **others, sampling=sampling)


def assert_same(ours, theirs):
    assert np.ptp(theirs) > 50, "a flat picture would prove nothing"
    assert_near(ours, theirs, BYTES)


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_task_with_every_scheduler(model, pipelines, run, scheduler, kind):
    """One strength each, every strength somewhere."""
    name, folder = model
    if kind is Inpaint and name == "8 latent channels":
        pytest.skip("diffusers inpaints with 4 latent channels alone")
    chosen = zlib.crc32(f"{name} {scheduler} {kind.__name__}".encode()) % len(STRENGTHS)
    strength = 1.0 if kind is TextToImage else STRENGTHS[chosen]
    theirs = plain(pipelines, kind, scheduler, strength)
    ours = run(asked(folder, kind, scheduler, strength)).pixels
    if kind is Inpaint:
        left, top, right, bottom = BOX
        inside = slice(top, bottom), slice(left, right)
        assert_same(ours[inside], theirs[inside])
    else:
        assert_same(ours, theirs)


@pytest.mark.parity
@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("kind", [ImageToImage, Inpaint])
def test_every_strength(model, pipelines, run, kind, strength):
    name, folder = model
    if kind is Inpaint and name == "8 latent channels":
        pytest.skip("diffusers inpaints with 4 latent channels alone")
    left, top, right, bottom = BOX
    inside = slice(top, bottom), slice(left, right)
    ours = run(asked(folder, kind, "DDIM", strength)).pixels
    assert_same(ours[inside], plain(pipelines, kind, "DDIM", strength)[inside])


def test_tiling_departs_from_diffusers(model, pipelines, run):
    """Else the equalities above might hold because nothing is compared."""
    theirs = plain(pipelines, TextToImage, "DDIM", 1.0)
    request = asked(model[1], TextToImage, "DDIM", 1.0)
    request = replace(request, tiling=Tiling.BOTH, sampling=replace(request.sampling, width=64, height=64))
    ours = run(request).pixels[:HEIGHT, :64]
    assert np.abs(ours.astype(int) - theirs[:, :64]).max() > 5
