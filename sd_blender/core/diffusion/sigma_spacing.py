# SPDX-License-Identifier: GPL-3.0-or-later
"""Spacings over sigma, the noise over the signal: how levels of noise lie between the first and the last of a way.

Each gives so many of them, falling from ``first`` to ``last``, which may be the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .align_your_steps import align_your_steps
from .level import Level
from .noise_schedule import NoiseSchedule

Times = NDArray[np.float64]


def karras(first: float, last: float, count: int) -> Times:
    """Karras et al. 2022 (arXiv:2206.00364), formula 5, with rho = 7: equal steps of sigma^(1/rho)."""
    rho = 7.0
    sigmas: Times = np.linspace(first ** (1 / rho), last ** (1 / rho), count) ** rho
    return sigmas


def exponential(first: float, last: float, count: int) -> Times:
    """Equal steps of the logarithm of sigma."""
    sigmas: Times = np.exp(np.linspace(math.log(first), math.log(last), count))
    return sigmas


def beta(first: float, last: float, count: int) -> Times:
    """Lee et al. 2024 (arXiv:2407.12173): quantiles of the beta distribution with both parameters 0.6.

    Many levels with much noise, many with little, few between.
    """
    return last + (first - last) * beta_quantile(np.linspace(1, 0, count), 0.6)


def beta_quantile(share: Times, shape: float) -> Times:
    """Below which value lies so much of a beta distribution whose parameters are both ``shape``, 0 < shape <= 1.

    share: 0 .. 1. The distribution function is inverted by bisection. It is the hypergeometric series

        x^a / B(a, a) sum_k c_k x^k / (a + k),    c_0 = 1,  c_(k+1) = c_k (k + 1 - a) / (k + 1),

    which converges as 2^-k at least up to x = 1/2; the distribution is symmetric about that.
    """
    terms = np.arange(60)
    factors = np.cumprod(np.concatenate([[1.0], (terms[:-1] + 1 - shape) / (terms[:-1] + 1)])) / (
        shape + terms
    )
    whole = math.gamma(shape) ** 2 / math.gamma(2 * shape)
    lower = np.minimum(share, 1 - share)
    low, high = np.zeros_like(lower), np.full_like(lower, 0.5)
    for _ in range(60):
        middle = (low + high) / 2
        below = middle**shape / whole * (middle[:, None] ** terms @ factors) < lower
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    found: Times = np.where(lower > 0, (low + high) / 2, 0.0)
    return np.where(share > 0.5, 1 - found, found)


_BETWEEN: Mapping[str, Callable[[float, float, int], Times]] = {
    "karras": karras,
    "exponential": exponential,
    "beta": beta,
}

SIGMA_SPACINGS = (*_BETWEEN, "ays")
"""By name; "ays" is a table and lies where it lies."""


def sigma_levels(
    schedule: NoiseSchedule,
    spacing: str,
    count: int,
    xl: bool,
    ends: Sequence[float] = (),
    told: Callable[[float], float] = float,
) -> list[Level]:
    """So many levels of noise of a schedule that ends with some signal, falling.

    Args:
        spacing: one of :data:`SIGMA_SPACINGS`.
        xl: whether the model is a Stable Diffusion XL.
        ends: the first and the last sigma; those of the whole schedule where there are none.
        told: what the network is told of a time step that lies between two.
    """
    if spacing == "ays":
        sigmas = align_your_steps(count, xl)
    else:
        first, last = ends or (float(schedule.sigmas[-1]), float(schedule.sigmas[0]))
        sigmas = _BETWEEN[spacing](first, last, count)
    return [Level.of_sigma(sigma, told(schedule.timestep_of(sigma))) for sigma in sigmas.tolist()]
