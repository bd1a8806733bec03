# SPDX-License-Identifier: GPL-3.0-or-later
"""Noise is drawn on the CPU, one generator per image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sd_blender.core.messages import Progress
from sd_blender.core.request import SCHEDULERS, SEED_LIMIT, ImageToImage, Inpaint, Sampling, TextToImage
from sd_blender.engine import denoiser
from sd_blender.engine.memory import batch_that_fits, images_per_call
from tests.closeness import BYTES, assert_near

from .conftest import box_mask, painting

STOCHASTIC = ("Euler a", "DDPM", "DPM++ 2M SDE", "LCM")


def task(kind, folder, scheduler="DDIM", **changes):
    sampling = Sampling(width=32, height=32, steps=3, seed=11, scheduler=scheduler, guidance_scale=2.0)
    extra = {}
    if kind is not TextToImage:
        extra = {"image": painting(32, 32), "strength": 0.7}
    if kind is Inpaint:
        extra["mask"] = box_mask(32, 32, 8, 8, 24, 24)
    return kind(prompt="stone", model=str(folder), sampling=replace(sampling, **changes), **extra)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_same_seed_gives_the_same_picture_and_another_one_another(tiny, run, scheduler):
    first = run(task(TextToImage, tiny, scheduler)).pixels
    assert np.array_equal(first, run(task(TextToImage, tiny, scheduler)).pixels)
    assert not np.array_equal(first, run(task(TextToImage, tiny, scheduler, seed=12)).pixels)


@pytest.mark.parametrize("model", ["tiny", "tiny_8"])
@pytest.mark.parametrize("kind", [TextToImage, ImageToImage, Inpaint])
def test_image_k_equals_the_single_image_with_its_seed(request, run, kind, model):
    folder = request.getfixturevalue(model)
    together = run(task(kind, folder, count=3)).result.images
    assert [image.seed for image in together] == [11, 12, 13]
    for image in together:
        alone = run(task(kind, folder, seed=image.seed)).pixels
        assert np.array_equal(image.pixels, alone)


@pytest.mark.parametrize("model", ["tiny", "tiny_8", "tiny_inpaint"])
@pytest.mark.parametrize("scheduler", STOCHASTIC)
@pytest.mark.parametrize("kind", [TextToImage, ImageToImage, Inpaint])
def test_denoising_together_changes_no_image(request, run, monkeypatch, kind, scheduler, model):
    """As on a GPU, where several images share a call of the U-Net."""
    folder = request.getfixturevalue(model)
    monkeypatch.setattr(denoiser, "images_per_call", lambda *_: 2)
    together = run(task(kind, folder, scheduler, count=3))
    monkeypatch.undo()
    alone = run(task(kind, folder, scheduler, count=3))
    assert [m.step for m in together.of(Progress)] != [m.step for m in alone.of(Progress)]
    for ours, theirs in zip(together.result.images, alone.result.images, strict=True):
        assert_near(ours.pixels, theirs.pixels, BYTES)
        assert ours.seed == theirs.seed


def test_global_random_state_is_neither_used_nor_changed(tiny, run):
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = run(task(TextToImage, tiny, "Euler a")).pixels
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(2)
    assert np.array_equal(first, run(task(TextToImage, tiny, "Euler a")).pixels)


def test_the_last_seed_wraps_around(tiny, run):
    images = run(task(TextToImage, tiny, seed=SEED_LIMIT - 1, count=2)).result.images
    assert [image.seed for image in images] == [SEED_LIMIT - 1, 0]
    assert np.array_equal(images[1].pixels, run(task(TextToImage, tiny, seed=0)).pixels)


def test_the_cpu_makes_one_image_at_a_time(tiny, engine):
    model = engine._models.get(tiny, lambda *_: None, lambda: False)
    assert images_per_call(model.unet, 64, 2, 8) == 1


@pytest.mark.parametrize(
    ("available", "each", "count", "expected"),
    [(80, 2, 4, 4), (80, 2, 64, 8), (8, 2, 8, 2), (8, 3, 8, 1), (8, 9, 8, 1), (0, 1, 8, 1), (None, 1, 8, 1)],
)
def test_images_together_fit_in_half_of_the_memory(available, each, count, expected):
    assert batch_that_fits(available, each, count) == expected
