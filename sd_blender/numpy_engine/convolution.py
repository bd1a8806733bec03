# SPDX-License-Identifier: GPL-3.0-or-later
"""Convolutions of 3 x 3, as products of matrices.

Each core takes some rows of the picture through normalisation, activation and convolution while they are in its cache,
and no intermediate picture is ever written to memory.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .blas import product
from .layers import STRIP, Setting
from .weights import Array, Weights

InPlace = Callable[[Array], None]
"""Changes features (C, rows, w) where they stand."""


class Convolution:
    """3 x 3: at every place y the sum over the nine places around it, each with a matrix of its own.

        out[:, i, j] = bias + sum over dy, dx of kernel[:, :, dy, dx] x[:, s i + dy - before, s j + dx - before]

    The patches of three neighbours in a row are laid under each other, (3 C, places), so that each dy is one product of
    matrices. stride: s, 1 or 2. before: 1, or 0 where all that is missing is added on the right and below.
    """

    def __init__(self, weights: Weights, stride: int = 1, before: int = 1) -> None:
        weight = weights["weight"]
        made, self.channels = weight.shape[:2]
        # One (made, 3 C) matrix for each dy.
        self._kernel = np.ascontiguousarray(weight.transpose(2, 0, 3, 1)).reshape(3, made, -1)
        self._bias = weights["bias"][:, None]
        self._stride = stride
        self._before = before

    def __call__(
        self, x: Array, setting: Setting, ready: InPlace | None = None, beside: Array | None = None
    ) -> Array:
        """(made, h / stride, w / stride) from (C, h, w).

        Args:
            x: the features.
            setting: along its axes that wrap, what is missing at an edge comes from the opposite one; else it is 0.
            ready: what is done with the features first, some rows at a time.
            beside: is added to what is made, of its shape.
        """
        _, height, width = x.shape
        rows, columns = -(-height // self._stride), -(-width // self._stride)
        if not self._before:
            rows, columns = height // self._stride, width // self._stride
        out = np.empty((self._kernel.shape[1], rows, columns), np.float32)

        def convolve(strip: slice) -> None:
            made = out[:, strip].reshape(len(out), -1)
            self._strip(x, strip, made, columns, setting, ready)
            if beside is not None:
                out[:, strip] += beside[:, strip]

        setting.cores.each(convolve, setting.cores.slices(rows, 2, max(2, STRIP // columns)))
        return out

    def _strip(
        self, x: Array, strip: slice, out: Array, columns: int, setting: Setting, ready: InPlace | None
    ) -> None:
        """The output's rows ``strip`` into ``out``, (made, rows x columns)."""
        cores, tiling, count = setting.cores, setting.tiling, strip.stop - strip.start
        more = cores.scratch("more", *out.shape)
        if self._stride == 1:
            flat = patches_of(x, strip, setting, ready)
            by_row = [flat[:, dy * columns : (dy + count) * columns] for dy in range(3)]
            for dy, patch in enumerate(by_row):
                self._add(dy, patch, out, more)
            return
        some_rows = cores.scratch("rows", self.channels, count, x.shape[2])
        patches = cores.scratch("patches", 3, self.channels, count, columns)
        for dy in range(3):
            take(
                x, 1, self._stride * strip.start + dy - self._before, self._stride, some_rows, tiling.wraps_y
            )
            for dx in range(3):
                take(some_rows, 2, dx - self._before, self._stride, patches[dx], tiling.wraps_x)
            self._add(dy, patches.reshape(3 * self.channels, -1), out, more)

    def _add(self, dy: int, patches: Array, out: Array, more: Array) -> None:
        if not dy:
            product(self._kernel[0], patches, out)
            out += self._bias
        else:
            out += product(self._kernel[dy], patches, more)


class UpsamplingConvolution:
    """Every place four times, then a convolution of 3 x 3, without the larger picture in between.

    Of the nine places that a new one sees, some are copies of the same old one: above a new place in an even row lies
    another old one, and below it the same. So a new place sees four old ones, each with the sum of the matrices of its
    copies, which depend on whether row and column are even: four convolutions of 2 x 2, and less than half the work.
    """

    def __init__(self, weights: Weights) -> None:
        kernel = weights["weight"]
        self._plain = Convolution(weights)
        self._bias = weights["bias"][:, None]
        self._kernels = {
            (odd_row, odd_column): _pairs(_pairs(kernel, 2, odd_row), 3, odd_column)
            for odd_row in (0, 1)
            for odd_column in (0, 1)
        }

    def __call__(self, x: Array, setting: Setting, height: int, width: int) -> Array:
        """(made, height, width) from (C, h, w); the sizes are twice those of ``x``, or one less."""
        rows, columns = x.shape[1:]
        if (height, width) != (2 * rows, 2 * columns):
            return self._plain(upsampled(x, height, width), setting)
        out: Array = np.empty((len(self._bias), rows, 2, columns, 2), np.float32)

        def convolve(strip: slice) -> None:
            self._strip(x, strip, out[:, strip], setting)

        setting.cores.each(convolve, setting.cores.slices(rows, 2, max(2, STRIP // columns)))
        larger: Array = out.reshape(len(out), height, width)
        return larger

    def _strip(self, x: Array, strip: slice, out: Array, setting: Setting) -> None:
        channels, _, columns = x.shape
        count = strip.stop - strip.start
        made, more = setting.cores.scratch("more", 2, len(out), count * columns)
        flat = patches_of(x, strip, setting)
        for (odd_row, odd_column), kernel in self._kernels.items():
            seen = flat[odd_column * channels : (odd_column + 2) * channels]
            above, below = (
                seen[:, row * columns : (row + count) * columns] for row in (odd_row, odd_row + 1)
            )
            product(kernel[0], above, made)
            made += product(kernel[1], below, more)
            made += self._bias
            out[:, :, odd_row, :, odd_column] = made.reshape(len(out), count, columns)


def _pairs(kernel: Array, axis: int, odd: int) -> Array:
    """Three places along an axis as two, since two of them are copies of one; after columns, a matrix for each row."""
    first, second, third = np.moveaxis(kernel, axis, 0)
    two: Array = np.stack([first + second, third] if odd else [first, second + third], axis)
    if axis == 2:
        return two
    made = len(two)
    matrices: Array = np.ascontiguousarray(two.transpose(2, 0, 3, 1)).reshape(2, made, -1)
    return matrices


def patches_of(x: Array, strip: slice, setting: Setting, ready: InPlace | None = None) -> Array:
    """The rows of ``strip``, with one more above and below, to the left, as they are and to the right: (3 C, places).

    ready: see :class:`Convolution`.
    """
    channels, height, columns = x.shape
    tiling, begin = setting.tiling, strip.start - 1
    patches = setting.cores.scratch("patches", 3, channels, strip.stop - strip.start + 2, columns)
    take(x, 1, begin, 1, patches[1], tiling.wraps_y)
    if ready is not None:
        ready(patches[1])
        if not tiling.wraps_y:  # what is missing is 0 after that, too
            clear_outside(patches[1], 1, begin, height)
    for dx in (0, 2):
        take(patches[1], 2, dx - 1, 1, patches[dx], tiling.wraps_x)
    return patches.reshape(3 * channels, -1)


def take(x: Array, axis: int, begin: int, stride: int, out: Array, wraps: bool) -> None:
    """out[j] = x[begin + stride j] along an axis, of (C, rows, columns); at most one lies beyond each edge."""
    length, count = x.shape[axis], out.shape[axis]
    end = begin + stride * (count - 1)
    first, last = int(begin < 0), count - int(end >= length)
    _along(out, axis, slice(first, last))[...] = _along(
        x, axis, slice(begin + stride * first, begin + stride * (last - 1) + 1, stride)
    )
    if first:
        _along(out, axis, 0)[...] = _along(x, axis, begin % length) if wraps else 0
    if last < count:
        _along(out, axis, -1)[...] = _along(x, axis, end % length) if wraps else 0


def clear_outside(x: Array, axis: int, begin: int, length: int) -> None:
    """Set what :func:`take` took from beyond the edges to 0."""
    if begin < 0:
        _along(x, axis, 0)[...] = 0
    if begin + x.shape[axis] > length:
        _along(x, axis, -1)[...] = 0


def _along(x: Array, axis: int, where: int | slice) -> Array:
    return x[:, where] if axis == 1 else x[:, :, where]


def upsampled(x: Array, height: int, width: int) -> Array:
    """Every place four times, (C, 2 h, 2 w); without the last row or column where the size is odd."""
    return x.repeat(2, axis=1)[:, :height].repeat(2, axis=2)[:, :, :width]
