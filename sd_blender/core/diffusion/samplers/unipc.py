# SPDX-License-Identifier: GPL-3.0-or-later
"""UniPC of second order: each answer of the network also corrects the step that led to where it was asked.

Zhao et al. 2023 (arXiv:2302.04867), multistep, for pictures, with B(h) = exp(h) - 1 (bh2). Predictor and corrector go
the way of DPM-Solver++ (see :mod:`~.dpm_solver`) with h to another picture D. With x_0 at the begin of the step, x_0'
at the begin of the one before, r = -h' / h, and x_0+ at its end, which the corrector knows already:

    predictor:  D = x_0 + 1/2 (x_0' - x_0) / r
    corrector:  D = x_0 + rho' (x_0' - x_0) / r + rho (x_0+ - x_0)

rho' + rho = b_1 and rho' r + rho = b_2 make it exact for pictures that change as a polynomial of second degree:

    b_1 = 1 / (1 - exp(-h)) - 1 / h,    b_2 = 1 / (1 - exp(-h)) - 2 b_1 / h

Of first order the predictor has D = x_0, the corrector rho = 1/2 alone.
"""

from __future__ import annotations

import math

from ..estimate import Estimate
from ..loop import Array, Draw, Predict
from ..noise_schedule import NoiseSchedule
from ..spacing import Options, Step, Trajectory, end_level, solver_steps
from .on_trajectory import OnTrajectory


class UniPC(OnTrajectory):
    def __init__(self, trajectory: Trajectory, draw: Draw) -> None:
        super().__init__(trajectory, draw)
        self._x: Array = None  # where the step before began, corrected
        self._pictures: list[Array] = []  # at the begins of steps, at most of the last two
        self._order = 0  # of the step before

    def step(self, x: Array, index: int, predict: Predict) -> Array:
        steps = self._trajectory.steps
        found = predict(x, steps[index].at)
        x = self._corrected(found, index) if self._pictures else found.x
        self._pictures = [*self._pictures[-1:], found.x0]
        self._x, self._order = x, min(2, len(self._pictures), len(steps) - index)
        if self._order == 1:
            return self._toward(x, found.x0, steps[index])
        before, now = self._pictures
        return self._toward(x, now + 0.5 * (before - now) / self._r(index), steps[index])

    def _corrected(self, found: Estimate, index: int) -> Array:
        """Where the step before this one should have ended."""
        step, now = self._trajectory.steps[index - 1], self._pictures[-1]
        if self._order == 1:
            return self._toward(self._x, now + 0.5 * (found.x0 - now), step)
        r, h = self._r(index - 1), step.h
        b1 = -1 / math.expm1(-h) - 1 / h
        b2 = -1 / math.expm1(-h) - 2 * b1 / h
        earlier = (b2 - b1) / (r - 1)
        picture = now + earlier / r * (self._pictures[0] - now) + (b1 - earlier) * (found.x0 - now)
        return self._toward(self._x, picture, step)

    def _r(self, index: int) -> float:
        return -self._trajectory.steps[index - 1].h / self._trajectory.steps[index].h

    @staticmethod
    def _toward(x: Array, picture: Array, step: Step) -> Array:
        return step.toward(x, picture, math.exp(-step.h))


def unipc_steps(schedule: NoiseSchedule, count: int, spacing: str, options: Options) -> Trajectory:
    return solver_steps(schedule, count, spacing, options, end_level(schedule, options.to_clean))
