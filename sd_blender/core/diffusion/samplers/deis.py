# SPDX-License-Identifier: GPL-3.0-or-later
"""DEIS of second order in its log-rho form: Zhang & Chen 2022 (arXiv:2204.13902), with rho our sigma.

The slope eps is taken for a straight line in log sigma through that of this step and of the one before. Its mean over
the step weighs the older one by

    1 / (sigma_s - sigma_t)  integral from sigma_t to sigma_s of  log(sigma / sigma_t) / log(sigma_t' / sigma_t)

and the newer one by the rest. diffusers ends it at the first trained time step, never at no noise.
"""

from __future__ import annotations

import math

from ..loop import Array, Draw, Predict
from ..noise_schedule import NoiseSchedule
from ..spacing import Options, Trajectory, end_level, solver_steps
from .dpm_solver import FEW_STEPS
from .on_trajectory import OnTrajectory


class Deis(OnTrajectory):
    def __init__(self, trajectory: Trajectory, draw: Draw) -> None:
        super().__init__(trajectory, draw)
        self._slope: Array = None

    def step(self, x: Array, index: int, predict: Predict) -> Array:
        steps = self._trajectory.steps
        step, found = steps[index], predict(x, steps[index].at)
        slope = found.eps
        if self._slope is not None and not (index == len(steps) - 1 and len(steps) < FEW_STEPS):
            older = _weight(steps[index - 1].at.sigma, step.at.sigma, step.to.sigma)
            slope = older * self._slope + (1 - older) * slope
        self._slope = found.eps
        return step.drift(found.x, slope)


def _weight(before: float, begin: float, end: float) -> float:
    """Of the slope at ``before``; see above."""
    if begin == end:
        return 0.0
    mean = (end * math.log(end / begin) - (end - begin)) / (end - begin)
    return mean / math.log(before / begin)


def deis_steps(schedule: NoiseSchedule, count: int, spacing: str, options: Options) -> Trajectory:
    return solver_steps(schedule, count, spacing, options, end_level(schedule, to_clean=False))
