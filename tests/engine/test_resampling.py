# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures at another size, as Pillow makes them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from sd_blender.core import resampling
from sd_blender.core.geometry import Size
from sd_blender.core.request import Tiling
from sd_blender.core.resampling import BICUBIC, BILINEAR, LANCZOS, Taps, resize

from ..closeness import BYTES, ROUNDING, assert_near
from .conftest import painting

FILTERS = {
    LANCZOS: Image.Resampling.LANCZOS,
    BILINEAR: Image.Resampling.BILINEAR,
    BICUBIC: Image.Resampling.BICUBIC,
}
AXES = [(37, 64), (64, 24), (200, 17), (16, 100), (5, 8), (90, 6)]
SIZES = [((37, 20), (64, 48)), ((64, 64), (32, 24)), ((200, 130), (30, 44)), ((16, 16), (100, 16))]


def noise(width, height, *channels):
    """The hardest there is: black, white and all between."""
    rng = np.random.default_rng(width)
    return rng.integers(-128, 384, (height, width, *channels)).clip(0, 255).astype(np.uint8)


def shown(image):
    """How a colour that is hardly seen is rounded is nobody's business."""
    return np.dstack([np.rint(image[..., :3] * (image[..., 3:] / 255)), image[..., 3:]])


@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize("old, new", AXES)
@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_along_each_axis_a_picture_is_that_of_pillow(monkeypatch, filter, old, new, channels):
    monkeypatch.setattr(resampling, "_AT_ONCE", 1000)  # some rows at once
    for shape, size in [((old, 20), (new, 20)), ((20, old), (20, new))]:
        image = noise(*shape, *channels)
        expected = np.asarray(Image.fromarray(image).resize(size, FILTERS[filter]))
        found = resize(image, Size(*size), Tiling.OFF, filter)
        if channels == (4,):  # two roundings, of colour and of alpha
            assert np.abs(shown(found) - shown(expected)).max() <= 2
        else:
            assert_near(found, expected, BYTES)


@pytest.mark.parametrize("old, new", SIZES)
@pytest.mark.parametrize("tiling", list(Tiling))
def test_a_picture_is_that_of_pillow_with_its_neighbours_where_it_tiles(tiling, old, new):
    """A smooth one: Pillow takes the axes in an order of its own, and what lies beyond black and white is lost."""
    image = painting(*old)
    many = (3 if tiling.wraps_y else 1, 3 if tiling.wraps_x else 1)
    left, top = (old[0] if many[1] == 3 else 0), (old[1] if many[0] == 3 else 0)
    around = Image.fromarray(np.tile(image, (*many, 1)))
    box = (left, top, left + old[0], top + old[1])
    expected = np.asarray(around.resize(new, Image.Resampling.LANCZOS, box=box))
    assert_near(resize(image, Size(*new), tiling), expected, BYTES)


@pytest.mark.parametrize("old, new", [(64, 40), (40, 64), (17, 128)])
def test_weights_are_those_of_torch(old, new):
    row = torch.rand(1, 1, 2, old, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(row, (2, new), mode="bicubic", antialias=True)[0, 0]
    assert_near(row[0, 0].numpy() @ Taps.of(old, new, BICUBIC).matrix(old).T, expected, ROUNDING)


def test_a_picture_of_that_size_is_the_same():
    image = noise(20, 30, 4)
    assert resize(image, Size(20, 30), Tiling.BOTH) is image
