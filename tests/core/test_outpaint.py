# SPDX-License-Identifier: GPL-3.0-or-later
"""A larger canvas: the picture is in it bit for bit, and the mask is where it was added."""

from __future__ import annotations

import numpy as np
import pytest

from sd_blender.core.errors import InvalidRequest
from sd_blender.core.geometry import Size
from sd_blender.core.outpaint import Margins, border_mask, grow, grown_size

RNG = np.random.default_rng(7)
MARGINS = Margins(left=5, right=0, top=2, bottom=9)


@pytest.mark.parametrize("channels", [3, 4])
def test_the_picture_is_in_it_and_its_edge_goes_on(channels):
    image = RNG.integers(0, 256, (20, 30, channels), dtype=np.uint8)
    grown = grow(image, MARGINS)
    assert grown.shape == (31, 35, channels)
    np.testing.assert_array_equal(grown[2:22, 5:], image)
    np.testing.assert_array_equal(grown[:2, 5:, :3], np.repeat(image[:1, :, :3], 2, axis=0))
    if channels == 4:
        outside = np.ones((31, 35), bool)
        outside[2:22, 5:] = False
        assert (grown[outside, 3] == 255).all()


def test_the_mask_is_the_margin_and_the_overlap_beside_it():
    mask = border_mask(Size(30, 20), MARGINS, 3)
    expected = np.full((31, 35), 255, np.uint8)
    expected[2 + 3 : 22 - 3, 5 + 3 :] = 0  # nothing was added on the right
    np.testing.assert_array_equal(mask, expected)


def test_an_overlap_leaves_something_of_the_picture():
    mask = border_mask(Size(16, 16), Margins(8, 8, 8, 8), 200)
    assert (mask == 0).sum() == 8 * 8


@pytest.mark.parametrize(
    ("size", "margins", "words"),
    [
        (Size(30, 20), Margins(), "No side was chosen"),
        (Size(8000, 64), Margins(left=100, right=100), "8200 x 64 pixels; each side must be from 16 to 8192"),
        (Size(8, 64), Margins(left=4), "12 x 64"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(size, margins, words):
    with pytest.raises(InvalidRequest, match=words):
        grown_size(size, margins)


def test_the_limits_themselves():
    assert grown_size(Size(8000, 8), Margins(left=192, top=8)) == Size(8192, 16)
