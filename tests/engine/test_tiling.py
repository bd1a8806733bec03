# SPDX-License-Identifier: GPL-3.0-or-later
"""On a torus no place is special: rolling what goes in rolls what comes out, exactly along the axes that wrap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sd_blender.core.messages import Loading
from sd_blender.core.pixels import seam_error
from sd_blender.core.request import ImageToImage, Inpaint, Sampling, TextToImage, Tiling
from sd_blender.engine.models import ModelStore
from sd_blender.engine.noise import Noise
from sd_blender.engine.tiling import tiled
from tests.closeness import BYTES, NETWORK, ROUNDING, assert_near, is_near

from .conftest import box_mask, painting

WRAPPED = (Tiling.X, Tiling.Y, Tiling.BOTH)


@pytest.fixture(scope="module", params=["tiny", "tiny_8"])
def model(request):
    folder = request.getfixturevalue(request.param)
    return ModelStore(torch.device("cpu"), torch.float32).get(folder, lambda *_: None, lambda: False)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def networks(model):
    """Each network as a function of one picture, with the pixels in and out per unit of roll."""
    text, latents = noise(1, 5, 32, seed=1), model.files.latent_channels
    return {
        "U-Net": (lambda x: model.unet(x, 10, encoder_hidden_states=text).sample, (1, latents, 8, 12), 2, 2),
        "encoder": (lambda x: model.vae.encode(x).latent_dist.mean, (1, 3, 64, 96), 8, 1),
        "decoder": (lambda x: model.vae.decode(x).sample, (1, latents, 6, 8), 1, 8),
    }


@torch.no_grad()
@pytest.mark.parametrize("network", ["U-Net", "encoder", "decoder"])
@pytest.mark.parametrize("tiling", list(Tiling))
def test_rolling_the_input_rolls_the_output_along_wrapped_axes_only(model, network, tiling):
    function, shape, step_in, step_out = networks(model)[network]
    x = noise(*shape)
    with tiled(tiling, model.unet, model.vae):
        straight = function(x)
        for axis, wraps in ((-1, tiling.wraps_x), (-2, tiling.wraps_y)):
            rolled = function(x.roll(3 * step_in, axis)).roll(-3 * step_out, axis)
            assert is_near(rolled, straight, NETWORK) == wraps, f"{network}, {tiling}, axis {axis}"


LAYOUTS = (torch.contiguous_format, torch.channels_last)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("tiling", WRAPPED)
@pytest.mark.parametrize("padding", [1, (1, 2)])
def test_a_wrapped_convolution_sees_the_other_edge_and_keeps_the_layout(layout, tiling, padding):
    """The same numbers, and gradients, as padding by hand gives; in the layout of what comes in."""
    conv = torch.nn.Conv2d(4, 6, (3, 5), padding=padding).to(memory_format=layout)
    seen = []
    conv.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    x = noise(2, 4, 5, 7).to(memory_format=layout).requires_grad_()
    rows, columns = conv.padding
    padded = x
    for axis, width, wraps in ((-1, columns, tiling.wraps_x), (-2, rows, tiling.wraps_y)):
        if wraps:
            end = padded.shape[axis] - width
            padded = torch.cat([padded.narrow(axis, end, width), padded, padded.narrow(axis, 0, width)], axis)
    left = (0 if tiling.wraps_y else rows, 0 if tiling.wraps_x else columns)
    expected = torch.nn.functional.conv2d(padded, conv.weight, conv.bias, padding=left)
    with tiled(tiling, conv):
        found = conv(x)
    assert torch.equal(seen[0], padded) and seen[0].is_contiguous(memory_format=layout)
    assert_near(found, expected, ROUNDING)
    weights = noise(*found.shape, seed=2)
    ours, theirs = (torch.autograd.grad((made * weights).sum(), x)[0] for made in (found, expected))
    assert_near(ours, theirs, ROUNDING)


@torch.no_grad()
@pytest.mark.parametrize("network", ["U-Net", "encoder", "decoder"])
def test_afterwards_the_networks_are_as_before(model, network):
    function, shape, *_ = networks(model)[network]
    x = noise(*shape)
    before = function(x)
    with pytest.raises(RuntimeError, match="on the way"), tiled(Tiling.X, model.unet, model.vae):
        assert not torch.equal(function(x), before)
        raise RuntimeError("on the way")
    assert torch.equal(function(x), before)


def tile(folder, tiling, **changes):
    sampling = Sampling(width=64, height=64, steps=2, scheduler="DDIM", guidance_scale=2.0)
    return TextToImage(prompt="brick", model=str(folder), tiling=tiling, sampling=sampling, **changes)


def test_switched_per_call_without_reloading(tiny, run):
    off = run(tile(tiny, Tiling.OFF)).pixels
    pictures = [run(tile(tiny, tiling)) for tiling in WRAPPED]
    assert not any(picture.of(Loading) for picture in pictures)
    assert len({picture.pixels.tobytes() for picture in pictures} | {off.tobytes()}) == 4
    assert np.array_equal(run(tile(tiny, Tiling.OFF)).pixels, off)


def test_the_seam_error_is_that_of_the_final_pixels(tiny, run):
    for tiling in Tiling:
        image = run(tile(tiny, tiling)).result.images[0]
        assert image.seam == seam_error(image.pixels)


@pytest.fixture
def roll_noise(monkeypatch):
    """Roll all noise that is drawn, by a number of latents along an axis of (n, c, h, w)."""
    draw = Noise.__call__

    def roll_by(latents, axis):
        monkeypatch.setattr(Noise, "__call__", lambda self: draw(self).roll(latents, axis))

    return roll_by


@pytest.mark.parametrize("tiling", WRAPPED)
@pytest.mark.parametrize("side", [64, 60])
@pytest.mark.parametrize("model", ["tiny", "tiny_8"])
def test_rolled_noise_gives_the_picture_rolled(request, run, roll_noise, model, tiling, side):
    """Half a picture, from the prompt to the pixels; 60 is worked at 64 and resampled, around the edge as well."""
    sampling = Sampling(width=side, height=side, steps=2, scheduler="DDIM", guidance_scale=2.0)
    folder = request.getfixturevalue(model)
    task = TextToImage(prompt="brick", model=str(folder), tiling=tiling, sampling=sampling)
    assert_rolls(run, task, run(task).pixels, roll_noise, side)


@pytest.mark.parametrize("tiling", WRAPPED)
def test_image_to_image_of_a_rolled_image(tiny, run, roll_noise, tiling):
    sampling = Sampling(width=64, height=64, steps=4, scheduler="DDIM", guidance_scale=2.0)
    image = painting(64, 64)
    request = ImageToImage(
        prompt="brick", model=str(tiny), tiling=tiling, sampling=sampling, image=image, strength=0.5
    )
    assert_rolls(run, request, run(request).pixels, roll_noise, 64)


def inpaint_request(folder, tiling, mask, **changes):
    return Inpaint(
        prompt="brick",
        model=str(folder),
        tiling=tiling,
        sampling=Sampling(width=64, height=64, steps=4, scheduler="DDIM", guidance_scale=2.0),
        image=painting(64, 64),
        mask=mask,
        strength=0.75,
        feather=4,
        **changes,
    )


@pytest.mark.parametrize("tiling", WRAPPED)
@pytest.mark.parametrize("model", ["tiny", "tiny_8", "tiny_inpaint"])
def test_inpaint_of_a_rolled_image(request, run, roll_noise, model, tiling):
    mask = np.ones((64, 64), np.float32)
    mask[8:16, 24:40] = 0
    task = inpaint_request(request.getfixturevalue(model), tiling, mask, crop_to_mask=False)
    assert_rolls(run, task, run(task).pixels, roll_noise, 64)


@pytest.mark.parametrize("tiling", WRAPPED)
@pytest.mark.parametrize("crop", [True, False])
def test_a_mask_across_the_edge_is_worked_on_in_one_piece(tiny, run, tiling, crop):
    """So where the mask lies on the torus makes no difference; its noise goes with it."""
    task = inpaint_request(tiny, tiling, box_mask(64, 64, 26, 22, 40, 40), crop_to_mask=crop, context=4)
    straight = run(task).pixels
    for axis, wraps in ((1, tiling.wraps_x), (0, tiling.wraps_y)):
        moved = replace(task, image=np.roll(task.image, 31, axis), mask=np.roll(task.mask, 31, axis))
        assert same(np.roll(run(moved).pixels, -31, axis), straight) == wraps


def assert_rolls(run, request, straight, roll_noise, side):
    for axis, wraps in ((1, request.tiling.wraps_x), (0, request.tiling.wraps_y)):
        size = side if not wraps else -(-side // 16) * 16
        roll_noise(size // 16, axis + 2)
        if isinstance(request, ImageToImage):
            moved = replace(request, image=np.roll(request.image, side // 2, axis))
        elif isinstance(request, Inpaint):
            image, mask = np.roll(request.image, side // 2, axis), np.roll(request.mask, side // 2, axis)
            moved = replace(request, image=image, mask=mask)
        else:
            moved = request
        assert same(np.roll(run(moved).pixels, -(side // 2), axis), straight) == wraps


def same(ours, theirs):
    return is_near(ours, theirs, BYTES)
