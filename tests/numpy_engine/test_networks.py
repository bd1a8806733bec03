# SPDX-License-Identifier: GPL-3.0-or-later
"""Every network gives what that of diffusers or transformers gives, along axes that wrap as well."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

from sd_blender.engine.libraries import quiet
from sd_blender.engine.tiling import tiled
from sd_blender.numpy_engine.autoencoder import Autoencoder
from sd_blender.numpy_engine.text_encoder import TextEncoder
from sd_blender.numpy_engine.unet import UNet

from ..closeness import NETWORK, assert_near
from .conftest import part


def theirs(kind, folder, name):
    with quiet():
        return kind.from_pretrained(folder / name, torch_dtype=torch.float32).eval().requires_grad_(False)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_text_encoder(folder):
    network = theirs(CLIPTextModel, folder, "text_encoder")
    ours = TextEncoder(*part(folder, "text_encoder"))
    config = network.config
    ids = [config.bos_token_id, 5, 9, 300, 5, *[config.eos_token_id] * (ours.limit - 5)]
    assert_near(ours(ids), network(torch.tensor([ids])).last_hidden_state[0], NETWORK)


@pytest.mark.parametrize("size", [(16, 16), (8, 24)])
def test_the_unet(folder, setting, size):
    network = theirs(UNet2DConditionModel, folder, "unet")
    x, words = normal(1, network.config.in_channels, *size), normal(1, 31, network.config.cross_attention_dim)
    with tiled(setting.tiling, network):
        expected = network(x, 371.5, words).sample
    found = UNet(*part(folder, "unet"))(x[0].numpy(), 371.5, words[0].numpy(), setting)
    assert_near(found, expected[0], NETWORK)


def test_the_unet_at_a_size_that_does_not_halve(folder, setting):
    """Only along an axis that does not wrap; up again, a row and a column are left out."""
    network = theirs(UNet2DConditionModel, folder, "unet")
    size = (8 if setting.tiling.wraps_y else 9, 16 if setting.tiling.wraps_x else 11)
    x, words = normal(1, 4, *size), normal(1, 7, network.config.cross_attention_dim)
    with tiled(setting.tiling, network):
        expected = network(x, 20, words).sample
    assert_near(
        UNet(*part(folder, "unet"))(x[0].numpy(), 20, words[0].numpy(), setting), expected[0], NETWORK
    )


def test_the_decoder(folder, setting):
    network, ours = theirs(AutoencoderKL, folder, "vae"), Autoencoder(*part(folder, "vae"))
    latents = normal(1, 4, 8, 14)
    with tiled(setting.tiling, network):
        expected = network.decode(latents / network.config.scaling_factor).sample
    assert_near(ours.decode(latents[0].numpy(), setting), expected[0], NETWORK)


def test_the_encoder(folder, setting):
    network, ours = theirs(AutoencoderKL, folder, "vae"), Autoencoder(*part(folder, "vae"))
    picture = normal(1, 3, 64, 80).clamp(-1, 1)
    with tiled(setting.tiling, network):
        expected = network.encode(picture).latent_dist
    mean, deviation = ours.encode(picture[0].numpy(), setting)
    scale = network.config.scaling_factor
    assert_near(mean, scale * expected.mean[0], NETWORK)
    assert_near(deviation, scale * expected.std[0], NETWORK)


def test_a_seamless_picture_moves_with_its_latents(folder, setting):
    """On a torus no place is special: latents that are rolled give the same picture, rolled."""
    ours = Autoencoder(*part(folder, "vae"))
    latents = normal(4, 8, 12).numpy()
    axes = {"wraps_y": 1, "wraps_x": 2}
    for name, axis in axes.items():
        before = ours.decode(latents, setting)
        after = ours.decode(np.roll(latents, 2, axis), setting)
        moved = np.roll(before, 2 * ours.side, axis)
        if getattr(setting.tiling, name):
            assert_near(after, moved, NETWORK)
        else:
            assert np.abs(after - moved).max() > 1e-3


@pytest.mark.parametrize(
    "change",
    [
        {"act_fn": "gelu"},
        {"mid_block_type": "UNetMidBlock2D"},
        {"addition_embed_type": "text_time"},
        {"down_block_types": ["DownBlock2D", "AttnDownBlock2D"]},
        {"time_cond_proj_dim": 8},
    ],
)
def test_another_kind_of_unet_is_refused(tiny, change):
    weights, config = part(tiny, "unet")
    with pytest.raises(ValueError, match="written out"):
        UNet(weights, {**config, **change})
