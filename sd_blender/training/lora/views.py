# SPDX-License-Identifier: GPL-3.0-or-later
"""Augmentation: the same picture seen otherwise, in ways that leave it what it is.

A picture that repeats is a torus, on which no place is special: it is shifted around it by any number of pixels. One
that does not repeat is cut out at random places, at scales from filling the view to a quarter more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ...core.canvas import Grid
from ...core.geometry import Size
from ...core.request import ImageArray, Tiling
from ...core.resampling import resize
from ...core.training_request import Training
from ...engine.text_readers import Framing

ZOOM = 1.25


@dataclass(frozen=True)
class View:
    """pixels: height x width x 3. framing: how they were cut out of their picture."""

    pixels: ImageArray
    framing: Framing


def working_size(width: int, height: int, request: Training, grid: Grid) -> Size:
    """What the model is shown of a picture: a square of ``request.size``, or its own shape with about that area."""
    if request.tiling is Tiling.OFF:
        return grid.fit(Size(request.size, request.size), request.tiling)
    scale = request.size / math.sqrt(width * height)
    step = grid.coarse
    sides = (max(1, round(side * scale / step)) * step for side in (width, height))
    return grid.fit(Size(*sides), request.tiling)


def make_views(
    pixels: ImageArray, request: Training, grid: Grid, count: int, rng: np.random.Generator
) -> list[View]:
    """``count`` views, each of :func:`working_size`. pixels: height x width x 3."""
    size = working_size(pixels.shape[1], pixels.shape[0], request, grid)
    if request.tiling is not Tiling.OFF:
        whole = Framing(Size(pixels.shape[1], pixels.shape[0]), 0, 0, size)
        fitted = resize(pixels, size, request.tiling)
        views = [View(_rolled(fitted, request.tiling, rng), whole) for _ in range(count)]
        mirrored = [View(_mirrored(view.pixels), whole) for view in views]
    else:
        cuts = [_cropped(pixels, size, rng) for _ in range(count)]
        views, mirrored = [view for view, _ in cuts], [mirror for _, mirror in cuts]
    return [mirrored[i] if request.flip and i % 2 else view for i, view in enumerate(views)]


def _rolled(pixels: ImageArray, tiling: Tiling, rng: np.random.Generator) -> ImageArray:
    height, width = pixels.shape[:2]
    down = int(rng.integers(height)) if tiling.wraps_y else 0
    right = int(rng.integers(width)) if tiling.wraps_x else 0
    return np.roll(pixels, (down, right), axis=(0, 1))


def _cropped(pixels: ImageArray, size: Size, rng: np.random.Generator) -> tuple[View, View]:
    """A part of the picture, and the same part of its mirror image."""
    height, width = pixels.shape[:2]
    fill = max(size.width / width, size.height / height)
    scale = fill * float(rng.uniform(1.0, ZOOM))
    scaled = Size(
        max(size.width, round(width * scale)),
        max(size.height, round(height * scale)),
    )
    large = resize(pixels, scaled, Tiling.OFF)
    top = int(rng.integers(scaled.height - size.height + 1))
    left = int(rng.integers(scaled.width - size.width + 1))
    part = np.ascontiguousarray(large[top : top + size.height, left : left + size.width])
    framing = Framing(Size(width, height), top, left, size)
    mirror = replace(framing, left=scaled.width - size.width - left)
    return View(part, framing), View(_mirrored(part), mirror)


def _mirrored(pixels: ImageArray) -> ImageArray:
    return np.ascontiguousarray(pixels[:, ::-1])
