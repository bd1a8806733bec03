# SPDX-License-Identifier: GPL-3.0-or-later
"""Linear multistep (Adams-Bashforth) of up to fourth order for the probability flow ODE, "LMS" of k-diffusion.

The slope d x / d sigma = eps (Karras et al. 2022, arXiv:2206.00364) is taken for the polynomial in sigma through those
of the last steps, and its mean over the step is the slope of the step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..loop import Array, Draw, Predict
from ..spacing import Trajectory
from .on_trajectory import OnTrajectory

_ORDER = 4


class Lms(OnTrajectory):
    """Of lower order as long as it has asked less often, wherever it began."""

    def __init__(self, trajectory: Trajectory, draw: Draw) -> None:
        super().__init__(trajectory, draw)
        self._slopes: list[Array] = []  # the newest first

    def step(self, x: Array, index: int, predict: Predict) -> Array:
        steps = self._trajectory.steps
        found = predict(x, steps[index].at)
        self._slopes = [found.eps, *self._slopes[: _ORDER - 1]]
        nodes = [steps[index - back].at.sigma for back in range(len(self._slopes))]
        weights = mean_weights(nodes, steps[index].to.sigma)
        slope = sum(weight * slope for weight, slope in zip(weights, self._slopes, strict=True))
        return steps[index].drift(found.x, slope)


def mean_weights(nodes: Sequence[float], end: float) -> list[float]:
    """What each of the values at up to 4 ``nodes`` counts in the mean, from the first to ``end``, of their polynomial.

    Two points of Gauss and Legendre are exact up to third degree.
    """
    middle, reach = (nodes[0] + end) / 2, (end - nodes[0]) / (2 * math.sqrt(3))
    points = (middle - reach, middle + reach)

    def lagrange(node: float, point: float) -> float:
        return math.prod((point - other) / (node - other) for other in nodes if other != node)

    return [sum(lagrange(node, point) for point in points) / 2 for node in nodes]
