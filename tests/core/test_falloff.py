# SPDX-License-Identifier: GPL-3.0-or-later
"""How a mask falls off, against a reference that looks from every pixel at every other one."""

from __future__ import annotations

import numpy as np
import pytest

from sd_blender.core import falloff
from sd_blender.core.falloff import spread
from sd_blender.core.masks import settled
from sd_blender.core.pixels import feather_mask
from sd_blender.core.request import Tiling


def reference(mask, reach, tiling=Tiling.OFF):
    """The highest of mask(q) - distance(p, q) / reach, pixel by pixel."""
    height, width = mask.shape
    y, x = np.mgrid[:height, :width]
    result = mask.copy()
    for row, column in zip(*np.nonzero(mask), strict=True):
        down, across = np.abs(y - row), np.abs(x - column)
        if tiling.wraps_y:
            down = np.minimum(down, height - down)
        if tiling.wraps_x:
            across = np.minimum(across, width - across)
        np.maximum(result, mask[row, column] - np.hypot(down, across) / reach, out=result)
    return result.astype(np.float32)


def strokes(height, width, greys):
    mask = np.zeros((height, width), np.float32)
    dice = np.random.default_rng(height)
    for y, x in dice.integers(0, (height, width), (9, 2)):
        mask[y : y + 3, x : x + 2] = dice.choice(greys)
    mask[0, width - 1] = max(greys)
    return mask


@pytest.mark.parametrize("tile", [8, 256])
@pytest.mark.parametrize("reach", [1, 3, 11])
@pytest.mark.parametrize("greys", [(1.0,), (1.0, 0.4), (1.0, 0.6, 0.2, 26 / 255)])
@pytest.mark.parametrize("size", [(37, 50), (64, 9), (1, 40)])
def test_the_reference(monkeypatch, size, greys, reach, tile):
    monkeypatch.setattr(falloff, "TILE", tile)
    mask = strokes(*size, greys)
    assert spread(mask, reach) == pytest.approx(reference(mask, reach), abs=1e-5)


@pytest.mark.parametrize("tiling", Tiling)
def test_the_reference_on_a_torus(tiling):
    mask = strokes(30, 41, (1.0, 0.4))
    assert feather_mask(mask, 7, tiling) == pytest.approx(reference(mask, 7, tiling), abs=1e-5)


def test_a_soft_edge_that_is_gentler_than_the_feather_keeps_its_values():
    """More greys than levels are looked at."""
    mask = np.tile(np.clip((60 - np.arange(100)) / 50, 0, 1).astype(np.float32), (20, 1))
    assert feather_mask(mask, 20)[:, :56] == pytest.approx(settled(mask)[:, :56], abs=1e-6)


def test_a_grey_area_keeps_its_value_and_falls_off_from_it():
    mask = np.zeros((40, 60), np.float32)
    mask[10:30, 20:40] = 0.3
    alpha = feather_mask(mask, 10)
    assert alpha[10:30, 20:40] == pytest.approx(0.3)
    assert alpha[20, 40:46] == pytest.approx([0.2, 0.1, 0, 0, 0, 0], abs=0.003)


def test_the_ringing_of_a_jpeg_at_an_edge_leaves_no_dent_in_the_band():
    mask = np.zeros((20, 40), np.float32)
    mask[:, :10], mask[:, 10], mask[:, 11], mask[:, 12] = 1, 20 / 255, 4 / 255, 12 / 255
    row = feather_mask(mask, 10)[10]
    assert row[9:21] == pytest.approx([*np.linspace(1, 0, 11).tolist(), 0], abs=1e-5)
    assert not row[21:].any()


def test_what_the_mask_does_not_reach_is_not_looked_at(monkeypatch):
    """A canvas of 4096 px with a small mask: as many distances as for a small canvas."""
    looked = []
    distance_to = falloff._distance_to

    def counted(inside, place, limit):
        looked.append(inside.size)
        return distance_to(inside, place, limit)

    monkeypatch.setattr(falloff, "_distance_to", counted)
    mask = np.zeros((4096, 4096), np.float32)
    mask[1000:1040, 2000:2030] = 1
    feather_mask(mask, 64)
    assert 0 < sum(looked) < 1_000_000
    looked.clear()
    feather_mask(np.ones((2048, 2048), np.float32), 64)
    assert not looked
