# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from sd_blender.core.errors import InvalidRequest
from sd_blender.core.pixels import (
    SceneLinear,
    composite,
    feather_mask,
    from_blender,
    linear_to_srgb,
    mask_from_blender,
    seam_error,
    to_blender,
)
from sd_blender.core.request import Tiling


@pytest.fixture
def random():
    return np.random.default_rng(7)


@pytest.mark.parametrize("channels", [3, 4])
def test_every_level_survives_the_round_trip(channels, random):
    pixels = random.integers(0, 256, (5, 9, channels), dtype=np.uint8)
    back = from_blender(to_blender(pixels), 9, 5)
    assert back.shape == pixels.shape  # an alpha that says nothing is left out
    assert (back == pixels).all()


def test_row_0_moves_from_top_to_bottom():
    pixels = np.zeros((2, 1, 3), np.uint8)
    pixels[0] = 255
    assert to_blender(pixels).tolist() == [0, 0, 0, 1, 1, 1, 1, 1]


def test_a_buffer_is_reused(random):
    pixels = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    buffer = np.full(64, np.nan, np.float32)
    assert to_blender(pixels, buffer) is buffer
    assert (buffer == to_blender(pixels)).all()


def test_linear_half_becomes_its_srgb_code():
    flat = np.array([0.5, 0.5, 0.5, 1.0], np.float32)
    assert from_blender(flat, 1, 1, linear=SceneLinear()).ravel().tolist() == [188, 188, 188]


def test_the_transfer_curve_at_its_ends_and_joint():
    values = linear_to_srgb(np.array([0.0, 0.0031308, 1.0], np.float32))
    assert values == pytest.approx([0.0, 0.04045, 1.0], abs=1e-4)


def test_values_outside_the_range_are_clipped():
    flat = np.array([-1.0, 2.0, 0.5, 1.0], np.float32)
    assert from_blender(flat, 1, 1).ravel().tolist() == [0, 255, 128]


def test_alpha_is_not_a_colour_and_the_least_transparency_is_kept():
    flat = np.array([0.5, 0.5, 0.5, 0.5, 1, 1, 1, 1], np.float32)
    assert from_blender(flat, 2, 1, linear=SceneLinear()).tolist() == [
        [[188, 188, 188, 128], [255, 255, 255, 255]]
    ]
    flat[3] = 254 / 255
    assert from_blender(flat, 2, 1)[0, 0, 3] == 254


@pytest.mark.parametrize("height", [1, 63, 64, 65, 200])
def test_pictures_of_every_height_are_converted_whole(height, random):
    pixels = random.integers(0, 256, (height, 3, 4), dtype=np.uint8)
    assert (from_blender(to_blender(pixels), 3, height) == pixels).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(bad):
    flat = np.array([bad, 0, 0, 1], np.float32)
    with pytest.raises(InvalidRequest, match="not numbers"):
        from_blender(flat, 1, 1)
    with pytest.raises(InvalidRequest, match="not numbers"):
        mask_from_blender(flat, 1, 1)


def test_white_paint_is_mask_on_black_and_on_transparent():
    flat = np.array([[1, 1, 1, 1], [0, 0, 0, 1], [1, 1, 1, 0], [0.5, 0.5, 0.5, 1]], np.float32).ravel()
    assert mask_from_blender(flat, 4, 1).tolist() == [[1, 0, 0, 0.5]]


def _disc(size=41, radius=6):
    y, x = np.mgrid[:size, :size] - size // 2
    return (np.hypot(x, y) <= radius).astype(np.float32)


def test_feather_falls_with_the_euclidean_distance():
    mask = np.zeros((41, 41), np.float32)
    mask[20, 20] = 1
    alpha = feather_mask(mask, 10)
    y, x = np.mgrid[:41, :41] - 20
    assert alpha == pytest.approx(np.clip(1 - np.hypot(x, y) / 10, 0, 1), abs=1e-5)


def test_feather_is_1_inside_and_0_past_its_width():
    mask = _disc()
    alpha = feather_mask(mask, 8)
    y, x = np.mgrid[:41, :41] - 20
    assert (alpha[mask == 1] == 1).all()
    assert (alpha[np.hypot(x, y) > 6 + 8] == 0).all()
    assert ((alpha > 0) & (mask == 0)).any()


def test_no_feather_is_the_mask_itself():
    assert (feather_mask(_disc(), 0) == _disc()).all()


@pytest.mark.parametrize("tiling, expected", [(Tiling.OFF, 0.0), (Tiling.X, 0.75), (Tiling.Y, 0.0)])
def test_feather_wraps_where_the_canvas_tiles(tiling, expected):
    mask = np.zeros((16, 16), np.float32)
    mask[8, 0] = 1
    assert feather_mask(mask, 4, tiling)[8, 15] == pytest.approx(expected)


@pytest.mark.parametrize("channels", [3, 4])
def test_composite_keeps_every_bit_where_alpha_is_0(channels, random):
    original = random.integers(0, 256, (41, 41, channels), dtype=np.uint8)
    generated = random.integers(0, 256, (41, 41, 3), dtype=np.uint8)
    alpha = feather_mask(_disc(), 5)
    result = composite(original, generated, alpha)
    assert (result[alpha == 0] == original[alpha == 0]).all()
    assert (result[alpha == 1][:, :3] == generated[alpha == 1]).all()
    if channels == 4:
        assert (result[..., 3] == original[..., 3]).all()


def test_composite_blends_in_the_band():
    original, generated = np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 200, np.uint8)
    assert composite(original, generated, np.full((1, 1), 0.25, np.float32)).tolist() == [[[50, 50, 50]]]


def test_seam_error_tells_a_ramp_from_a_wave():
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], (64, 1, 3))
    wave = 127 + 120 * np.sin(np.arange(64) / 64 * 2 * np.pi)
    wave = np.tile(wave.astype(np.uint8)[None, :, None], (64, 1, 3))
    assert seam_error(ramp).x > 50
    assert 0.5 < seam_error(wave).x < 2.5
    assert seam_error(ramp).y == 1.0  # constant along y


def test_seam_error_stays_finite_for_a_flat_inside():
    pixels = np.zeros((4, 2, 3), np.uint8)
    pixels[0] = 255
    assert np.isfinite([seam_error(pixels).x, seam_error(pixels).y]).all()
    assert np.isfinite(seam_error(np.zeros((1, 1, 3), np.uint8)).x)
