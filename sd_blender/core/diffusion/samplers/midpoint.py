# SPDX-License-Identifier: GPL-3.0-or-later
"""The midpoint method for the probability flow ODE, "DPM2".

DPM-Solver-2 of Lu et al. 2022 (arXiv:2206.00927) as Karras et al. 2022 (arXiv:2206.00364, algorithm 2 without churn and
with another second point) write a solver of second order: the slope of the whole step is that in its middle, by the
logarithm of sigma.
"""

from __future__ import annotations

from ..level import Level
from ..loop import Array, Predict
from ..noise_schedule import NoiseSchedule
from ..spacing import ROUNDED, Options, Step, Trajectory, halved, sigma_steps
from .on_trajectory import OnTrajectory


class Dpm2(OnTrajectory):
    """The level of the second question is that of `Step.by`."""

    def step(self, x: Array, index: int, predict: Predict) -> Array:
        step = self._trajectory.steps[index]
        found = predict(x, step.at)
        if not step.to.noise:
            return found.x0
        middle = predict(found.at(step.by), step.by, put_back_as(step))
        return step.drift(found.x, middle.eps)


def put_back_as(step: Step) -> Level:
    """What is known at the second question: diffusers gives it the noise of the end of the step already.

    Latents of variance 1 have the signal of the middle there, so that this is no level of theirs.
    """
    return Level(step.by.timestep, step.by.signal, step.by.signal * step.to.sigma)


def dpm2_steps(schedule: NoiseSchedule, count: int, spacing: str, options: Options) -> Trajectory:
    told = round if spacing in ROUNDED else float
    return halved(sigma_steps(schedule, count, spacing, options, told=told), schedule)
