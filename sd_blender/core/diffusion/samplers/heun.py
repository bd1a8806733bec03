# SPDX-License-Identifier: GPL-3.0-or-later
"""Heun's method for the probability flow ODE: Karras et al. 2022 (arXiv:2206.00364), algorithm 2 without churn.

The slope of the whole step is the mean of those at its begin and at its end; a step to no noise has only the first.
"""

from __future__ import annotations

from ..loop import Array, Predict
from .on_trajectory import OnTrajectory


class Heun(OnTrajectory):
    def step(self, x: Array, index: int, predict: Predict) -> Array:
        step = self._trajectory.steps[index]
        begin = predict(x, step.at)
        if not step.to.noise:
            return begin.x0
        end = predict(begin.at(step.to), step.to)
        return step.drift(begin.x, 0.5 * (begin.eps + end.eps))
