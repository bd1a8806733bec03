# SPDX-License-Identifier: GPL-3.0-or-later
"""DPM-Solver++ for the SDE with two questions a step, "DPM++ SDE".

The single-step form of Lu et al. 2022 (arXiv:2211.01095, algorithm 1, r = 1/2) with the noise of its SDE, as
k-diffusion made it known. From sigma_t over sigma_m = sqrt(sigma_t sigma_s) to sigma_s, with x in x_0 + sigma eps:

    x_m = a x_t + (1 - a) x_0(x_t) + sigma_m sqrt(1 - a) z_m,    a = (sigma_m / sigma_t)^2 = exp(-2 h_m)
    x_s = b x_t + (1 - b) x_0(x_m) + sigma_s sqrt(1 - b) z_s,    b = (sigma_s / sigma_t)^2

z_m and z_s are increments of one Brownian motion W in sigma, divided by their standard deviation. So one is drawn for
each half of the step, and the second noise has the first in it:

    z_s = (sqrt(sigma_t - sigma_m) z_m + sqrt(sigma_m - sigma_s) z) / sqrt(sigma_t - sigma_s)
"""

from __future__ import annotations

import math

from ..loop import Array, Predict
from ..noise_schedule import NoiseSchedule
from ..spacing import Options, Step, Trajectory, halved, sigma_steps
from .dpm_solver import with_new_noise
from .midpoint import put_back_as
from .on_trajectory import OnTrajectory


class DpmSde(OnTrajectory):
    """The level of the second question is that of `Step.by`."""

    def step(self, x: Array, index: int, predict: Predict) -> Array:
        step = self._trajectory.steps[index]
        found = predict(x, step.at)
        if not step.to.noise:
            return found.x0
        half = Step(step.at, step.by)
        first = self._draw()
        x = half.toward(found.x, found.x0, math.exp(-2 * half.h))
        x = with_new_noise(x, half, lambda: first)
        middle = predict(x, step.by, put_back_as(step))
        x = step.toward(found.x, middle.x0, math.exp(-2 * step.h))
        return with_new_noise(x, step, lambda: self._both(step, first))

    def _both(self, step: Step, first: Array) -> Array:
        """The noise of the whole step, whose first half had ``first``."""
        share = (step.at.sigma - step.by.sigma) / (step.at.sigma - step.to.sigma)
        return math.sqrt(share) * first + math.sqrt(1 - share) * self._draw()


def dpm_sde_steps(schedule: NoiseSchedule, count: int, spacing: str, options: Options) -> Trajectory:
    return halved(sigma_steps(schedule, count, spacing, options), schedule)
