# SPDX-License-Identifier: GPL-3.0-or-later
"""Classifier-free guidance: uncond + w (cond - uncond), for every w."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sd_blender.core.request import Sampling, TextToImage
from tests.closeness import NETWORK, assert_near

pytestmark = pytest.mark.parity

SAMPLING = Sampling(width=32, height=32, steps=2, scheduler="DDIM", seed=3)


def picture(run, folder, prompt, negative, scale):
    return run(
        TextToImage(
            prompt=prompt,
            negative_prompt=negative,
            model=str(folder),
            sampling=replace(SAMPLING, guidance_scale=scale),
        )
    ).pixels


def test_scale_0_ignores_the_prompt(tiny, run):
    first = picture(run, tiny, "stone", "rust", 0.0)
    assert np.array_equal(first, picture(run, tiny, "something else", "rust", 0.0))
    assert not np.array_equal(first, picture(run, tiny, "stone", "wet", 0.0))


def test_scale_1_ignores_the_negative_prompt(tiny, run):
    first = picture(run, tiny, "stone", "rust", 1.0)
    assert np.array_equal(first, picture(run, tiny, "stone", "wet", 1.0))
    assert not np.array_equal(first, picture(run, tiny, "moss", "rust", 1.0))


def test_scale_0_is_the_negative_prompt_alone(tiny, run):
    assert np.array_equal(picture(run, tiny, "stone", "rust", 0.0), picture(run, tiny, "rust", "", 1.0))


@pytest.mark.parametrize("scale", [0.0, 0.3, 1.0, 2.5, 7.5])
def test_the_first_step_is_guided_by_the_formula(tiny, engine, run, estimates, scale):
    """Recomputed by hand from the U-Net's two outputs, in numbers."""
    picture(run, tiny, "stone", "rust", scale)
    model = engine._models.get(tiny, print, lambda: False)
    first = estimates[0]
    with torch.no_grad():
        texts = (model.text.read(words, 1).hidden for words in ("stone", "rust"))
        conditional, unconditional = (
            model.unet(first.x, first.level.timestep, encoder_hidden_states=text).sample for text in texts
        )
    expected = unconditional + scale * (conditional - unconditional)
    assert (conditional - unconditional).abs().max() > 1e-2
    # Two texts in one batch round otherwise than one after the other, and the scale makes that larger.
    assert_near(first.eps, expected, NETWORK)
