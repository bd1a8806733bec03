# SPDX-License-Identifier: GPL-3.0-or-later
"""The residual block that U-Net and autoencoder are made of (He et al. 2015; Ho et al. 2020)."""

from __future__ import annotations

import numpy as np

from .convolution import Convolution
from .layers import Linear, Setting, pointwise
from .normalisation import GroupNorm
from .weights import Array, Weights


class ResidualBlock:
    """x + convolution(silu(norm(convolution(silu(norm(x)))))), told in between how noisy the picture is.

    The time speaks by an offset for each channel before the second norm, or by a scale and a shift after it. Where the
    block changes the number of channels, so does a convolution of 1 x 1 with the x that is added.
    """

    def __init__(self, weights: Weights, groups: int, eps: float, scale_shift: bool = False) -> None:
        self._norm1 = GroupNorm(weights.under("norm1"), groups, eps)
        self._norm2 = GroupNorm(weights.under("norm2"), groups, eps)
        self._conv1, self._conv2 = Convolution(weights.under("conv1")), Convolution(weights.under("conv2"))
        self._time = Linear(weights.under("time_emb_proj")) if "time_emb_proj" in weights else None
        self._shortcut = Linear(weights.under("conv_shortcut")) if "conv_shortcut" in weights else None
        self._scale_shift = scale_shift

    def __call__(self, x: Array, setting: Setting, time: Array | None = None) -> Array:
        """(C', h, w) from x (C, h, w) and time (d, 1), which has been through its activation."""
        cores = setting.cores
        hidden = self._conv1(x, setting, self._norm1.of(x, setting).then_silu(cores))
        scale: Array | float = 1.0
        shift: Array | float = 0.0
        if self._time is not None and time is not None:
            told = self._time(time)[:, 0]
            if self._scale_shift:
                more, shift = np.split(told, 2)
                scale = 1 + more
            else:
                hidden += told[:, None, None]
        norm = self._norm2.of(hidden, setting, scale, shift)
        beside = x if self._shortcut is None else pointwise(self._shortcut, x, setting)
        return self._conv2(hidden, setting, norm.then_silu(cores), beside)
