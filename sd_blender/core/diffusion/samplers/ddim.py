# SPDX-License-Identifier: GPL-3.0-or-later
"""One step that is four samplers: DDIM, DDPM, Euler and Euler ancestral.

Song, Meng & Ermon 2020 (arXiv:2010.02502), formulas 12 and 16: the picture that was found is given less noise, of which
a part, decided by eta, is new:

    x_s = signal_s x_0 + sqrt(noise_s^2 - std^2) eps + std z
    std = eta (noise_s / noise_t) sqrt(1 - abar_t / abar_s)

eta = 0 is DDIM, and Euler's method for the probability flow ODE of Karras et al. 2022 (arXiv:2206.00364); eta = 1 is
the posterior of Ho et al. 2020, DDPM, and the ancestral sampler. What differs is where they step.
"""

from __future__ import annotations

import math

from ..level import Level
from ..loop import Array, Predict
from ..noise_schedule import NoiseSchedule
from ..sigma_spacing import SIGMA_SPACINGS, sigma_levels
from ..spacing import Options, Step, Trajectory, end_level, levels_at, sigma_steps, whole_times
from .on_trajectory import OnTrajectory


class Ddim(OnTrajectory):
    """eta: how much of the noise is new at each step, 0 .. 1."""

    eta = 0.0

    def step(self, x: Array, index: int, predict: Predict) -> Array:
        step = self._trajectory.steps[index]
        found = predict(x, step.at)
        if not self.eta or not step.to.noise:
            return found.at(step.to)
        std = self.eta * new_noise(step)
        old = math.sqrt(max(step.to.noise**2 - std**2, 0.0))
        return step.to.signal * found.x0 + old * found.eps + std * self._draw()


class Ddpm(Ddim):
    eta = 1.0


class Euler(Ddim):
    """Karras et al. 2022, algorithm 2 without churn."""


class EulerAncestral(Ddim):
    eta = 1.0


def new_noise(step: Step) -> float:
    """Standard deviation of what is drawn anew where nothing of the noise has to stay (formula 16)."""
    at, to = step.at, step.to
    return to.noise / at.noise * math.sqrt(max(1 - at.abar / to.abar, 0.0))


def ddim_steps(schedule: NoiseSchedule, count: int, spacing: str, options: Options) -> Trajectory:
    """Each step is a count-th of T long, wherever the next one begins, as diffusers has it."""
    if spacing in SIGMA_SPACINGS:
        return Trajectory.through(sigma_levels(schedule, spacing, count, options.xl))
    end = end_level(schedule, options.alpha_to_one is not False)

    def after(at: Level) -> Level:
        time = at.timestep - schedule.length // count
        return schedule.level(time) if time >= 0 else end

    levels = levels_at(schedule, whole_times(count, schedule.length, spacing, options.offset))
    return Trajectory(tuple(Step(at, after(at)) for at in levels))


def ddpm_steps(schedule: NoiseSchedule, count: int, spacing: str, options: Options) -> Trajectory:
    if spacing in SIGMA_SPACINGS:
        return Trajectory.through(sigma_levels(schedule, spacing, count, options.xl))
    return Trajectory.through(
        levels_at(schedule, whole_times(count, schedule.length, spacing, options.offset))
    )


def euler_steps(schedule: NoiseSchedule, count: int, spacing: str, options: Options) -> Trajectory:
    end = end_level(schedule, options.to_clean)
    # diffusers hands on x_0 + sigma eps as it is; where sigma is not 0 there, that is no level of variance 1.
    return sigma_steps(schedule, count, spacing, options, Level(end.timestep, 1.0, end.sigma))
