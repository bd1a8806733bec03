# SPDX-License-Identifier: GPL-3.0-or-later
"""What networks are made of: linear layers and activations here, :mod:`~.convolution`, :mod:`~.normalisation`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.request import Tiling
from .blas import product
from .cores import Cores
from .weights import Array, Weights

STRIP = 2**11
"""Places of a picture that a core takes at once: their patches, of a hundred channels, stay in its cache."""


@dataclass(frozen=True)
class Setting:
    """What a network runs with. tiling: the axes along which a picture's edges are each other's neighbours."""

    cores: Cores
    tiling: Tiling = Tiling.OFF


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
        setting.cores.slices(flat.shape[1], 256, 2 * STRIP),
    )
    return out


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
