# SPDX-License-Identifier: GPL-3.0-or-later
"""DPM-Solver++ of second order with one question a step: "DPM++ 2M" and, with new noise, "DPM++ 2M SDE".

Lu et al. 2022 (arXiv:2211.01095). The probability flow ODE is solved exactly for a picture D that stays the same while
the logarithm of signal over noise, lambda, grows by h; D is taken from this picture and the one before (algorithm 2):

    x_s / signal_s = exp(-h) x_t / signal_t + (1 - exp(-h)) D
    D = x_0 + h / (2 h') (x_0 - x_0'),    h' the h of the step before, x_0' its picture

The SDE (appendix B) goes twice as far towards D and fills up with new noise z:

    x_s / signal_s = exp(-2 h) x_t / signal_t + (1 - exp(-2 h)) D + sigma_s sqrt(1 - exp(-2 h)) z
"""

from __future__ import annotations

import math

from ..loop import Array, Draw, Predict
from ..noise_schedule import NoiseSchedule
from ..spacing import Options, Step, Trajectory, end_level, solver_steps
from .on_trajectory import OnTrajectory

FEW_STEPS = 15
"""With less the last one is of first order, as the authors advise: it is long, and an extrapolation goes astray."""


class Dpm2M(OnTrajectory):
    def __init__(self, trajectory: Trajectory, draw: Draw) -> None:
        super().__init__(trajectory, draw)
        self._x0: Array = None

    def step(self, x: Array, index: int, predict: Predict) -> Array:
        step = self._trajectory.steps[index]
        found = predict(x, step.at)
        picture = found.x0
        if self._x0 is not None and not self._is_plain_end(index):
            picture = picture + 0.5 * step.h / self._trajectory.steps[index - 1].h * (picture - self._x0)
        self._x0 = found.x0
        return self._toward(found.x, picture, step)

    def _is_plain_end(self, index: int) -> bool:
        steps = self._trajectory.steps
        return index == len(steps) - 1 and (len(steps) < FEW_STEPS or not steps[index].to.noise)

    def _toward(self, x: Array, picture: Array, step: Step) -> Array:
        return step.toward(x, picture, math.exp(-step.h))


class Dpm2MSde(Dpm2M):
    def _toward(self, x: Array, picture: Array, step: Step) -> Array:
        return with_new_noise(step.toward(x, picture, math.exp(-2 * step.h)), step, self._draw)


def with_new_noise(x: Array, step: Step, draw: Draw) -> Array:
    """``x`` with the noise that is to be new after a step of the SDE."""
    return x + step.to.noise * math.sqrt(-math.expm1(-2 * step.h)) * draw() if step.to.noise else x


def dpm_steps(schedule: NoiseSchedule, count: int, spacing: str, options: Options) -> Trajectory:
    end = end_level(schedule, options.to_clean)
    return solver_steps(schedule, count, spacing, options, end, cut=options.cosine)
