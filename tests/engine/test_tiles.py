# SPDX-License-Identifier: GPL-3.0-or-later
"""In tiles the autoencoder gives the very picture it gives whole, wrapped or not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sd_blender.core.diffusion.latents import to_pixels
from sd_blender.core.errors import JobCancelled
from sd_blender.core.pixels import seam_error
from sd_blender.core.request import Tiling
from sd_blender.engine.diffusers_engine import STARTER_FOLDER
from sd_blender.engine.models import ModelStore
from sd_blender.engine.tiles import Span, Tiles, spans
from sd_blender.engine.tiling import tiled
from tests.closeness import BYTES, NETWORK, assert_near

CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=["tiny", "tiny_8", "starter"])
def vae(request):
    """Two with attention in the middle and four levels, of 4 and of 8 latent channels, and a trained one."""
    folder = STARTER_FOLDER if request.param == "starter" else request.getfixturevalue("tiny")
    return ModelStore(CPU, torch.float32).get(folder, lambda *_: None, lambda: False).vae


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def latents_of(vae, height, width):
    return noise(1, vae.config.latent_channels, height, width)


def uneven(values):
    """Weak at the left, strong at the right: a tile's own statistics would be far from the picture's."""
    return values * torch.linspace(0.1, 2, values.shape[-1])


def in_tiles(tiling, side, before_tile=lambda: None):
    return Tiles(tiling, side, CPU, CPU, before_tile)


@torch.no_grad()
@pytest.mark.fault("F03")
@pytest.mark.parametrize("tiling", list(Tiling))
@pytest.mark.parametrize("side", [7, 24, 1000])
def test_the_decoder_gives_the_same_picture(vae, tiling, side):
    latents = uneven(latents_of(vae, 10, 14))
    with tiled(tiling, vae):
        whole = vae.decoder(latents)
        tiles = in_tiles(tiling, side).decode(vae.decoder, latents)
    assert_near(tiles, whole, NETWORK)


@torch.no_grad()
@pytest.mark.fault("F03")
@pytest.mark.parametrize("tiling", list(Tiling))
@pytest.mark.parametrize("side", [10, 48])
def test_the_encoder_gives_the_same_latents(vae, tiling, side):
    pixels = uneven(noise(1, 3, 64, 96))
    with tiled(tiling, vae):
        whole = vae.encoder(pixels)
        tiles = in_tiles(tiling, side).encode(vae.encoder, pixels)
    assert_near(tiles, whole, NETWORK)


@torch.no_grad()
def test_the_tiling_of_diffusers_would_not_do(vae):
    """Else the equalities above might hold whatever the statistics are."""
    latents = uneven(latents_of(vae, 10, 14))
    whole = vae.decoder(latents)
    halves = torch.cat([vae.decoder(half) for half in latents.split(7, dim=-1)], dim=-1)
    inside = (halves - whole)[..., : whole.shape[-1] // 4]  # far from where they were cut
    assert inside.abs().max() > 0.05 * whole.abs().max()


@torch.no_grad()
def test_no_seam_and_rolling_the_latents_rolls_the_picture(vae):
    latents = latents_of(vae, 12, 12)
    scale = 2 ** (len(vae.config.block_out_channels) - 1)
    with tiled(Tiling.BOTH, vae):
        tiles = in_tiles(Tiling.BOTH, 24)
        straight = to_pixels(tiles.decode(vae.decoder, latents)[0].numpy())
        rolled = to_pixels(tiles.decode(vae.decoder, latents.roll((5, 3), (-1, -2)))[0].numpy())
    assert_near(np.roll(rolled, (-3 * scale, -5 * scale), axis=(0, 1)), straight, BYTES)
    seam = seam_error(straight)
    assert seam.x < 1.5 and seam.y < 1.5


@torch.no_grad()
def test_the_picture_waits_where_it_is_told_and_comes_back(vae):
    """The meta device has no numbers: whatever is kept there cannot be read any more."""
    latents = latents_of(vae, 8, 8)
    tiles = Tiles(Tiling.OFF, 24, CPU, torch.device("meta"), lambda: None)
    with pytest.raises((RuntimeError, NotImplementedError)):
        tiles.decode(vae.decoder, latents)
    assert in_tiles(Tiling.OFF, 24).decode(vae.decoder, latents).device == CPU


@torch.no_grad()
@pytest.mark.fault("F11")
def test_stops_before_any_tile(vae):
    calls = []

    def stop_at_the_tenth():
        calls.append(1)
        if len(calls) == 10:
            raise JobCancelled

    latents = latents_of(vae, 8, 8)
    with pytest.raises(JobCancelled):
        in_tiles(Tiling.OFF, 24, stop_at_the_tenth).decode(vae.decoder, latents)
    assert len(calls) == 10


@torch.no_grad()
def test_half_precision(vae):
    import copy

    half, latents = copy.deepcopy(vae.decoder).bfloat16(), uneven(latents_of(vae, 8, 8))
    whole = half(latents.bfloat16())
    tiles = in_tiles(Tiling.OFF, 24).decode(half, latents.bfloat16())
    exact = vae.decoder(latents)
    assert tiles.dtype == torch.bfloat16
    assert (tiles - exact).abs().mean() < 2 * (whole - exact).abs().mean()


@pytest.mark.parametrize("wraps", [True, False])
@pytest.mark.parametrize("side", [3, 8, 100])
@pytest.mark.parametrize("length", [1, 2, 7, 8, 33, 64])
def test_spans_cover_every_cell_once(length, side, wraps):
    cells = [cell for span in spans(length, side, 2, wraps) for cell in range(span.start, span.stop)]
    assert cells == list(range(length))
    assert all(span.start % 2 == 0 for span in spans(length, side, 2, wraps))


def test_spans_look_around_them():
    assert spans(8, 4, 1, wraps=True) == [Span(0, 4, 1, 1), Span(4, 8, 1, 1)]
    assert spans(8, 4, 1, wraps=False) == [Span(0, 4, 0, 1), Span(4, 8, 1, 0)]
    assert spans(4, 4, 1, wraps=True) == [Span(0, 4, 0, 0)]
