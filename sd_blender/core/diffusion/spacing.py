# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a model's time steps are visited, and where each step of a sampler begins and ends.

The three spacings of Lin et al. 2023 (arXiv:2305.08891), table 2, in the details of diffusers, which differ from one
kind of sampler to another. Those over sigma are in :mod:`~.sigma_spacing`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .level import CLEAN, Level
from .noise_schedule import NoiseSchedule
from .sigma_spacing import SIGMA_SPACINGS, Times, sigma_levels


@dataclass(frozen=True)
class Step:
    """at: where the network is asked. to: what the latents are brought to.

    by: one more level, for samplers whose formula has a third one; they say which.
    """

    at: Level
    to: Level
    by: Level = CLEAN

    @property
    def h(self) -> float:
        """How far the step leads in the logarithm of signal over noise; infinite where no noise stays."""
        return self.to.log_snr - self.at.log_snr

    def toward(self, x: Any, x0: Any, kept: float) -> Any:
        """``x`` brought to ``x0``, but for the part ``kept`` of it.

        In the units of papers that write x_0 + sigma eps: kept x + (1 - kept) x_0. With x_0 held constant on the way,
        kept = exp(-h) is the exact solution of the probability flow ODE.
        """
        return (self.to.signal / self.at.signal * kept) * x + (self.to.signal * (1 - kept)) * x0

    def drift(self, x: Any, slope: Any) -> Any:
        """In the same units x + (sigma_to - sigma_at) slope; the ODE's slope d x / d sigma is eps."""
        distance = self.to.sigma - self.at.sigma
        return (self.to.signal / self.at.signal) * x + (self.to.signal * distance) * slope


@dataclass(frozen=True)
class Trajectory:
    """The way from noise to a picture.

    steps: of the whole way. first: the one to begin with; what comes before it is left out, where a picture is there to
    start from. start_noise: standard deviation of the noise to begin with, where the whole way is gone.
    """

    steps: tuple[Step, ...]
    first: int = 0
    start_noise: float = 1.0

    @property
    def start(self) -> Level:
        return self.steps[self.first].at

    @property
    def left(self) -> range:
        return range(self.first, len(self.steps))

    def beginning_at(self, first: int) -> Trajectory:
        return replace(self, first=first)

    @classmethod
    def through(cls, levels: list[Level], end: Level = CLEAN, start_noise: float = 1.0) -> Trajectory:
        """Each step ends where the next begins, the last one at ``end``."""
        steps = tuple(Step(at, to) for at, to in zip(levels, [*levels[1:], end], strict=True))
        return cls(steps, start_noise=start_noise)


@dataclass(frozen=True)
class Options:
    """What a model's scheduler configuration says of spacing, as far as somebody chose it.

    spacing: "leading", "trailing" or "linspace", or another that a sampler of ours knows; None where nobody chose.
    offset: of leading spacing. Whether the last step leaves no noise is asked by two names: alpha_to_one of DDIM and
    its kin, None where nobody chose; to_clean of those that think in sigma. cosine: whether betas follow a cosine.
    distilled: steps of the schedule that a consistency model was distilled on. xl: whether the model is a Stable
    Diffusion XL, which has a table of its own in :mod:`~.align_your_steps`; no configuration says so.
    """

    spacing: str | None = None
    offset: int = 1
    alpha_to_one: bool | None = None
    to_clean: bool = True
    cosine: bool = False
    distilled: int = 50
    xl: bool = False

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> Options:
        """Fields that diffusers filled in by itself (``_use_default_values``) are for each sampler to decide.

        Raises ValueError for a spacing that is not known here.
        """
        unchosen = config.get("_use_default_values", ())
        chosen = {name: value for name, value in config.items() if name not in unchosen}
        spacing = chosen.get("timestep_spacing")
        if spacing not in (None, "leading", "trailing", "linspace"):
            raise ValueError(f"no timestep_spacing is called {spacing}")
        return cls(
            spacing,
            config.get("steps_offset", 1),
            chosen.get("set_alpha_to_one"),
            chosen.get("final_sigmas_type", "zero") == "zero",
            config.get("beta_schedule") == "squaredcos_cap_v2",
            config.get("original_inference_steps", 50),
        )


ROUNDED = ("karras", "ays")
"""Spacings whose time steps some samplers round for the network; the published tables have them rounded as well."""


def whole_times(count: int, length: int, spacing: str, offset: int) -> Times:
    """Of ``length`` time steps ``count`` whole ones, falling: the way of DDIM, DDPM and PNDM."""
    if spacing == "linspace":
        return np.linspace(0, length - 1, count).round()[::-1]
    return times(count, length, spacing, offset)


def times(count: int, length: int, spacing: str, offset: int) -> Times:
    """Those of Euler, Heun, LMS and DPM2, falling: with linspace spacing they may lie between two trained ones."""
    if spacing == "linspace":
        return np.linspace(0, length - 1, count, dtype=np.float32)[::-1].astype(np.float64)
    if spacing == "leading":
        return (np.arange(count) * (length // count))[::-1] + float(offset)
    trailing: Times = np.round(np.arange(length, 0, -length / count)) - 1.0
    return trailing


def inner_times(count: int, length: int, spacing: str, offset: int) -> Times:
    """Those of solvers that count the end as one more: DPM-Solver, UniPC, DEIS."""
    if spacing == "linspace":
        return np.linspace(0, length - 1, count + 1).round()[:0:-1]
    if spacing == "leading":
        found = np.arange(count + 1) * (length // (count + 1))
        return found[:0:-1] + float(min(offset, length - 1 - found[-1]))
    return times(count, length, spacing, offset)


def levels_at(schedule: NoiseSchedule, found: Times) -> list[Level]:
    return [schedule.level(float(time)) for time in found]


def end_level(schedule: NoiseSchedule, to_clean: bool) -> Level:
    """Where the last step ends: without noise, or with that of the first trained time step."""
    return CLEAN if to_clean else schedule.level(0)


Spread = Callable[[NoiseSchedule, int, str, Options], Trajectory]
"""The way of so many steps through a schedule, by the name of a spacing."""


def sigma_steps(
    schedule: NoiseSchedule,
    count: int,
    spacing: str,
    options: Options,
    end: Level = CLEAN,
    told: Callable[[float], float] = float,
) -> Trajectory:
    """The way of Euler, Heun and other samplers that think in sigma.

    A spacing over sigma goes from the first to the last of those that the model's own spacing visits. end: where the
    last step ends. told: what the network is told of a time step that lies between two.
    """
    own = options.spacing or "linspace" if spacing in SIGMA_SPACINGS else spacing
    found = times(count, schedule.length, own, options.offset)
    if spacing in SIGMA_SPACINGS:
        ends = [schedule.level(max(float(time), 0.0)).sigma for time in (found[0], found[-1])]
        levels = sigma_levels(schedule, spacing, count, options.xl, ends, told)
    else:
        levels = levels_at(schedule, found)
    # Their first noise is sigma times a unit normal one, without the signal's part where steps lead to the end.
    return Trajectory.through(levels, end, 1.0 if own == "leading" else levels[0].noise)


def solver_steps(
    schedule: NoiseSchedule, count: int, spacing: str, options: Options, end: Level, cut: bool = False
) -> Trajectory:
    """The way of DPM-Solver, UniPC and DEIS, whose networks are told whole time steps.

    Between two of them diffusers rounds for the spacing of Karras et al. and for others takes the lower one. cut:
    whether for that of Karras et al. too.
    """
    if spacing not in SIGMA_SPACINGS:
        levels = levels_at(schedule, inner_times(count, schedule.length, spacing, options.offset))
    else:
        nearest = spacing in ROUNDED and not cut
        levels = sigma_levels(schedule, spacing, count, options.xl, told=round if nearest else _lower)
    return Trajectory.through(levels, end)


def _lower(time: float) -> int:
    """The whole time step below, or this one if rounding errors alone are missing to it."""
    return math.floor(time + 1e-3)


def halved(trajectory: Trajectory, schedule: NoiseSchedule) -> Trajectory:
    """Each step with the level `Step.by` in the middle of its way, by the logarithm of sigma."""

    def middle(step: Step) -> Level:
        sigma = math.sqrt(step.at.sigma * step.to.sigma)
        return Level.of_sigma(sigma, schedule.timestep_of(sigma)) if sigma else CLEAN

    return replace(trajectory, steps=tuple(replace(step, by=middle(step)) for step in trajectory.steps))
