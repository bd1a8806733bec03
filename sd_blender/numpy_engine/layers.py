# SPDX-License-Identifier: GPL-3.0-or-later
"""What networks are made of: convolutions, linear layers, normalisation, activations.

A layer of :mod:`~.cores` pieces: each core takes some rows of the picture through normalisation, activation and
convolution while they are in its cache, and no intermediate picture is ever written to memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..core.request import Tiling
from .blas import product
from .cores import Cores
from .weights import Array, Weights

InPlace = Callable[[Array], None]
"""Changes features (C, rows, w) where they stand."""

_STRIP = 2**11
"""Places of a picture that a core takes at once: their patches, of a hundred channels, stay in its cache."""
_CHUNK = 2**15
"""Numbers that are summed up at once."""


@dataclass(frozen=True)
class Setting:
    """What a network runs with. tiling: the axes along which a picture's edges are each other's neighbours."""

    cores: Cores
    tiling: Tiling = Tiling.OFF


# --- Linear layers -------------------------------------------------------------------------------------------------


class Linear:
    """y = W x + b for every column of x. W: (m, k)."""

    def __init__(self, weights: Weights) -> None:
        weight = weights["weight"]
        self.weight = weight.reshape(len(weight), -1)  # a convolution of 1 x 1 is one, too
        self.bias = weights["bias"][:, None] if "bias" in weights else None

    def __call__(self, x: Array, out: Array | None = None) -> Array:
        """(m, n) from (k, n)."""
        out = product(self.weight, x, out)
        if self.bias is not None:
            out += self.bias
        return out


def pointwise(linear: Linear, x: Array, setting: Setting) -> Array:
    """``linear`` at every place: a convolution of 1 x 1, (m, h, w) from (k, h, w)."""
    out = np.empty((len(linear.weight), *x.shape[1:]), np.float32)
    flat, made = x.reshape(len(x), -1), out.reshape(len(out), -1)
    setting.cores.each(
        lambda places: linear(flat[:, places], made[:, places]),
        setting.cores.slices(flat.shape[1], 256, 2 * _STRIP),
    )
    return out


# --- Convolutions --------------------------------------------------------------------------------------------------


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

        setting.cores.each(convolve, setting.cores.slices(rows, 2, max(2, _STRIP // columns)))
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

        setting.cores.each(convolve, setting.cores.slices(rows, 2, max(2, _STRIP // columns)))
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


# --- Normalisation -------------------------------------------------------------------------------------------------


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


# --- Activations ---------------------------------------------------------------------------------------------------


def silu(x: Array, room: Array | None = None) -> Array:
    """x sigmoid(x), where it stands; ``room`` is memory of its size."""
    room = np.negative(x, out=room)
    with np.errstate(
        over="ignore"
    ):  # exp(-x) is infinite far below 0, and x divided by that is 0, as it should be
        np.exp(room, out=room)
    room += 1
    x /= room
    return x


def quick_gelu(x: Array) -> Array:
    """x sigmoid(1.702 x), which is near to GELU."""
    with np.errstate(over="ignore"):
        gate: Array = 1 / (1 + np.exp(-1.702 * x))
    return x * gate


_ERF = np.array([0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429], np.float32)
_ERF_P = np.float32(0.3275911)


def gelu(x: Array) -> Array:
    """x times the part of a unit normal distribution that lies below x (Hendrycks & Gimpel 2016, arXiv:1606.08415).

    By formula 7.1.26 of Abramowitz & Stegun 1964, which is within 1.5e-7 of the error function.
    """
    z = np.abs(x)
    z *= np.float32(2**-0.5)
    t = 1 / (1 + _ERF_P * z)
    tail: Array = _ERF[4] * t
    for factor in _ERF[3::-1]:
        tail += factor
        tail *= t
    z *= z
    np.negative(z, out=z)
    tail *= np.exp(z, out=z)  # 1 - erf(|x| / sqrt(2))
    np.subtract(1, tail, out=tail)
    np.copysign(tail, x, out=tail)
    tail += 1
    tail *= x
    tail *= np.float32(0.5)
    return tail
