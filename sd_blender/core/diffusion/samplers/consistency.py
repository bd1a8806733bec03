# SPDX-License-Identifier: GPL-3.0-or-later
"""Samplers for models that were distilled to leap: "LCM" and "TCD". Both visit time steps of the distillation only.

LCM, latent consistency models (Luo et al. 2023, arXiv:2310.04378): the network's leap to the end, held at the latents
as time goes to 0, is given new noise for the next step:

    x_s = signal_s (c_skip x_t + c_out x_0) + noise_s z
    c_skip = d^2 / (tau^2 + d^2),    c_out = tau / sqrt(tau^2 + d^2),    d = 1/2,    tau = 10 t

TCD, trajectory consistency distillation (Zheng et al. 2024, arXiv:2402.19159): DDIM's step leads beyond s to a level m,
and new noise back to s; gamma says how much beyond, 0 being DDIM:

    x_s = (signal_s / signal_m) (signal_m x_0 + noise_m eps) + sqrt(1 - abar_s / abar_m) z,    m = (1 - gamma) s
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..level import Level
from ..loop import Array, Predict
from ..noise_schedule import NoiseSchedule
from ..spacing import Options, Step, Trajectory, levels_at
from .on_trajectory import OnTrajectory

_DATA = 0.5
_TIME = 10.0
_GAMMA = 0.3


class Lcm(OnTrajectory):
    def step(self, x: Array, index: int, predict: Predict) -> Array:
        step = self._trajectory.steps[index]
        found = predict(x, step.at)
        tau = _TIME * step.at.timestep
        skip, out = _DATA**2 / (tau**2 + _DATA**2), tau / math.hypot(tau, _DATA)
        leap = skip * found.x + out * found.x0
        return step.to.mix(leap, self._draw()) if step.to.noise else leap


class Tcd(OnTrajectory):
    """`Step.by` is the level m."""

    def step(self, x: Array, index: int, predict: Predict) -> Array:
        step = self._trajectory.steps[index]
        found = predict(x, step.at)
        kept = step.to.abar / step.by.abar
        x = math.sqrt(kept) * found.at(step.by)
        return x + math.sqrt(1 - kept) * self._draw() if kept < 1 else x


def lcm_steps(schedule: NoiseSchedule, count: int, spacing: str, options: Options) -> Trajectory:
    return Trajectory.through(_distilled(schedule, count, options))


def tcd_steps(schedule: NoiseSchedule, count: int, spacing: str, options: Options) -> Trajectory:
    """The last step ends at the first trained time step."""
    levels = _distilled(schedule, count, options)

    def beyond(to: Level) -> Level:
        # diffusers multiplies in single precision, where a whole number comes out as one.
        return schedule.level(math.floor((1 - _GAMMA) * to.timestep + 1e-6))

    ends: Sequence[Level] = [*levels[1:], schedule.level(0)]
    return Trajectory(tuple(Step(at, to, beyond(to)) for at, to in zip(levels, ends, strict=True)))


def _distilled(schedule: NoiseSchedule, count: int, options: Options) -> list[Level]:
    """So many of the levels that a model was distilled at, from the last one on; at all if it were less than those."""
    there = min(max(count, options.distilled), schedule.length)
    trained = np.arange(there, 0, -1) * (schedule.length // there) - 1
    return levels_at(schedule, trained[np.linspace(0, there, count, endpoint=False).astype(int)])
