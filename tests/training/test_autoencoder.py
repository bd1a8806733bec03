# SPDX-License-Identifier: GPL-3.0-or-later
"""The latent space: how much smaller it is, and that what is alike lies near."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL

from sd_blender.training.evaluation.classifier import round_trip
from sd_blender.training.models import Widths, make_vae
from sd_blender.training.padding import wrapped
from sd_blender.training.schedule import to_tensor
from sd_blender.training.textures import make_sample

STARTER = Path(__file__).resolve().parents[2] / "sd_blender" / "starter_model"


@pytest.fixture(scope="module")
def vae():
    return AutoencoderKL.from_pretrained(STARTER / "vae", use_safetensors=True).eval()


@torch.no_grad()
def encode(vae: AutoencoderKL, pixels: np.ndarray) -> torch.Tensor:
    with wrapped(vae):
        return vae.encode(to_tensor(pixels)).latent_dist.mean * vae.config.scaling_factor


@torch.no_grad()
def test_of_the_shape_of_stable_diffusion_it_makes_48_numbers_one():
    latents = make_vae(Widths(vae=(16, 16, 16, 16))).encode(torch.zeros(1, 3, 512, 512)).latent_dist.mean
    assert latents.shape == (1, 4, 64, 64)
    assert 512 * 512 * 3 / latents.numel() == 48


def test_the_starters_makes_12_numbers_one(vae):
    assert encode(vae, np.zeros((1, 128, 128, 3), np.uint8)).shape == (1, 4, 32, 32)


def test_what_is_alike_lies_near(vae):
    """A texture a little changed lies nearer than any other, in proportion to the change."""
    textures = np.stack([make_sample(991, i, 128).pixels for i in range(12)]).astype(np.float32)
    places = encode(vae, textures.round().astype(np.uint8))
    other = np.roll(textures, 1, axis=0)
    steps = []
    for share in (0.05, 0.2):
        changed = encode(vae, ((1 - share) * textures + share * other).round().astype(np.uint8))
        away = torch.cdist(changed.flatten(1), places.flatten(1))
        assert away.argmin(1).tolist() == list(range(len(textures)))
        steps.append(float(away.diagonal().mean()))
    assert steps[0] < steps[1] < float(torch.pdist(places.flatten(1)).mean())


@torch.no_grad()
def test_between_two_latents_lies_a_picture(vae):
    """The space has no holes: halfway is decoded to a picture whose mean colour is halfway, too."""
    first, second = (make_sample(991, i, 128).pixels for i in (2, 7))
    a, b = encode(vae, np.stack([first, second]))
    with wrapped(vae):
        middle = vae.decode((a + b)[None] / 2 / vae.config.scaling_factor).sample
    colour = to_tensor(round_trip(vae, np.stack([first, second]))).mean((2, 3)).mean(0)
    assert torch.allclose(middle.mean((0, 2, 3)), colour, atol=0.1)
    assert middle.abs().max() < 1.5
