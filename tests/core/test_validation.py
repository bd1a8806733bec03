# SPDX-License-Identifier: GPL-3.0-or-later
"""Every refusal: one sentence, the field named."""

import dataclasses

import numpy as np
import pytest

from sd_blender.core.errors import ErrorKind, InvalidRequest
from sd_blender.core.request import SCHEDULERS, ImageToImage, Inpaint, Sampling, TextToImage, Tiling
from sd_blender.core.validation import validate

IMAGE = np.zeros((32, 48, 3), np.uint8)
MASK = np.zeros((32, 48), np.float32)
MASK[4:9, 5:20] = 1


def text(**changes):
    return dataclasses.replace(TextToImage(prompt="mossy stone"), **changes)


def sampled(**changes):
    return text(sampling=Sampling(**changes))


def inpaint(**changes):
    return dataclasses.replace(Inpaint(prompt="rust", image=IMAGE, mask=MASK), **changes)


def refused(request, field, words):
    with pytest.raises(InvalidRequest) as caught:
        validate(request)
    error = caught.value
    assert (error.field, error.kind) == (field, ErrorKind.INVALID_REQUEST)
    assert (
        words in str(error) and str(error).endswith(".") and "\n" not in str(error) and len(str(error)) < 300
    )


@pytest.mark.fault("F50")
@pytest.mark.parametrize(
    "request_",
    [
        text(),
        text(prompt="x" * 10_000, negative_prompt="blurry", tiling=Tiling.BOTH),
        sampled(width=16, height=8192, steps=1, guidance_scale=0.0, seed=2**64 - 1, count=64),
        sampled(steps=1000, guidance_scale=100, scheduler=SCHEDULERS[-1]),
        sampled(clip_guidance_scale=100, classifier_guidance_scale=2.5),
        sampled(spacing="ays", clip_skip=11),
        sampled(scheduler="LCM", spacing="leading"),
        sampled(scheduler="DPM++ 2M SDE Karras", spacing="karras"),
        ImageToImage(prompt="a", image=np.zeros((1, 1, 4), np.uint8), strength=1.0),
        inpaint(prompt=""),
        text(sampling=Sampling(count=4), keep=4),
        text(reference=np.zeros((1, 16384, 4), np.uint8), clip="/a/clip"),
        inpaint(prompt="", keep=1, reference=IMAGE),
        inpaint(feather=0, context=0, crop_to_mask=False, strength=0.01),
        inpaint(mask=MASK * np.float32(0.3)),
        inpaint(mask=MASK * np.float32(0.4) + np.float32(0.55)),
    ],
)
def test_good_requests_pass(request_):
    validate(request_)


@pytest.mark.fault("F50")
@pytest.mark.fault("F51")
@pytest.mark.parametrize(
    "request_, field, words",
    [
        (text(prompt=""), "prompt", "empty"),
        (text(prompt=" \n"), "prompt", "empty"),
        (text(prompt="x" * 10_000_000), "prompt", "longer than"),
        (text(prompt="a\0b"), "prompt", "null"),
        (text(prompt=b"bytes"), "prompt", "not text"),
        (text(negative_prompt="\0"), "negative_prompt", "null"),
        (text(negative_prompt=None), "negative_prompt", "not text"),
        (text(model=""), "model", "model"),
        (text(tiling="both ways"), "tiling", "tiling"),
        (text(sampling=None), "sampling", "sampling"),
        (sampled(width=0), "width", "16 to 8192"),
        (sampled(width=15), "width", "15"),
        (sampled(height=8193), "height", "8193"),
        (sampled(height=512.0), "height", "height"),
        (sampled(steps=0), "steps", "1 to 1000"),
        (sampled(steps=10_000), "steps", "10000"),
        (sampled(steps=True), "steps", "steps"),
        (sampled(guidance_scale=float("nan")), "guidance_scale", "nan"),
        (sampled(guidance_scale=float("inf")), "guidance_scale", "inf"),
        (sampled(guidance_scale=-0.1), "guidance_scale", "-0.1"),
        (sampled(guidance_scale="7"), "guidance_scale", "guidance"),
        (sampled(clip_guidance_scale=-0.1), "clip_guidance_scale", "CLIP guidance scale is -0.1"),
        (sampled(clip_guidance_scale=float("nan")), "clip_guidance_scale", "from 0 to 100"),
        (sampled(classifier_guidance_scale=101), "classifier_guidance_scale", "guidance scale is 101"),
        (sampled(classifier_guidance_scale=None), "classifier_guidance_scale", "None"),
        (sampled(seed=-1), "seed", "-1"),
        (sampled(seed=2**64), "seed", "seed"),
        (TextToImage(prompt="a", lora_folders=["/a"]), "lora_folders", "LoRA folders"),
        (TextToImage(prompt="a", lora_folders=(7,)), "lora_folders", "LoRA folder"),
        (sampled(scheduler="Magic"), "scheduler", "Magic"),
        (sampled(scheduler=["DDIM"]), "scheduler", "unknown"),
        (sampled(spacing="cosine"), "spacing", "'cosine' is unknown; choose one of auto, leading"),
        (sampled(spacing=["auto"]), "spacing", "unknown"),
        (sampled(spacing=None), "spacing", "unknown"),
        (sampled(scheduler="LCM", spacing="karras"), "spacing", "LCM takes its steps from"),
        (sampled(scheduler="TCD", spacing="trailing"), "spacing", "set Spacing to Model's Own, or choose"),
        (sampled(scheduler="DPM++ 2M Karras", spacing="ays"), "spacing", "choose DPM++ 2M for another one"),
        (sampled(scheduler="DPM++ 2M SDE Karras", spacing="leading"), "spacing", "choose DPM++ 2M SDE for"),
        (sampled(clip_skip=12), "clip_skip", "clip skip is 12; set it from 0 to 11"),
        (sampled(clip_skip=-1), "clip_skip", "clip skip is -1"),
        (sampled(clip_skip=2.0), "clip_skip", "clip skip"),
        (sampled(clip_skip=True), "clip_skip", "True"),
        (sampled(count=0), "count", "1 to 64"),
        (
            inpaint(prompt=" ", sampling=Sampling(clip_guidance_scale=1.0)),
            "clip_guidance_scale",
            "needs a prompt",
        ),
        (text(keep=2), "keep", "keep is 2; set it from 0 to 1"),
        (text(sampling=Sampling(count=4), keep=-1), "keep", "from 0 to 4"),
        (text(keep=True), "keep", "True"),
        (text(reference=IMAGE.astype(np.float32)), "reference", "The reference is not an RGB"),
        (text(reference=np.zeros((0, 5, 3), np.uint8)), "reference", "5 x 0"),
        (text(clip=None), "clip", "CLIP folder is not text"),
        (inpaint(prompt="", keep=1), "keep", "a prompt or a reference image"),
        (ImageToImage(prompt="a", image=IMAGE, strength=0.0), "strength", "above 0"),
        (ImageToImage(prompt="a", image=IMAGE, strength=1.01), "strength", "1.01"),
        (ImageToImage(prompt="a", image=IMAGE, strength=-0.5), "strength", "-0.5"),
        (ImageToImage(prompt="a", image=IMAGE, strength=float("nan")), "strength", "nan"),
        (ImageToImage(prompt="a", image=IMAGE.astype(np.float32)), "image", "8 bits"),
        (ImageToImage(prompt="a", image=IMAGE[..., 0]), "image", "RGB"),
        (ImageToImage(prompt="a", image=np.zeros((0, 5, 3), np.uint8)), "image", "5 x 0"),
        (ImageToImage(prompt="a", image=None), "image", "choose another"),
        (inpaint(mask=np.zeros_like(MASK)), "mask", "empty"),
        (inpaint(mask=np.ones_like(MASK)), "mask", "whole image"),
        (inpaint(mask=np.full_like(MASK, 8 / 255)), "mask", "empty"),
        (inpaint(mask=np.full_like(MASK, 247 / 255)), "mask", "whole image"),
        (inpaint(mask=MASK[:, :-1]), "mask", "47 x 32"),
        (inpaint(mask=MASK * 2), "mask", "outside 0 to 1"),
        (inpaint(mask=MASK * np.nan), "mask", "outside 0 to 1"),
        (inpaint(mask=MASK.astype(np.uint8)), "mask", "grey"),
        (inpaint(image=IMAGE[:8], mask=MASK[:8]), "image", "48 x 8"),
        (inpaint(feather=257), "feather", "257"),
        (inpaint(context=-1), "context", "-1"),
        (inpaint(crop_to_mask=1), "crop_to_mask", "on nor off"),
        ("a string", "task", "not a request"),
    ],
)
def test_refusals(request_, field, words):
    refused(request_, field, words)


def test_seeds_of_a_batch_follow_each_other_and_stay_in_range():
    sampling = Sampling(seed=2**64 - 1, count=2)
    assert [sampling.seed_of(0), sampling.seed_of(1)] == [2**64 - 1, 0]
