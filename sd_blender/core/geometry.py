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
from numpy.typing import NDArray

from .request import MaskArray, Sampling, Tiling


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


def mask_bounds(mask: MaskArray | NDArray[np.uint8]) -> Region | None:
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


def inpaint_region(
    rows: NDArray[np.bool_], columns: NDArray[np.bool_], margin: int, tiling: Tiling
) -> tuple[tuple[int, int], Region]:
    """How far to roll the canvas (rows, columns), and the region around the mask on the rolled canvas.

    rows, columns: which of them hold any of the mask; all of the canvas when none does. Rolling, along axes that tile,
    brings a mask that reaches across an edge into one piece.
    """
    canvas = Size(columns.size, rows.size)
    if not rows.any():
        return (0, 0), Region(0, 0, canvas.width, canvas.height)
    shift = (
        _centring_shift(rows) if tiling.wraps_y else 0,
        _centring_shift(columns) if tiling.wraps_x else 0,
    )
    down, across = (
        np.flatnonzero(np.roll(used, by)) for used, by in zip((rows, columns), shift, strict=True)
    )
    left, top = int(across[0]), int(down[0])
    bounds = Region(left, top, int(across[-1]) - left + 1, int(down[-1]) - top + 1)
    return shift, context_crop(bounds, margin, canvas)


def _centring_shift(used: NDArray[np.bool_]) -> int:
    """The shift that brings the longest unused run of a circle to its ends; 0 if every place is used."""
    if used.all():
        return 0
    places = np.flatnonzero(used)
    gaps = np.diff(places, append=places[0] + used.size)
    widest = int(gaps.argmax())
    first = int(places[(widest + 1) % places.size])
    extent = used.size - int(gaps[widest]) + 1
    return (used.size - extent) // 2 - first


def working_size(region: Region, sampling: Sampling, multiple: int) -> Size:
    """The size a region is generated at: its own, or enlarged to fit ``sampling.width`` x ``sampling.height``.

    The enlargement keeps the aspect ratio as far as rounding up to ``multiple`` lets it.
    """
    scale = max(1.0, min(sampling.width / region.width, sampling.height / region.height))
    return Size(
        round_up(math.ceil(region.width * scale - 1e-9), multiple),
        round_up(math.ceil(region.height * scale - 1e-9), multiple),
    )
