# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a mask is black, soft and white; masks moved outward, inward and turned around.

A mask is height x width, 0 = keep, white = regenerate; white is 255 for uint8 and 1 for float32. What comes back has
the type of what was given, and soft edges stay soft.
"""

from __future__ import annotations

from math import isqrt
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from . import png
from .geometry import Size, context_crop, mask_bounds
from .request import MaskArray, Tiling

Levels = NDArray[np.uint8]
"""A mask of 8 bits: height x width, 255 = regenerate, row 0 at the top."""

Mask = TypeVar("Mask", Levels, MaskArray)


BLACK = np.float32(8.5 / 255)
"""What is darker is black: a JPEG, a scan or the canvas of a browser has hardly a pixel that is exactly 0."""

WHITE = np.float32(1) - BLACK


def settled(mask: MaskArray) -> MaskArray:
    """The mask (0..1) with 0 for what is black to the artist and 1 for what is white; what is soft keeps its value.

    The one rule of what is masked: all above 0 is made anew, and shows as much as its value says.
    """
    return np.where(mask < BLACK, np.float32(0), np.where(mask > WHITE, np.float32(1), mask))


def is_masked(mask: Mask) -> NDArray[np.bool_]:
    """Where something is made anew, by the same rule."""
    masked: NDArray[np.bool_] = mask >= (BLACK * 255 if mask.dtype == np.uint8 else BLACK)
    return masked


def blank(width: int, height: int) -> Levels:
    """A mask that keeps everything."""
    return np.zeros((height, width), np.uint8)


def filled(like: Levels, level: int) -> Levels:
    """A mask of the size of another, ``level`` (0..255) all over."""
    return np.full_like(like, level)


def to_levels(mask: MaskArray) -> Levels:
    """0..1 as 8 bits, rounded."""
    return (mask * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def to_rgba(levels: bytes, width: int, height: int) -> NDArray[np.float32]:
    """Levels in memory as Blender takes pixels: flat RGBA of 0..1, the lowest row first."""
    mask = np.frombuffer(levels, np.uint8).reshape(height, width)[::-1]
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :3] = mask[..., None] / np.float32(255)
    return rgba.ravel()


def add(mask: Levels, covered: NDArray[np.bool_]) -> Levels:
    """The mask, and all that is covered."""
    return np.maximum(mask, np.where(covered, np.uint8(255), np.uint8(0)))


def encode(mask: Levels) -> bytes:
    """The mask as a PNG file, grey in three channels."""
    return png.encode(np.repeat(mask[..., None], 3, axis=2))


def invert(mask: Mask) -> Mask:
    """White where the mask was black; grey levels turn around as well."""
    white = mask.dtype.type(255 if mask.dtype == np.uint8 else 1)
    inverted: Mask = white - mask
    return inverted


def expand(mask: Mask, radius: int, tiling: Tiling = Tiling.OFF) -> Mask:
    """Each pixel takes the highest value within a Euclidean distance of ``radius`` pixels.

    The mask continues on the other side along axes that tile; elsewhere nothing comes in over the edges.
    """
    height, width = mask.shape
    pad_x, pad_y = radius if tiling.wraps_x else 0, radius if tiling.wraps_y else 0
    padded = np.pad(mask, ((pad_y, pad_y), (pad_x, pad_x)), mode="wrap") if pad_x or pad_y else mask.copy()
    bounds = mask_bounds(padded)
    if bounds is None or radius == 0:
        return mask.copy()
    # What the mask cannot reach is left out, which is most of a large texture.
    reached = context_crop(bounds, radius, Size(padded.shape[1], padded.shape[0]))
    padded[reached.slices] = _highest_in_disc(padded[reached.slices], radius)
    inner: Mask = padded[pad_y : pad_y + height, pad_x : pad_x + width]
    return inner


def shrink(mask: Mask, radius: int, tiling: Tiling = Tiling.OFF) -> Mask:
    """Each pixel takes the lowest value within ``radius`` pixels: :func:`expand` of what is kept.

    A mask that reaches an edge of the canvas stays there.
    """
    return invert(expand(invert(mask), radius, tiling))


def _highest_in_disc(mask: Mask, radius: int) -> Mask:
    """A disc is a stack of rows: the row maximum grows wider while its distance from the centre row shrinks.

    About four passes over the array per pixel of radius, none of which depends on the mask.
    """
    height = len(mask)
    highest, row_maximum, reach = np.zeros_like(mask), mask, 0
    for offset in range(radius, -1, -1):
        wanted = isqrt(radius * radius - offset * offset)
        while reach < wanted:
            # A longer step would miss what lies between the windows where the edge of the array cuts one off.
            step = min(wanted - reach, reach + 1)
            row_maximum = _widened(row_maximum, step)
            reach += step
        if offset < height:
            below, above = highest[offset:], highest[: height - offset]
            np.maximum(below, row_maximum[: height - offset], out=below)
            np.maximum(above, row_maximum[offset:], out=above)
    return highest


def _widened(rows: Mask, step: int) -> Mask:
    """The highest of each value and those ``step`` columns to its left and right."""
    wider = rows.copy()
    np.maximum(wider[:, step:], rows[:, :-step], out=wider[:, step:])
    np.maximum(wider[:, :-step], rows[:, step:], out=wider[:, :-step])
    return wider
