# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedulers by the names artists know.

Each is made fresh for a call from the configuration of the model's own scheduler, so that the noise schedule
and the prediction type stay those the model was trained with and no state survives a job.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import diffusers
import torch
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import Tensor


class _LMSFromAnywhere(diffusers.LMSDiscreteScheduler):
    """LMS that may start in the middle of its schedule, as image-to-image and inpainting do.

    diffusers takes the order from the index of the step, and so weighs derivatives that it does not have yet.
    """

    def step(self, *arguments: Any, order: int = 4, **named: Any) -> Any:
        return super().step(*arguments, order=min(order, len(self.derivatives) + 1), **named)


_CLASSES: dict[str, tuple[type[SchedulerMixin], dict[str, Any]]] = {
    "DPM++ 2M": (diffusers.DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++"}),
    "DPM++ 2M Karras": (
        diffusers.DPMSolverMultistepScheduler,
        {"algorithm_type": "dpmsolver++", "use_karras_sigmas": True},
    ),
    # The multistep form draws its noise from the generator; the single-step one needs torchsde and global state.
    "DPM++ SDE": (diffusers.DPMSolverMultistepScheduler, {"algorithm_type": "sde-dpmsolver++"}),
    "Euler": (diffusers.EulerDiscreteScheduler, {}),
    "Euler a": (diffusers.EulerAncestralDiscreteScheduler, {}),
    "DDIM": (diffusers.DDIMScheduler, {}),
    "DDPM": (diffusers.DDPMScheduler, {}),
    "UniPC": (diffusers.UniPCMultistepScheduler, {}),
    "Heun": (diffusers.HeunDiscreteScheduler, {}),
    "LMS": (_LMSFromAnywhere, {}),
    "PNDM": (diffusers.PNDMScheduler, {"skip_prk_steps": True}),
    "DPM2": (diffusers.KDPM2DiscreteScheduler, {}),
    "DEIS": (diffusers.DEISMultistepScheduler, {}),
    "LCM": (diffusers.LCMScheduler, {}),
}

_OF_THE_MODEL = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "timestep_spacing",
    "rescale_betas_zero_snr",
    "set_alpha_to_one",  # whether the last step leaves no noise; in other schedulers the next one says so
    "final_sigmas_type",
    "original_inference_steps",
    "_use_default_values",  # diffusers: which of these nobody chose, so that each scheduler takes its own default
)

_NO_ZERO_SNR = ("Heun", "LMS", "PNDM", "DPM2", "DEIS", "DPM++ 2M Karras")
"""Those that cannot start where no signal is left: diffusers has no such option for them, and the spacing of
Karras et al. 2022 spreads its steps up to the largest sigma, so that one of 4096 leaves few for the picture."""

SIGMA_MAX = 128.0
"""Where those start instead: noise 128 times the signal. A known colour then comes out within half a percent (within
4 % with PNDM, which is not made for it); starting at 15, as Stable Diffusion 1.x does, it comes out 3 % paler."""


def make_scheduler(name: str, model_config: Mapping[str, Any], steps: int) -> SchedulerMixin:
    """The scheduler an artist calls ``name``, for a model with the scheduler configuration ``model_config``."""
    kind, options = _CLASSES[name]
    options = dict(options)
    if model_config.get("rescale_betas_zero_snr") and name in _NO_ZERO_SNR:
        betas = nearly_zero_snr_betas(model_config)
        options |= {"trained_betas": betas.tolist(), "rescale_betas_zero_snr": False}
    if name == "LCM":
        # LCM picks its steps among those of the schedule it was distilled on, and refuses more than there are.
        options["original_inference_steps"] = max(steps, model_config.get("original_inference_steps", 50))
    return kind.from_config(dict(model_config), **options)


def model_part(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a scheduler's configuration belongs to the model; the rest is the scheduler's own, chosen by name.

    With the two corrections that the pipelines of diffusers make, with a warning.
    """
    kept = {name: config[name] for name in _OF_THE_MODEL if name in config}
    return {**kept, "steps_offset": 1, "clip_sample": False}


def nearly_zero_snr_betas(config: Mapping[str, Any]) -> Tensor:
    """Betas whose last step has ``SIGMA_MAX`` times more noise than signal; float64, one per training timestep.

    As in Lin et al. 2023 ("Common Diffusion Noise Schedules and Sample Steps are Flawed", algorithm 1), with a small
    number in place of the zero: sqrt(abar) is shifted and scaled so that the first stays and the last is
    1 / sqrt(1 + SIGMA_MAX^2).
    """
    betas = diffusers.DDIMScheduler.from_config({**config, "rescale_betas_zero_snr": False}).betas.double()
    signal = (1 - betas).cumprod(0).sqrt()
    last = 1 / math.sqrt(1 + SIGMA_MAX**2)
    signal = last + (signal - signal[-1]) * (signal[0] - last) / (signal[0] - signal[-1])
    abar = signal**2
    alphas = torch.cat([abar[:1], abar[1:] / abar[:-1]])
    return 1 - alphas


@dataclass(frozen=True)
class Schedule:
    """How far and in how many steps the reverse process goes.

    steps: of the full schedule, as diffusers wants them. strength: the part that is run. evaluations: how often the
    U-Net will be asked; second-order schedulers ask twice a step, PNDM once more at the start.
    """

    name: str
    model_config: Mapping[str, Any]
    steps: int
    strength: float
    evaluations: int

    def scheduler(self) -> SchedulerMixin:
        return make_scheduler(self.name, self.model_config, self.steps)

    @classmethod
    def fit(cls, name: str, model_config: Mapping[str, Any], steps: int, strength: float) -> Schedule:
        """The schedule for what the artist asked, changed where diffusers could not run it."""
        steps, strength = _at_least_one_step(steps, strength)
        # The last trained timestep cannot be stepped from twice, which "leading" spacing does with all of them.
        steps = min(steps, model_config.get("num_train_timesteps", 1000) - 1)
        scheduler = make_scheduler(name, model_config, steps)
        scheduler.set_timesteps(steps)
        while scheduler.timesteps.min() < 0:
            # "Trailing" spacing counts down in floats and passes zero for a few numbers of steps, such as 499.
            steps -= 1
            scheduler.set_timesteps(steps)
        skipped = steps - min(int(steps * strength), steps)
        return cls(name, model_config, steps, strength, len(scheduler.timesteps) - skipped * scheduler.order)


def _at_least_one_step(steps: int, strength: float) -> tuple[int, float]:
    """diffusers runs int(steps * strength) steps, which may be none. More steps then, as few as leave one.

    The strength, which is what the artist sees, stays as it was.
    """
    strength = max(strength, 0.002)
    while int(steps * strength) < 1:
        steps = max(steps + 1, math.ceil(1 / strength))
    return steps, strength
