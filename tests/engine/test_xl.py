# SPDX-License-Identifier: GPL-3.0-or-later
"""Stable Diffusion XL in the engine: what plain diffusers makes with the same weights and noise, to 1/255 per pixel."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    EulerAncestralDiscreteScheduler,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)
from diffusers.schedulers import AysSchedules
from PIL import Image
from torch import nn

from sd_blender.core.errors import JobCancelled
from sd_blender.core.messages import Preview, Progress
from sd_blender.core.request import ImageToImage, Inpaint, Sampling, TextToImage, Tiling
from sd_blender.engine import memory_ladder
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.engine.libraries import quiet
from tests.closeness import BYTES, assert_near

from .conftest import box_mask, painting, save_model
from .test_memory_ladder import UNET_VALUES, VAE_VALUES, model_of, small_memory

pytestmark = pytest.mark.parity

WIDTH, HEIGHT, STEPS, SEED = 64, 48, 3, 7
OTHERS = ("image", "mask", "strength", "loras", "embeddings")
SCHEDULERS = {"DDIM": DDIMScheduler, "Euler a": EulerAncestralDiscreteScheduler}


@pytest.fixture(scope="module")
def encoding(tmp_path_factory):
    """One for which an empty negative prompt is a text like any other."""
    return save_model(tmp_path_factory.mktemp("models") / "encoding", xl=True, zeros_for_empty=False)


@pytest.fixture(scope="module")
def inpainting(tmp_path_factory):
    """An inpaint model: 9 channels."""
    return save_model(tmp_path_factory.mktemp("models") / "inpainting", xl=True, channels=9)


def asked(folder, kind=TextToImage, negative="rust", prompt="red stone", tiling=Tiling.OFF, **changes):
    others = {name: changes.pop(name) for name in OTHERS if name in changes}
    if kind is Inpaint:
        others |= {"feather": 0, "crop_to_mask": False}
    sampling = Sampling(
        width=WIDTH, height=HEIGHT, steps=STEPS, guidance_scale=5.0, scheduler="DDIM", seed=SEED
    )
    return kind(
        prompt=prompt,
        negative_prompt=negative,
        model=str(folder),
        tiling=tiling,
        sampling=replace(sampling, **changes),
        **others,
    )


def plain(folder, kind=StableDiffusionXLPipeline, scheduler="DDIM", prompt="red stone", **call):
    """What somebody gets who uses diffusers by hand."""
    with quiet():
        pipeline = kind.from_pretrained(folder, dtype=torch.float32, add_watermarker=False)
    pipeline.scheduler = SCHEDULERS[scheduler].from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    made = pipeline(
        prompt,
        guidance_scale=call.pop("guidance_scale", 5.0),
        num_inference_steps=STEPS,
        generator=torch.Generator("cpu").manual_seed(SEED),
        **call,
    )
    return np.asarray(made.images[0])


def assert_same(ours, theirs):
    assert np.ptp(theirs) > 50, "a flat picture would prove nothing"
    assert_near(ours, theirs, BYTES)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_text_to_image_equals_diffusers(tiny_xl, run, scheduler):
    theirs = plain(tiny_xl, scheduler=scheduler, negative_prompt="rust", width=WIDTH, height=HEIGHT)
    assert_same(run(asked(tiny_xl, scheduler=scheduler)).pixels, theirs)


def test_align_your_steps_takes_the_table_of_xl(tiny_xl, engine, run):
    """By the time steps that the U-Net is told: a picture of a tiny one hardly depends on them."""
    told = []
    unet = model_of(engine, tiny_xl).unet
    handle = unet.register_forward_pre_hook(lambda module, given: told.append(float(given[1])))
    try:
        run(asked(tiny_xl, scheduler="Euler", spacing="ays", steps=10))
    finally:
        handle.remove()
    assert np.allclose(told, AysSchedules["StableDiffusionXLTimesteps"], atol=1)


@pytest.mark.parametrize("folder", ["tiny_xl", "encoding"])
def test_without_a_negative_prompt_zeros_where_the_model_says_so(request, run, folder):
    folder = request.getfixturevalue(folder)
    theirs = plain(folder, width=WIDTH, height=HEIGHT)
    ours = run(asked(folder, negative="")).pixels
    assert_same(ours, theirs)
    assert not np.array_equal(ours, run(asked(folder, negative="rust")).pixels)


def test_guidance_is_the_formula_at_any_scale(tiny_xl, run):
    """diffusers has w > 1 alone; w = 1 is the prompt by itself, and w = 0 the negative one."""
    size = {"width": WIDTH, "height": HEIGHT}
    prompt, negative = (plain(tiny_xl, prompt=p, guidance_scale=1.0, **size) for p in ("red stone", "rust"))
    assert_same(run(asked(tiny_xl, guidance_scale=1.0)).pixels, prompt)
    assert_same(run(asked(tiny_xl, guidance_scale=0.0)).pixels, negative)


@pytest.mark.parametrize("strength", [0.7, 1.0])
def test_image_to_image_equals_diffusers(tiny_xl, run, strength):
    image = painting(WIDTH, HEIGHT)
    theirs = plain(
        tiny_xl,
        StableDiffusionXLImg2ImgPipeline,
        image=Image.fromarray(image),
        strength=strength,
        negative_prompt="rust",
    )
    assert_same(run(asked(tiny_xl, ImageToImage, image=image, strength=strength)).pixels, theirs)


@pytest.mark.parametrize("channels", [4, 9])
def test_inpaint_equals_diffusers_inside_the_mask(tiny_xl, inpainting, run, channels):
    folder = tiny_xl if channels == 4 else inpainting
    image, mask = painting(WIDTH, HEIGHT), box_mask(WIDTH, HEIGHT, 16, 8, 48, 40)
    theirs = plain(
        folder,
        StableDiffusionXLInpaintPipeline,
        image=Image.fromarray(image),
        mask_image=Image.fromarray((mask * 255).astype(np.uint8)),
        width=WIDTH,
        height=HEIGHT,
        strength=0.7,
        negative_prompt="rust",
    )
    ours = run(asked(folder, Inpaint, image=image, mask=mask, strength=0.7)).pixels
    assert_same(ours[8:40, 16:48], theirs[8:40, 16:48])
    assert np.array_equal(ours[mask == 0], image[mask == 0])


def test_an_inpaint_model_makes_pictures_from_text(inpainting, run):
    assert np.ptp(run(asked(inpainting)).pixels) > 50


def test_a_seamless_picture(tiny_xl, run):
    off, both = (run(asked(tiny_xl, tiling=t)).result.images[0] for t in (Tiling.OFF, Tiling.BOTH))
    assert not np.array_equal(off.pixels, both.pixels)
    assert max(both.seam.x, both.seam.y) < 1.6


def test_any_canvas_comes_back_as_asked(tiny_xl, run):
    assert run(asked(tiny_xl, width=50, height=75)).pixels.shape == (75, 50, 3)


def test_image_k_of_a_batch_is_the_single_image(tiny_xl, run):
    both = run(asked(tiny_xl, count=2)).result.images
    assert np.array_equal(both[1].pixels, run(asked(tiny_xl, seed=SEED + 1)).pixels)


def test_steps_and_previews_are_told(tiny_xl, run):
    made = run(asked(tiny_xl))
    assert [m.step for m in made.of(Progress)] == [1, 2, 3]
    previews = made.of(Preview)
    assert previews and previews[0].pixels.shape == (HEIGHT // 8, WIDTH // 8, 3)


def test_cancel_within_the_unet(tiny_xl, engine):
    model = model_of(engine, tiny_xl)
    state = {"begun": False}
    handle = model.unet.register_forward_pre_hook(lambda *_: state.update(begun=True))
    try:
        with pytest.raises(JobCancelled):
            engine.generate("job", asked(tiny_xl), lambda message: None, lambda: state["begun"])
    finally:
        handle.remove()


def test_memory_that_runs_out(tiny_xl, run, monkeypatch):
    """One picture at a time must be told its own pooled text and sizes."""
    monkeypatch.setattr(memory_ladder, "_TILE_SIDE", 24)
    engine, wanted = DiffusersEngine(device="cpu", dtype="float32"), asked(tiny_xl, height=64)
    before = run(wanted, engine).pixels
    model = model_of(engine, tiny_xl)
    with small_memory(model.unet, UNET_VALUES), small_memory(model.vae.decoder, VAE_VALUES):
        saved = run(wanted, engine)
    assert len(saved.result.images[0].warnings) == 2
    assert_near(saved.pixels, before, BYTES)


# Half precision: as on a graphics card ----------------------------------------------------------------------


def without_upcast(model, tmp_path):
    """A copy whose autoencoder says that half precision is enough."""
    folder = shutil.copytree(model, tmp_path / "fixed")
    config = folder / "vae" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"force_upcast": False}))
    return folder


def dtypes(model):
    networks = {**model.networks, "vae": model.vae}
    return {name: next(network.parameters()).dtype for name, network in networks.items()}


@pytest.mark.parametrize("upcast", [True, False])
def test_in_half_precision_the_autoencoder_is_in_float32_if_it_says_so(tiny_xl, run, tmp_path, upcast):
    folder = tiny_xl if upcast else without_upcast(tiny_xl, tmp_path)
    names = ("unet", "text_encoder", "text_encoder_2")
    expected = dict.fromkeys(names, torch.bfloat16) | {"vae": torch.float32 if upcast else torch.bfloat16}
    engine = DiffusersEngine(device="cpu", dtype="bfloat16")
    assert dtypes(model_of(engine, folder)) == expected
    image = {"kind": ImageToImage, "image": painting(WIDTH, HEIGHT), "strength": 0.7}
    rough, exact = (run(asked(folder, **image), *e).pixels.astype(int) for e in ([engine], []))
    assert 0 < np.abs(rough - exact).mean() < 5
    assert dtypes(model_of(engine, folder)) == expected, "diffusers moves it to and fro"


def test_noise_and_latents_stay_in_float32(tiny_xl, run, estimates):
    run(asked(tiny_xl), DiffusersEngine(device="cpu", dtype="bfloat16"))
    first = estimates[0]
    assert {part.dtype for part in (first.x, first.x0, first.eps)} == {torch.float32}


def test_an_autoencoder_that_overflows_is_run_in_float32(tiny_xl, run, tmp_path):
    """One that says it does not need float32, and does."""
    folder = without_upcast(tiny_xl, tmp_path)
    engine = DiffusersEngine(device="cpu", dtype="bfloat16")
    model = model_of(engine, folder)

    def overflow(module, inputs, output):
        return output if module.weight.dtype == torch.float32 else output * float("nan")

    assert isinstance(model.vae.decoder.conv_in, nn.Conv2d)
    model.vae.decoder.conv_in.register_forward_hook(overflow)
    image = run(asked(folder), engine).result.images[0]
    assert any("autoencoder overflowed" in warning for warning in image.warnings)
    assert np.ptp(image.pixels) > 50


def test_weights_that_were_stored_in_half_precision(tiny_xl, run, tmp_path):
    """The files that diffusers calls the variant fp16; on the CPU they are run in float32."""
    with quiet():
        pipeline = StableDiffusionXLPipeline.from_pretrained(
            tiny_xl, dtype=torch.float16, add_watermarker=False
        )
        pipeline.save_pretrained(tmp_path / "half", variant="fp16")
    assert (tmp_path / "half" / "text_encoder_2" / "model.fp16.safetensors").is_file()
    exact, stored = (run(asked(folder)).pixels.astype(int) for folder in (tiny_xl, tmp_path / "half"))
    assert 0 < np.abs(exact - stored).mean() < 2
