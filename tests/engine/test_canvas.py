# SPDX-License-Identifier: GPL-3.0-or-later
"""Any canvas comes back exactly as asked, and inpainting touches nothing beyond the mask and its feather."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sd_blender.core.canvas import Grid, plan
from sd_blender.core.geometry import Size
from sd_blender.core.pixels import feather_mask
from sd_blender.core.request import ImageToImage, Inpaint, Sampling, TextToImage, Tiling
from sd_blender.core.resampling import resize

from .conftest import box_mask, painting

SIZES = [(16, 16), (17, 33), (40, 23), (64, 64), (101, 19)]
GRID = Grid(latent=8, coarse=16)


def sampling(width=32, height=32):
    return Sampling(width=width, height=height, steps=2, scheduler="DDIM", guidance_scale=2.0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tiling", [Tiling.OFF, Tiling.X, Tiling.BOTH])
def test_any_canvas_comes_back_exactly(tiny, run, size, tiling):
    width, height = size
    request = {"prompt": "stone", "model": str(tiny), "tiling": tiling, "sampling": sampling(width, height)}
    assert run(TextToImage(**request)).pixels.shape == (height, width, 3)
    image = painting(30, 50, channels=4)
    assert run(ImageToImage(**request, image=image[..., :3])).pixels.shape == (height, width, 3)
    with_alpha = run(ImageToImage(**request, image=image)).pixels
    assert np.array_equal(with_alpha[..., 3:], resize(image, Size(*size), tiling)[..., 3:])


def inpaint(folder, width, height, **changes):
    task = {
        "prompt": "stone",
        "model": str(folder),
        "image": painting(width, height, channels=4),
        "mask": box_mask(width, height, width // 3, height // 4, width // 2, height // 2),
        "feather": 3,
        "context": 5,
        "sampling": sampling(),
    }
    return Inpaint(**(task | changes))


def assert_keeps_the_rest(request, pixels):
    alpha = feather_mask(request.mask, request.feather, request.tiling)
    kept = alpha == 0
    assert kept.any() and (~kept).any()
    assert pixels.shape == request.image.shape and pixels.dtype == np.uint8
    assert np.array_equal(pixels[kept], request.image[kept])
    assert (pixels[request.mask == 1] != request.image[request.mask == 1]).any()
    if pixels.shape[2] == 4:
        assert np.array_equal(pixels[..., 3], request.image[..., 3])


@pytest.mark.parametrize("size", [(16, 16), (37, 53), (64, 64), (130, 41)])
@pytest.mark.parametrize("crop", [True, False])
@pytest.mark.parametrize("tiling", [Tiling.OFF, Tiling.BOTH])
def test_inpaint_keeps_the_rest_to_the_last_bit(tiny, run, size, crop, tiling):
    request = inpaint(tiny, *size, crop_to_mask=crop, tiling=tiling)
    assert_keeps_the_rest(request, run(request).pixels)


@pytest.mark.parametrize("feather", [0, 1, 20])
@pytest.mark.parametrize("channels", [3, 4])
def test_whatever_the_feather_and_the_channels(tiny_inpaint, run, feather, channels):
    request = inpaint(tiny_inpaint, 90, 70, feather=feather, context=0, image=painting(90, 70, channels))
    assert_keeps_the_rest(request, run(request).pixels)


@pytest.mark.parametrize("tiling", [Tiling.OFF, Tiling.BOTH])
def test_a_soft_mask_in_a_corner(tiny, run, tiling):
    y, x = np.mgrid[0:60, 0:60]
    mask = np.clip(1.2 - np.hypot(x, y) / 12, 0, 1).astype(np.float32)
    request = inpaint(tiny, 60, 60, mask=mask, tiling=tiling)
    assert_keeps_the_rest(request, run(request).pixels)


def test_the_feather_blends_old_and_new(tiny, run):
    """In the band the result lies between the original and what is drawn without a band."""
    request = inpaint(tiny, 64, 64, feather=12, context=20, image=np.full((64, 64, 3), 128, np.uint8))
    hard = run(replace(request, feather=0, context=20)).pixels.astype(int)
    soft = run(request).pixels.astype(int)
    alpha = feather_mask(request.mask, 12)
    near, far = (alpha > 0.6) & (alpha < 1), (alpha > 0) & (alpha < 0.3)
    assert np.array_equal(hard[request.mask == 1], soft[request.mask == 1])
    assert np.abs(soft[near] - 128).mean() > np.abs(soft[far] - 128).mean() > 0


def test_cropping_works_on_the_surroundings_of_the_mask_only():
    request = inpaint("", 400, 300, mask=box_mask(400, 300, 100, 80, 140, 100), context=8, feather=3)
    work = plan(request, GRID)
    assert work.size == Size(56, 40)  # 40 + 2 * 8 by 20 + 2 * 8 rounded up; larger than 32 x 32
    whole = plan(replace(request, crop_to_mask=False), GRID)
    assert whole.size == Size(400, 304)


def test_a_small_region_is_enlarged_to_the_size_of_the_sampling():
    request = inpaint("", 400, 300, mask=box_mask(400, 300, 100, 80, 110, 90), context=0, feather=0)
    work = plan(replace(request, sampling=sampling(128, 128)), GRID)
    assert work.size == Size(128, 128)
    assert work.image.shape == (128, 128, 3) and work.mask.shape == (128, 128)


def test_the_crop_reaches_as_far_as_the_feather():
    request = inpaint("", 400, 300, mask=box_mask(400, 300, 100, 80, 140, 120), context=0, feather=50)
    assert plan(request, GRID).size == Size(144, 144)


@pytest.mark.parametrize("position", range(17, 26))
def test_a_stroke_of_one_pixel_is_seen_by_the_model(position):
    """diffusers looks at one pixel of each 8 x 8 cell."""
    mask = box_mask(64, 64, position, position, position + 1, 60)
    mask_seen = np.asarray(plan(inpaint("", 64, 64, mask=mask, crop_to_mask=False), GRID).mask)
    cell = position // 8 * 8
    assert (mask_seen[cell:60, cell : cell + 8] == 255).all()
    assert (mask_seen[:, :cell] == 0).all() and (mask_seen[:, cell + 8 :] == 0).all()


@pytest.mark.parametrize("crop", [True, False])
@pytest.mark.parametrize("tiling", [Tiling.OFF, Tiling.BOTH])
def test_what_is_almost_black_is_black(crop, tiling):
    """Crop, cells, band and composite of a noisy mask are those of the clean one."""
    clean = box_mask(160, 120, 60, 40, 100, 70)
    clean[50:60, 90:110] = 0.4
    noise = np.random.default_rng(1).integers(0, 8, clean.shape).astype(np.float32) / np.float32(255)
    noisy = np.where(clean == 0, noise, np.where(clean == 1, 1 - noise, clean))
    drawn = painting(400, 400)
    finished = []
    for mask in (clean, noisy):
        request = inpaint("", 160, 120, mask=mask, context=9, crop_to_mask=crop, tiling=tiling)
        work = plan(request, GRID)
        pixels = work.finish(drawn[: work.size.height, : work.size.width])
        finished.append((work.size, work.mask.tobytes(), work.image.tobytes(), pixels.tobytes()))
    assert finished[0] == finished[1]


def test_a_soft_mask_shows_as_much_of_the_new_as_its_value_says():
    mask = box_mask(64, 64, 8, 8, 30, 30)
    mask[40:50, 40:50] = np.linspace(0.1, 0.9, 10, dtype=np.float32)
    request = inpaint("", 64, 64, mask=mask, feather=0, image=np.zeros((64, 64, 3), np.uint8))
    work = plan(request, GRID)
    pixels = work.finish(np.full((work.size.height, work.size.width, 3), 200, np.uint8))
    assert np.array_equal(pixels[..., 0], np.rint(mask * 200))
    cells = np.asarray(plan(replace(request, crop_to_mask=False), GRID).mask)
    assert (cells[40:50, 40:50] == 255).all()  # made anew, whatever of it shows


@pytest.mark.parametrize(
    ("tiling", "expected"),
    [
        (Tiling.OFF, Size(104, 56)),
        (Tiling.X, Size(112, 56)),
        (Tiling.Y, Size(104, 64)),
        (Tiling.BOTH, Size(112, 64)),
    ],
)
def test_wrapped_axes_fit_the_coarsest_grid(tiling, expected):
    assert GRID.fit(Size(100, 50), tiling) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((16, 16), (32, 32)),
        ((17, 33), (24, 40)),
        ((10, 20), (16, 32)),
        ((31, 16), (32, 24)),
        ((16, 90), (16, 96)),
    ],
)
def test_a_tiny_canvas_is_drawn_larger(size, expected):
    assert GRID.fit(Size(*size), Tiling.OFF) == Size(*expected)


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.0])
def test_the_smallest_canvas_without_guidance(tiny, run, scale):
    """One image, one branch: the U-Net's coarsest level would be one number per channel."""
    smallest = Sampling(width=16, height=16, steps=1, scheduler="DDIM", guidance_scale=scale)
    assert run(TextToImage(prompt="stone", model=str(tiny), sampling=smallest)).pixels.shape == (16, 16, 3)


def test_resizing_to_the_same_size_changes_nothing():
    image = painting(20, 30)
    assert np.array_equal(resize(image, Size(20, 30), Tiling.BOTH), image)


@pytest.mark.parametrize(("old", "new"), [(80, 40), (40, 80), (64, 48), (16, 128)])
def test_resizing_wraps_along_the_axes_that_tile(old, new):
    image = painting(old, old)
    for tiling in Tiling:
        straight = resize(image, Size(new, new), tiling)
        for axis, wraps in ((1, tiling.wraps_x), (0, tiling.wraps_y)):
            moved = resize(np.roll(image, old // 2, axis), Size(new, new), tiling)
            error = np.abs(np.roll(moved, -(new // 2), axis).astype(int) - straight.astype(int)).max()
            assert (error <= 1) == wraps, (tiling, axis, error)


def test_the_alpha_of_the_source_is_that_of_the_result():
    """No model makes alpha; at the size of the source it comes back to the last bit."""
    image = painting(64, 48, channels=4)
    work = plan(ImageToImage(prompt="a", image=image, sampling=sampling(64, 48)), GRID)
    drawn = painting(work.size.width, work.size.height)
    result = work.finish(drawn)
    assert np.array_equal(result[..., 3], image[..., 3])
    assert np.array_equal(result[..., :3], drawn[:48, :64])


def test_image_to_image_follows_the_image(tiny, run):
    """With little strength on a torus, each half of the result is nearer to that half of its source."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, 32:] = 255
    work = plan(ImageToImage(prompt="a", image=image, strength=0.1, sampling=sampling(128, 128)), Grid(8, 16))
    seen = np.asarray(work.image)
    assert seen.shape == (128, 128, 3)
    assert (seen[:, :60] < 10).all() and (seen[:, 68:] > 245).all()
