# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes and regions on the canvas; pure arithmetic.

Vocabulary: the *canvas* is the whole image; the *mask bounds* are the smallest region that holds every pixel to
regenerate; the *crop* is the mask bounds with some context around them; the *working size* is what the model draws the
crop at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .request import MaskArray, Sampling


@dataclass(frozen=True)
class Size:
    width: int
    height: int

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width), the way arrays count."""
        return self.height, self.width


@dataclass(frozen=True)
class Region:
    """A rectangle of whole pixels; ``right`` and ``bottom`` are exclusive."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def bottom(self) -> int:
        return self.top + self.height

    @property
    def size(self) -> Size:
        return Size(self.width, self.height)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the region in an array whose first axes are rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def mask_bounds(mask: MaskArray) -> Region | None:
    """The smallest region that holds every pixel above 0, or None for an empty mask."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return None
    left, top = int(columns[0]), int(rows[0])
    return Region(left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1)


def context_crop(bounds: Region, context: int, canvas: Size) -> Region:
    """The bounds grown by ``context`` pixels on every side, as far as the canvas reaches."""
    left, top = max(bounds.left - context, 0), max(bounds.top - context, 0)
    right = min(bounds.right + context, canvas.width)
    bottom = min(bounds.bottom + context, canvas.height)
    return Region(left, top, right - left, bottom - top)


def working_size(region: Region, sampling: Sampling, multiple: int) -> Size:
    """The size a region is generated at: its own, or enlarged to fit ``sampling.width`` x ``sampling.height``.

    The enlargement keeps the aspect ratio as far as rounding up to ``multiple`` lets it.
    """
    scale = max(1.0, min(sampling.width / region.width, sampling.height / region.height))
    return Size(
        round_up(math.ceil(region.width * scale - 1e-9), multiple),
        round_up(math.ceil(region.height * scale - 1e-9), multiple),
    )
