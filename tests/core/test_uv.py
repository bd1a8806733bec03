# SPDX-License-Identifier: GPL-3.0-or-later
"""Triangles on a texture, against a test of every texel against every triangle; and UV islands."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from sd_blender.core import uv
from sd_blender.core.uv import rasterize, whole_islands

RNG = np.random.default_rng(11)


def reference(triangles, width, height):
    """Which texels have their centre in a triangle, and which have one so near to an edge that it may be either."""
    ys, xs = np.mgrid[:height, :width] + 0.5
    inside, unsure = np.zeros((2, height, width), bool)
    for triangle in np.asarray(triangles, np.float64):
        a, b, c = triangle * (width, -height) + (0, height)
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if not np.isfinite(area) or abs(area) < 1e-9:
            continue
        low, high = np.floor(np.min([a, b, c], axis=0)), np.ceil(np.max([a, b, c], axis=0))
        for tile_y in range(int(low[1] // height), int(high[1] // height) + 1):
            for tile_x in range(int(low[0] // width), int(high[0] // width) + 1):
                x, y = xs + tile_x * width, ys + tile_y * height
                sides = [
                    ((q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])) * np.sign(area)
                    for p, q in ((a, b), (b, c), (c, a))
                ]
                nearest = np.min(sides, axis=0)
                inside |= nearest >= 0
                unsure |= np.abs(nearest) < 1e-3
    return inside, unsure & ~inside


@pytest.mark.parametrize("spread", [(0, 1), (-1.5, 2.5)], ids=["on the texture", "wrapped around it"])
@pytest.mark.parametrize(("width", "height"), [(64, 48), (37, 91), (16, 16)])
def test_a_texel_is_covered_when_its_centre_is(width, height, spread):
    for _ in range(12):
        triangles = RNG.uniform(*spread, (5, 3, 2))
        inside, unsure = reference(triangles, width, height)
        covered = rasterize(triangles, width, height)
        np.testing.assert_array_equal(covered[~unsure], inside[~unsure])


def test_row_0_is_at_the_top():
    triangles = [[(0, 0), (0.5, 0), (0.5, 0.5)], [(0, 0), (0.5, 0.5), (0, 0.5)]]  # the lower left quarter
    expected = np.zeros((8, 12), bool)
    expected[4:, :6] = True
    np.testing.assert_array_equal(rasterize(triangles, 12, 8), expected)


def test_neighbours_leave_no_gap():
    """A grid of thin triangles at odd places covers its square whole."""
    steps = np.sort(np.r_[0, RNG.uniform(0, 1, 40), 1])
    quads = [(x0, x1, y0, y1) for x0, x1 in pairwise(steps) for y0, y1 in pairwise(steps)]
    triangles = [
        t
        for x0, x1, y0, y1 in quads
        for t in ([(x0, y0), (x1, y0), (x1, y1)], [(x0, y0), (x1, y1), (x0, y1)])
    ]
    assert rasterize(np.float32(triangles), 100, 100).all()


@pytest.mark.parametrize(
    "triangle",
    [
        [(0.1, 0.1), (0.1, 0.1), (0.1, 0.1)],
        [(0.1, 0.1), (0.5, 0.5), (0.9, 0.9)],
        [(0.1, 0.1), (np.nan, 0.5), (0.9, 0.2)],
        [(0.1, 0.1), (np.inf, 0.5), (0.9, 0.2)],
    ],
    ids=["point", "line", "nan", "infinite"],
)
def test_what_has_no_area_covers_nothing(triangle):
    assert not rasterize(np.array([triangle]), 32, 32).any()


def test_no_triangles():
    assert not rasterize(np.empty((0, 3, 2)), 4, 4).any()


def test_a_broken_map_takes_no_time_and_covers_everything():
    assert rasterize(np.array([[(0, 0), (1e12, 1e12), (0, 1e12)]]), 64, 64).all()


def test_in_chunks_as_in_one_go(monkeypatch):
    triangles = RNG.uniform(-1, 2, (40, 3, 2))
    whole = rasterize(triangles, 50, 60)
    monkeypatch.setattr(uv, "CHUNK", 7)
    np.testing.assert_array_equal(rasterize(triangles, 50, 60), whole)


def strip(length):
    """Quads in a row that share their vertices, and all but one pair their UVs too: two islands."""
    vertices, coordinates = [], []
    for x in range(length):
        corners = [(x, 0), (x + 1, 0), (x + 1, 1), (x, 1)]
        vertices += [2 * cx + cy for cx, cy in corners]
        shift = 0.5 if x >= length // 2 else 0.0
        coordinates += [(cx / length, cy / 4 + shift) for cx, cy in corners]
    return np.arange(length) * 4, np.array(vertices), np.array(coordinates, np.float32)


@pytest.mark.parametrize("length", [2, 9, 500])
def test_an_island_ends_at_a_seam(length):
    starts, vertices, coordinates = strip(length)
    for picked in (0, length // 2 - 1, length // 2, length - 1):
        selected = np.zeros(length, bool)
        selected[picked] = True
        expected = (np.arange(length) >= length // 2) == (picked >= length // 2)
        np.testing.assert_array_equal(whole_islands(selected, starts, vertices, coordinates), expected)


def test_no_selection_and_all_of_it():
    starts, vertices, coordinates = strip(6)
    for value in (False, True):
        selected = np.full(6, value)
        np.testing.assert_array_equal(whole_islands(selected, starts, vertices, coordinates), selected)


def test_faces_of_any_number_of_corners_and_both_zeros():
    """A triangle and a pentagon that share an edge, once with 0 and once with -0, and a triangle apart."""
    starts = np.array([0, 3, 8])
    vertices = np.array([0, 1, 2, 2, 1, 3, 4, 5, 6, 7, 8])
    places = [(0, 0), (0.0, 0.1), (0.1, 0.1), (0.1, 0.1), (-0.0, 0.1), (0.2, 0), (0.3, 0), (0.3, 0.2)]
    coordinates = np.array([*places, (0.5, 0.5), (0.6, 0.5), (0.6, 0.6)], np.float32)
    selected = np.array([True, False, False])
    # They share two vertices at equal places.
    assert whole_islands(selected, starts, vertices, coordinates).tolist() == [True, True, False]
