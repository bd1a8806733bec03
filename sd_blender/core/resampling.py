# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures at another size, as a torus along the axes that tile.

Every new pixel is a weighted mean of the old ones around it, along one axis and then along the other. Where a picture
becomes smaller, the filter becomes as much wider, so that no pixel goes unseen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .geometry import Size
from .request import ImageArray, Tiling

_AT_ONCE = 2**22
"""Numbers of a picture that are worked on together; a whole one of 8192 pixels a side would need gigabytes."""


class Filter(NamedTuple):
    """reach: beyond which ``weight`` is 0, in pixels of the coarser picture."""

    weight: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    reach: float


def _lanczos(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sinc(x) * np.sinc(x / 3)


def _bilinear(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.subtract(1.0, np.abs(x))


def _bicubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys 1981 with a = -0.5."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, far)


LANCZOS, BILINEAR, BICUBIC = Filter(_lanczos, 3), Filter(_bilinear, 1), Filter(_bicubic, 2)


def resize(pixels: ImageArray, size: Size, tiling: Tiling, filter: Filter = LANCZOS) -> ImageArray:
    """``pixels`` resampled to ``size``, as a torus along the axes of ``tiling``; the same array if it has that size.

    pixels: uint8, height x width, or with channels. Of four channels the last is alpha, by which the others count.
    """
    height, width = pixels.shape[:2]
    if (width, height) == (size.width, size.height):
        return pixels
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        return _divided(resize_channels(_multiplied(pixels), size, tiling, filter))
    return resize_channels(pixels, size, tiling, filter)


def resize_channels(pixels: ImageArray, size: Size, tiling: Tiling, filter: Filter) -> ImageArray:
    """The same with every channel by itself. Rounds to whole steps after each of the two axes."""
    pixels = _along_rows(pixels, Taps.of(pixels.shape[1], size.width, filter, tiling.wraps_x))
    turned = pixels.swapaxes(0, 1)
    turned = _along_rows(turned, Taps.of(pixels.shape[0], size.height, filter, tiling.wraps_y))
    return np.ascontiguousarray(turned.swapaxes(0, 1))


class Taps(NamedTuple):
    """What each new pixel is made of: places of old ones and their weights, (new, taps) each."""

    places: NDArray[np.intp]
    weights: NDArray[np.float64]

    @classmethod
    def of(cls, old: int, new: int, filter: Filter, wraps: bool = False) -> Taps:
        """For ``new`` pixels from ``old`` ones; beyond an edge that does not wrap there is nothing."""
        scale = old / new
        wide = max(scale, 1.0)
        reach = filter.reach * wide
        centres = (np.arange(new) + 0.5) * scale
        first = np.floor(centres - reach + 0.5).astype(np.intp)
        places = first[:, None] + np.arange(math.ceil(2 * reach) + 1)
        off = (places + 0.5 - centres[:, None]) / wide
        weights = np.where(np.abs(off) < filter.reach, filter.weight(off), 0.0)
        if not wraps:
            weights = np.where((places >= 0) & (places < old), weights, 0.0)
            places = places.clip(0, old - 1)
        return cls(places % old, weights / weights.sum(axis=1, keepdims=True))

    def matrix(self, old: int) -> NDArray[np.float64]:
        """The same as a matrix (new, old)."""
        whole = np.zeros((len(self.places), old))
        np.add.at(whole, (np.arange(len(whole))[:, None], self.places), self.weights)
        return whole


def _along_rows(pixels: NDArray[np.uint8], taps: Taps) -> NDArray[np.uint8]:
    """Each row of ``pixels`` (rows, old, ...) at its new length."""
    shape = (len(pixels), len(taps.places), *pixels.shape[2:])
    weights = taps.weights.astype(np.float32).reshape(*taps.weights.shape, *[1] * (pixels.ndim - 2))
    out = np.empty(shape, np.uint8)
    step = max(1, _AT_ONCE // max(1, math.prod(shape[1:])))
    for start in range(0, len(pixels), step):
        rows = pixels[start : start + step].astype(np.float32)
        total: NDArray[Any] = np.full((len(rows), *shape[1:]), 0.5, np.float32)
        for tap in range(taps.places.shape[1]):
            total += rows[:, taps.places[:, tap]] * weights[:, tap]
        out[start : start + step] = np.floor(total).clip(0, 255)
    return out


def _multiplied(pixels: ImageArray) -> ImageArray:
    """Colours times alpha."""
    alpha = pixels[..., 3:].astype(np.uint16)
    colours = ((pixels[..., :3] * alpha + 127) // 255).astype(np.uint8)
    return np.concatenate([colours, pixels[..., 3:]], axis=2)


def _divided(pixels: ImageArray) -> ImageArray:
    """Colours that were multiplied by alpha, as they were before; where nothing is seen they stay."""
    colours, alpha = pixels[..., :3].astype(np.int32), pixels[..., 3:]
    divided = np.where(alpha > 0, colours * 255 // np.maximum(alpha, 1), colours)
    return np.concatenate([divided.clip(0, 255).astype(np.uint8), alpha], axis=2)
