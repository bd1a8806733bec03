# SPDX-License-Identifier: GPL-3.0-or-later
"""Normalisation: what a layer is given has mean 0 and variance 1, whatever the layers before it have made of it."""

from __future__ import annotations

import numpy as np

from .convolution import InPlace
from .cores import Cores
from .layers import Setting, silu
from .weights import Array, Weights

_CHUNK = 2**15
"""Numbers that are summed up at once."""


class GroupNorm:
    """Mean 0 and variance 1 over the channels of a group at all places, then a scale and a shift for each channel.

    Wu & He 2018 (arXiv:1803.08494).
    """

    def __init__(self, weights: Weights, groups: int, eps: float) -> None:
        self._scale, self._shift = weights["weight"], weights["bias"]
        self._groups = groups
        self._eps = eps

    def of(
        self, x: Array, setting: Setting, scale: Array | float = 1.0, shift: Array | float = 0.0
    ) -> Affine:
        """What normalises ``x`` (C, h, w), and then scales and shifts it by what is given for each channel as well."""
        channels = len(x)
        grouped = x.reshape(self._groups, -1)
        factor, offset = np.empty((2, channels), np.float32)

        def measure(group: int) -> None:
            mean, variance = mean_and_variance(grouped[group], setting.cores)
            own = slice(group * channels // self._groups, (group + 1) * channels // self._groups)
            factor[own] = self._scale[own] / np.sqrt(variance + self._eps)
            offset[own] = self._shift[own] - mean * factor[own]

        setting.cores.each(measure, range(self._groups))
        return Affine(factor * scale, offset * scale + shift)


class Affine:
    """A factor and an offset for each channel, (C,) each."""

    def __init__(self, factor: Array, offset: Array) -> None:
        self._factor, self._offset = factor[:, None, None], offset[:, None, None]

    def __call__(self, x: Array) -> None:
        """x: (C, rows, w), where it stands."""
        x *= self._factor
        x += self._offset

    def then_silu(self, cores: Cores) -> InPlace:
        def both(x: Array) -> None:
            self(x)
            silu(x, cores.scratch("silu", *x.shape))

        return both


def mean_and_variance(x: Array, cores: Cores) -> tuple[float, float]:
    """Of all numbers of a row, in one pass; sums of single precision are added up in double precision."""
    pivot = x[:_CHUNK].mean()  # so that the square of a large mean does not hide a small variance
    total = squares = 0.0
    for start in range(0, len(x), _CHUNK):
        chunk = x[start : start + _CHUNK]
        off = np.subtract(chunk, pivot, out=cores.scratch("off", len(chunk)))
        total += float(off.sum())
        squares += float(np.dot(off, off))
    mean = total / len(x)
    return float(pivot) + mean, max(squares / len(x) - mean * mean, 0.0)


class LayerNorm:
    """Mean 0 and variance 1 of every column, then a scale and a shift for each row (Ba et al. 2016)."""

    def __init__(self, weights: Weights, eps: float = 1e-5) -> None:
        self._scale, self._shift = weights["weight"][:, None], weights["bias"][:, None]
        self._eps = eps

    def __call__(self, x: Array) -> Array:
        off: Array = x - x.mean(axis=0)
        variance = np.einsum("ij,ij->j", off, off) / len(x)
        off *= 1 / np.sqrt(variance + np.float32(self._eps))
        off *= self._scale
        off += self._shift
        return off
