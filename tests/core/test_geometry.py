# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from sd_blender.core.geometry import (
    Region,
    Size,
    context_crop,
    inpaint_region,
    mask_bounds,
    round_up,
    working_size,
)
from sd_blender.core.request import Sampling, Tiling


@pytest.mark.parametrize("number, expected", [(1, 8), (8, 8), (9, 16), (8192, 8192)])
def test_round_up(number, expected):
    assert round_up(number, 8) == expected


def test_mask_bounds_are_the_smallest_region():
    mask = np.zeros((10, 20), np.float32)
    mask[3, 5] = mask[7, 11] = 0.1
    assert mask_bounds(mask) == Region(left=5, top=3, width=7, height=5)


def test_an_empty_mask_has_no_bounds():
    assert mask_bounds(np.zeros((4, 4), np.float32)) is None


def test_region_slices_pick_rows_then_columns():
    array = np.arange(20).reshape(4, 5)
    assert (array[Region(1, 2, 3, 1).slices] == [[11, 12, 13]]).all()


def test_context_stops_at_the_canvas():
    crop = context_crop(Region(2, 50, 10, 10), 8, Size(100, 64))
    assert crop == Region(left=0, top=42, width=20, height=22)


@pytest.mark.parametrize(
    "region, expected",
    [
        (Region(0, 0, 512, 512), Size(512, 512)),
        (Region(0, 0, 100, 50), Size(512, 256)),  # enlarged until one side fits
        (Region(0, 0, 1000, 700), Size(1000, 704)),  # never reduced
        (Region(0, 0, 33, 33), Size(512, 512)),
    ],
)
def test_working_size(region, expected):
    assert working_size(region, Sampling(width=512, height=512), 8) == expected


def used(length, *places):
    rows = np.zeros(length, np.bool_)
    rows[list(places)] = True
    return rows


def test_the_region_around_a_mask():
    assert inpaint_region(used(40, 10, 19), used(60, 3, 8), 5, Tiling.OFF) == ((0, 0), Region(0, 5, 14, 20))


def test_a_mask_across_an_edge_that_wraps_is_in_one_piece():
    rows, columns = used(40, 0, 1, 38, 39), used(60, 20, 29)
    (down, across), region = inpaint_region(rows, columns, 3, Tiling.Y)
    assert across == 0 and region.size == Size(16, 10)
    assert np.roll(rows, down)[region.top + 3 : region.bottom - 3].all()
    assert inpaint_region(rows, columns, 3, Tiling.X)[1].height == 40


def test_an_empty_mask_is_all_of_the_canvas():
    assert inpaint_region(used(40), used(60), 5, Tiling.BOTH) == ((0, 0), Region(0, 0, 60, 40))
