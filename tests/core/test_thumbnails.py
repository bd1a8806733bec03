# SPDX-License-Identifier: GPL-3.0-or-later
"""Thumbnails: small, right side up, and harmless when they are a stranger's."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from sd_blender.core import thumbnails
from sd_blender.core.thumbnails import SIDE


@pytest.mark.parametrize(
    ("height", "width", "small"),
    [(16, 16, (16, 16)), (64, 64, (64, 64)), (1000, 500, (64, 32)), (64, 4096, (1, 64)), (1, 8192, (1, 64))],
)
@pytest.mark.parametrize("channels", [3, 4])
def test_size_and_proportions(height, width, channels, small):
    pixels = np.full((height, width, channels), 200, np.uint8)
    shown_width, shown_height, values = thumbnails.read(thumbnails.make(pixels))
    assert (shown_height, shown_width) == small
    rgba = values.reshape(shown_height, shown_width, 4)
    np.testing.assert_allclose(rgba[..., :3], 200 / 255, atol=1e-6)
    assert (rgba[..., 3] == 1).all()


def test_the_top_is_the_last_row_of_blender():
    pixels = np.zeros((300, 200, 3), np.uint8)
    pixels[:150, :100] = (255, 0, 0)
    width, height, values = thumbnails.read(thumbnails.make(pixels))
    rgba = values.reshape(height, width, 4)
    np.testing.assert_array_equal(rgba[-1, 0], (1, 0, 0, 1))
    np.testing.assert_array_equal(rgba[0, 0], (0, 0, 0, 1))
    np.testing.assert_array_equal(rgba[-1, -1], (0, 0, 0, 1))


def test_it_is_a_mean_and_not_a_sample():
    pixels = np.zeros((128, 128, 3), np.uint8)
    pixels[::2] = 255
    _, _, values = thumbnails.read(thumbnails.make(pixels))
    np.testing.assert_allclose(values.reshape(SIDE, SIDE, 4)[..., :3], 0.5, atol=0.01)


def test_the_roughest_takes_little_room():
    noise = np.random.default_rng(1).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
    assert len(thumbnails.make(noise)) < 12_500


GOOD = thumbnails.make(np.zeros((20, 30, 3), np.uint8))


@pytest.mark.fault("F54")
@pytest.mark.parametrize(
    "data",
    [
        None,
        "text",
        7,
        b"",
        b"\1",
        GOOD[:2],
        GOOD[:-9],
        b"\0\0" + GOOD[2:],
        b"\xff\xff" + GOOD[2:],
        bytes((SIDE + 1, 1)) + zlib.compress(b"\0" * (SIDE + 1) * 3),
        bytes((30, 21)) + GOOD[2:],
        bytes((30, 19)) + GOOD[2:],
        bytes((2, 2)) + zlib.compress(b"\0" * 10**8),
    ],
    ids=range(13),
)
def test_what_is_no_thumbnail_is_none(data):
    assert thumbnails.read(data) is None
