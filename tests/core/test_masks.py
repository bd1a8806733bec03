# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks expanded and shrunk, against a reference that looks at every pixel of every disc."""

from __future__ import annotations

import numpy as np
import pytest

from sd_blender.core.masks import expand, invert, is_masked, settled, shrink
from sd_blender.core.request import Tiling

RNG = np.random.default_rng(5)


def reference(mask, radius, tiling, pick):
    height, width = mask.shape
    result = mask.copy()
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if dx * dx + dy * dy > radius * radius:
                continue
            for y in range(height):
                for x in range(width):
                    there_y, there_x = y + dy, x + dx
                    if tiling.wraps_y:
                        there_y %= height
                    if tiling.wraps_x:
                        there_x %= width
                    if 0 <= there_y < height and 0 <= there_x < width:
                        result[y, x] = pick(result[y, x], mask[there_y, there_x])
    return result


def sparse(height, width, kind):
    """Few pixels of all levels, among them on the edges."""
    mask = np.zeros((height, width), np.uint8)
    for y, x in RNG.integers(0, (height, width), (6, 2)):
        mask[y, x] = RNG.integers(1, 256)
    mask[0, width - 1] = 200
    return mask if kind == "uint8" else mask.astype(np.float32) / np.float32(255)


@pytest.mark.parametrize("tiling", Tiling)
@pytest.mark.parametrize("kind", ["uint8", "float32"])
@pytest.mark.parametrize(("height", "width", "radius"), [(19, 14, 1), (19, 14, 4), (5, 23, 7), (9, 9, 12)])
def test_expand_and_shrink_are_those_of_every_disc(height, width, radius, kind, tiling):
    mask = sparse(height, width, kind)
    grown = expand(mask, radius, tiling)
    assert grown.dtype == mask.dtype
    np.testing.assert_array_equal(grown, reference(mask, radius, tiling, max))
    holes = invert(mask)
    np.testing.assert_allclose(
        shrink(holes, radius, tiling), reference(holes, radius, tiling, min), atol=1e-6
    )


def test_the_edge_of_the_canvas_does_not_eat_the_mask():
    mask = np.zeros((16, 16), np.uint8)
    mask[:, :8] = 255
    shrunk = shrink(mask, 3)
    assert (shrunk[:, :5] == 255).all() and not shrunk[:, 5:].any()


def test_what_is_expanded_and_shrunk_again_is_a_disc_again():
    yy, xx = np.mgrid[:64, :64]
    disc = np.where((yy - 30) ** 2 + (xx - 33) ** 2 <= 100, np.uint8(255), np.uint8(0))
    np.testing.assert_array_equal(shrink(expand(disc, 7), 7), disc)


@pytest.mark.parametrize("change", [expand, shrink])
def test_no_distance_and_no_mask_change_nothing(change):
    mask = sparse(12, 12, "uint8")
    np.testing.assert_array_equal(change(mask, 0), mask)
    for empty in (np.zeros((12, 12), np.uint8), np.full((12, 12), 255, np.uint8)):
        np.testing.assert_array_equal(change(empty, 5, Tiling.BOTH), empty)


def test_what_was_given_stays_as_it_is():
    mask = sparse(12, 12, "uint8")
    before = mask.copy()
    expand(mask, 3), shrink(mask, 3), invert(mask)
    np.testing.assert_array_equal(mask, before)


def test_invert_turns_greys_around():
    np.testing.assert_array_equal(invert(np.array([[0, 100, 255]], np.uint8)), [[255, 155, 0]])
    np.testing.assert_array_equal(invert(np.array([[0, 0.25, 1]], np.float32)), [[1, 0.75, 0]])


def test_what_is_black_and_white_to_the_artist_is_so_and_soft_values_stay():
    greys = np.array([0, 1, 4, 8, 9, 77, 128, 246, 247, 252, 255], np.float32)
    expected = [0, 0, 0, 0, 9, 77, 128, 246, 255, 255, 255]
    mask = greys / np.float32(255)
    np.testing.assert_array_equal(settled(mask), np.array(expected, np.float32) / np.float32(255))
    np.testing.assert_array_equal(settled(settled(mask)), settled(mask))
    np.testing.assert_array_equal(is_masked(mask), settled(mask) > 0)
    np.testing.assert_array_equal(is_masked(greys.astype(np.uint8)), settled(mask) > 0)
    np.testing.assert_array_equal(settled(1 - mask), 1 - settled(mask))
