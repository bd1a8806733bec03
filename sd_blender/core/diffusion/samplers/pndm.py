# SPDX-License-Identifier: GPL-3.0-or-later
"""PLMS, the linear multistep form of PNDM: Liu et al. 2022 (arXiv:2202.09778), formulas 12 and 23.

Up to four of what the network said are mixed as by Adams and Bashforth, and the step is that of DDIM. There is nothing
to mix at first, so the first step is made twice: to where the next begins, and once more, from where it began, with the
mean of what was said at both ends.
"""

from __future__ import annotations

from ..estimate import Estimate
from ..level import CLEAN
from ..loop import Array, Draw, Predict
from ..noise_schedule import NoiseSchedule
from ..sigma_spacing import SIGMA_SPACINGS, sigma_levels
from ..spacing import Options, Step, Trajectory, end_level, whole_times
from .on_trajectory import OnTrajectory

_WEIGHTS = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)
"""Of Adams and Bashforth, by how many there are, the newest first."""


class Pndm(OnTrajectory):
    """`Step.by` is the level where the step before, which is made again, began.

    A way that begins in the middle has no time step twice, but the second step is made again all the same, as in
    diffusers: from there on the network is asked one level further than the latents are.
    """

    def __init__(self, trajectory: Trajectory, draw: Draw) -> None:
        super().__init__(trajectory, draw)
        self._said: list[Array] = []  # the newest first
        self._begun: Array = None

    def step(self, x: Array, index: int, predict: Predict) -> Array:
        step = self._trajectory.steps[index]
        found = predict(x, step.at)
        if index == self._trajectory.first + 1:
            return self._again(found, step)
        self._said = [found.output, *self._said[:3]]
        self._begun = found.x
        weights = _WEIGHTS[len(self._said) - 1]
        mixed = sum(weight * said for weight, said in zip(weights, self._said, strict=True))
        return Estimate.of_output(mixed, found.x, step.at, found.prediction).at(step.to)

    def _again(self, found: Estimate, step: Step) -> Array:
        mixed = 0.5 * (found.output + self._said[0])
        return Estimate.of_output(mixed, self._begun, step.by, found.prediction).at(step.at)


def pndm_steps(schedule: NoiseSchedule, count: int, spacing: str, options: Options) -> Trajectory:
    """One step more than ``count``, the second twice; each is a count-th of T long, as diffusers has it."""
    if spacing in SIGMA_SPACINGS:
        levels = sigma_levels(schedule, spacing, count, options.xl)
        ways = [Step(*way) for way in zip(levels, [*levels[1:], CLEAN], [CLEAN, *levels[:-1]], strict=True)]
    else:
        length, end = schedule.length // count, end_level(schedule, options.alpha_to_one is True)

        def way(time: float) -> Step:
            to = schedule.level(time - length) if time >= length else end
            return Step(schedule.level(time), to, schedule.level(min(time + length, schedule.length - 1)))

        ways = [way(float(time)) for time in whole_times(count, schedule.length, spacing, options.offset)]
    return Trajectory((*ways[:2], *ways[1:]))
