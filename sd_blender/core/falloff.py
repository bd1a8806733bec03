# SPDX-License-Identifier: GPL-3.0-or-later
"""How a mask falls off around itself: Euclidean, with its soft values, and only where it reaches.

One level of a mask (all that is at least so white) is a matter of distances, which are exact: along the rows, and then
across them. A mask has as many levels as it has greys of 8 bits; of many, the white and the areas of one grey stand for
all, since where the grey changes, what is whiter nearby decides.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .geometry import Region, Size, context_crop, mask_bounds
from .request import MaskArray

TILE = 256
"""Side of what is looked at together, at least: what is all black or all white around it costs next to nothing."""

LEVELS = 4


def spread(mask: MaskArray, reach: int) -> MaskArray:
    """The least picture that is nowhere below the mask and nowhere falls by more than 1 in ``reach`` pixels.

    That is the highest of mask(q) - distance(p, q) / reach over all pixels q: white falls to 0 within ``reach``, a soft
    edge that is gentler than that keeps its values, a grey area gets a border of its own. mask: height x width, 0..1.
    """
    height, width = mask.shape
    side = max(TILE, 2 * reach)
    result = mask.copy()
    for top in range(0, height, side):
        for left in range(0, width, side):
            tile = Region(left, top, min(side, width - left), min(side, height - top))
            _raise(result, mask, tile, reach)
    return result


def _raise(result: MaskArray, mask: MaskArray, tile: Region, reach: int) -> None:
    """Raise what lies in the tile to what the mask in and around it asks for."""
    around = context_crop(tile, reach, Size(mask.shape[1], mask.shape[0]))
    there = mask[around.slices]
    bounds = mask_bounds(there)
    if bounds is None or mask[tile.slices].min() == 1:
        return
    reached = context_crop(bounds, reach, around.size)
    left, top = max(around.left + reached.left, tile.left), max(around.top + reached.top, tile.top)
    right = min(around.left + reached.right, tile.right)
    bottom = min(around.top + reached.bottom, tile.bottom)
    if left >= right or top >= bottom:
        return
    place = slice(top, bottom), slice(left, right)
    inner = slice(top - around.top, bottom - around.top), slice(left - around.left, right - around.left)
    greys = np.floor(there * np.float32(255) + np.float32(1e-3)).astype(np.uint8)
    for grey in _levels(greys):
        white = np.float32(grey / 255)
        if result[place].min() < white:
            distance = _distance_to(greys >= grey, inner, int(np.ceil(white * reach)))
            np.maximum(result[place], white - distance / np.float32(reach), out=result[place])


def _levels(greys: NDArray[np.uint8]) -> list[int]:
    """The greys above black, the highest first; of many, the highest and those that most pixels have."""
    pixels = np.bincount(greys.ravel(), minlength=256)
    pixels[0] = 0
    highest = int(np.flatnonzero(pixels)[-1])
    pixels[highest] = greys.size
    most = np.argsort(-pixels, kind="stable")[:LEVELS]
    return sorted((int(grey) for grey in most if pixels[grey]), reverse=True)


def _distance_to(inside: NDArray[np.bool_], place: tuple[slice, slice], limit: int) -> MaskArray:
    """Euclidean distance in pixels to the nearest True, at most ``limit``, of the pixels at ``place``."""
    rows, columns = place
    along = _along_rows(inside, limit)[:, columns] ** 2
    squared = np.full((rows.stop - rows.start, along.shape[1]), np.float32(limit) ** 2)
    through = np.empty_like(squared)
    for offset in range(max(-limit, 1 - rows.stop), min(limit, len(inside) - 1 - rows.start) + 1):
        first, last = max(rows.start + offset, 0), min(rows.stop + offset, len(inside))
        here = slice(first - offset - rows.start, last - offset - rows.start)
        np.add(along[first:last], np.float32(offset) ** 2, out=through[here])
        np.minimum(squared[here], through[here], out=squared[here])
    distance: MaskArray = np.sqrt(squared, out=squared)
    return distance


def _along_rows(inside: NDArray[np.bool_], limit: int) -> MaskArray:
    """Distance in pixels to the nearest True of the same row; more than ``limit`` where there is none so near."""
    columns = np.arange(inside.shape[1], dtype=np.float32)
    far = np.float32(2 * limit + inside.shape[1])
    before = np.maximum.accumulate(np.where(inside, columns, -far), axis=1)
    after = np.minimum.accumulate(np.where(inside, columns, far + columns.size)[:, ::-1], axis=1)[:, ::-1]
    nearest: MaskArray = np.minimum(columns - before, after - columns)
    return nearest
