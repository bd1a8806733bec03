# SPDX-License-Identifier: GPL-3.0-or-later
"""The samplers by the names artists know, and the way that each goes for a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...errors import InvalidRequest
from ...sentence import Sentence
from ...validation import spacing_refusal
from ..align_your_steps import is_published_for
from ..loop import Draw, Sampler
from ..noise_schedule import SIGMA_MAX, NoiseSchedule
from ..sigma_spacing import SIGMA_SPACINGS
from ..spacing import Options, Spread, Trajectory, sigma_steps, times
from .consistency import Lcm, Tcd, lcm_steps, tcd_steps
from .ddim import Ddim, Ddpm, Euler, EulerAncestral, ddim_steps, ddpm_steps, euler_steps
from .deis import Deis, deis_steps
from .dpm_sde import DpmSde, dpm_sde_steps
from .dpm_solver import Dpm2M, Dpm2MSde, dpm_steps
from .heun import Heun
from .lms import Lms
from .midpoint import Dpm2, dpm2_steps
from .pndm import Pndm, pndm_steps
from .unipc import UniPC, unipc_steps

DISTILLED = "distilled"
"""The spacing of samplers that go the steps of a distillation and no other ones."""


@dataclass(frozen=True)
class Kind:
    """A sampler: how it steps and where.

    make: from a way and a source of noise. spread: the way. spacing: where neither the model nor the artist chose one.
    order: questions to the network in a step; the last step to no noise at all asks once. least_signal: what a schedule
    that ends without signal is changed to. own_spacing: the one that the artist chose by the name of the sampler,
    whatever the model has; "" where there is none.
    """

    make: Callable[[Trajectory, Draw], Sampler]
    spread: Spread
    spacing: str = "linspace"
    order: int = 1
    least_signal: Callable[[NoiseSchedule], NoiseSchedule] = NoiseSchedule.with_some_signal
    own_spacing: str = ""


def _as_it_is(schedule: NoiseSchedule) -> NoiseSchedule:
    return schedule


def _nearly_without_signal(schedule: NoiseSchedule) -> NoiseSchedule:
    return schedule.ending_at(1 / (1 + SIGMA_MAX**2))


SAMPLERS: Mapping[str, Kind] = {
    "DPM++ 2M": Kind(Dpm2M, dpm_steps),
    "DPM++ 2M Karras": Kind(Dpm2M, dpm_steps, own_spacing="karras"),
    "DPM++ 2M SDE": Kind(Dpm2MSde, dpm_steps),
    "DPM++ 2M SDE Karras": Kind(Dpm2MSde, dpm_steps, own_spacing="karras"),
    "DPM++ SDE": Kind(DpmSde, dpm_sde_steps, order=2, least_signal=_nearly_without_signal),
    "Euler": Kind(Euler, euler_steps),
    "Euler a": Kind(EulerAncestral, sigma_steps),
    "DDIM": Kind(Ddim, ddim_steps, "leading", least_signal=_as_it_is),
    "DDPM": Kind(Ddpm, ddpm_steps, "leading", least_signal=_as_it_is),
    "UniPC": Kind(UniPC, unipc_steps),
    "Heun": Kind(Heun, sigma_steps, order=2, least_signal=_nearly_without_signal),
    "LMS": Kind(Lms, sigma_steps, least_signal=_nearly_without_signal),
    "PNDM": Kind(Pndm, pndm_steps, "leading", least_signal=_nearly_without_signal),
    "DPM2": Kind(Dpm2, dpm2_steps, order=2, least_signal=_nearly_without_signal),
    "DEIS": Kind(Deis, deis_steps, least_signal=_nearly_without_signal),
    "LCM": Kind(Lcm, lcm_steps, least_signal=_as_it_is, own_spacing=DISTILLED),
    "TCD": Kind(Tcd, tcd_steps, least_signal=_as_it_is, own_spacing=DISTILLED),
}


@dataclass(frozen=True)
class Plan:
    """How far and in how many steps the reverse process goes.

    name: of the sampler. schedule: of the noise, as the sampler can use it. trajectory: the way, with what is left out
    for ``strength``, the part of it that is gone. steps: of the whole way, to the artist.
    """

    name: str
    schedule: NoiseSchedule
    trajectory: Trajectory
    steps: int
    strength: float

    @classmethod
    def fit(
        cls,
        name: str,
        config: Mapping[str, Any],
        steps: int,
        strength: float = 1.0,
        spacing: str = "auto",
        xl: bool = False,
    ) -> Plan:
        """The plan for what an artist asked, changed where it could not be run.

        Args:
            name: of the sampler, a key of :data:`SAMPLERS`.
            config: of the model's own scheduler, in the names of diffusers.
            steps: of the whole way, 1 or more.
            strength: the part of the way that is gone, 0 .. 1.
            spacing: see :mod:`~..spacing` and :mod:`~..sigma_spacing`; "auto" is that in the sampler's name, else the
                model's own, else the sampler's.
            xl: whether the model is a Stable Diffusion XL, for which "ays" has a table of its own.

        Raises InvalidRequest for a spacing that the sampler or the model cannot have.
        """
        kind = SAMPLERS[name]
        schedule, options = NoiseSchedule.of_config(config), replace(Options.of_config(config), xl=xl)
        _refuse_spacing(spacing, name, schedule)
        if spacing == "auto" or kind.own_spacing == DISTILLED:
            spacing = kind.own_spacing or options.spacing or kind.spacing
        if schedule.ends_without_signal:
            # Steps that are spread up to a sigma of 4096 would leave few for the picture.
            spread_over_sigma = spacing in SIGMA_SPACINGS
            schedule = (_nearly_without_signal if spread_over_sigma else kind.least_signal)(schedule)
        steps, strength = _at_least_one_step(steps, strength)
        # The last trained time step cannot be stepped from twice, which leading spacing does with all of them.
        steps = min(steps, schedule.length - 1)
        while spacing == "trailing" and times(steps, schedule.length, spacing, options.offset).min() < 0:
            # It counts down in floats and passes zero for a few numbers of steps, such as 499.
            steps -= 1
        trajectory = kind.spread(schedule, steps, spacing, options)
        skipped = steps - min(int(steps * strength), steps)
        return cls(name, schedule, trajectory.beginning_at(skipped), steps, strength)

    @property
    def order(self) -> int:
        """Questions to the network for what is one step to the artist."""
        return SAMPLERS[self.name].order

    @property
    def questions(self) -> int:
        """How often the network will be asked."""
        return self.order * (len(self.trajectory.left) - 1) + 1

    def sampler(self, draw: Draw) -> Sampler:
        """A fresh one, which remembers nothing of another picture. draw: where new noise comes from."""
        return SAMPLERS[self.name].make(self.trajectory, draw)


def _refuse_spacing(spacing: str, name: str, schedule: NoiseSchedule) -> None:
    if refusal := spacing_refusal(name, spacing):
        raise InvalidRequest("spacing", refusal)
    if spacing == "ays" and not is_published_for(schedule):
        raise InvalidRequest(
            "spacing",
            Sentence(
                "Align Your Steps was published for the noise of Stable Diffusion 1.x and XL, which this model does "
                "not have; choose another spacing."
            ),
        )


def _at_least_one_step(steps: int, strength: float) -> tuple[int, float]:
    """Of the whole way int(steps * strength) steps are gone, which may be none. More steps then, as few as leave one.

    The strength, which is what the artist sees, stays as it was.
    """
    strength = max(strength, 0.002)
    while int(steps * strength) < 1:
        steps = max(steps + 1, math.ceil(1 / strength))
    return steps, strength
