# SPDX-License-Identifier: GPL-3.0-or-later
"""Circular padding: the same values as torch's own, and nothing left behind."""

import pytest
import torch
import torch.nn.functional as F

from sd_blender.training.models import TINY, make_unet, make_vae
from sd_blender.training.padding import wrap, wrapped
from tests.closeness import NETWORK, ROUNDING, assert_near, is_near

pytestmark = pytest.mark.parity


def test_wrap_is_circular_padding():
    x = torch.randn(2, 3, 5, 7).to(memory_format=torch.channels_last)
    padded = wrap(x, (1, 2), (1, 2))
    assert torch.equal(padded, F.pad(x, (2, 2, 1, 1), mode="circular"))
    assert padded.is_contiguous(memory_format=torch.channels_last)


def test_the_gradient_of_wrap_is_that_of_circular_padding():
    x = torch.randn(2, 3, 5, 7, dtype=torch.float64, requires_grad=True)
    for before, after in (((1, 2), (1, 2)), ((0, 0), (1, 1)), ((2, 0), (0, 1))):
        padded = F.pad(x, (before[1], after[1], before[0], after[0]), mode="circular")
        grad = torch.randn_like(padded)
        (expected,) = torch.autograd.grad(padded, x, grad)
        (ours,) = torch.autograd.grad(wrap(x, before, after), x, grad)
        assert_near(ours, expected, ROUNDING)


@torch.no_grad()
def test_wrapped_networks_commute_with_rolling():
    vae, unet = make_vae(TINY).eval(), make_unet(TINY).eval()
    image, latent = torch.randn(1, 3, 8 * TINY.factor, 8 * TINY.factor), torch.randn(1, TINY.latents, 8, 8)
    text, t = torch.randn(1, 77, 128), torch.tensor([500])
    with wrapped(vae, unet):
        encoded = vae.encode(image).latent_dist.mean
        moved = vae.encode(image.roll((2 * TINY.factor, TINY.factor), (2, 3))).latent_dist.mean
        assert_near(encoded.roll((2, 1), (2, 3)), moved, NETWORK)
        decoded = vae.decode(latent).sample
        assert_near(
            decoded.roll((3 * TINY.factor, TINY.factor), (2, 3)),
            vae.decode(latent.roll((3, 1), (2, 3))).sample,
            NETWORK,
        )
        noise = unet(latent, t, text).sample
        moved = unet(latent.roll((4, 2), (2, 3)), t, text).sample
        assert_near(noise.roll((4, 2), (2, 3)), moved, NETWORK)


@torch.no_grad()
def test_nothing_is_left_behind():
    vae, image = make_vae(TINY).eval(), torch.randn(1, 3, 32, 32)
    before = vae(image).sample
    with wrapped(vae):
        assert not is_near(vae(image).sample, before, NETWORK)
    assert torch.equal(vae(image).sample, before)
    with wrapped(vae, on=False):
        assert torch.equal(vae(image).sample, before)
