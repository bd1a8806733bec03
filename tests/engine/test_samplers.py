# SPDX-License-Identifier: GPL-3.0-or-later
"""Our samplers beside the schedulers of diffusers, with a network that is a formula."""

from __future__ import annotations

import json
import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from sd_blender.core.diffusion.align_your_steps import align_your_steps
from sd_blender.core.diffusion.estimate import Estimate
from sd_blender.core.diffusion.guidance import Unguided
from sd_blender.core.diffusion.known_part import KnownPart
from sd_blender.core.diffusion.level import Level
from sd_blender.core.diffusion.loop import Draw, denoise
from sd_blender.core.diffusion.noise_schedule import SIGMA_MAX, NoiseSchedule
from sd_blender.core.diffusion.samplers import SAMPLERS, Plan

from ..closeness import ITERATED, SAMPLER, SCHEDULE, assert_near

SD_1 = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "clip_sample": False,
}
ZERO = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}


class LMSFromAnywhere(diffusers.LMSDiscreteScheduler):
    """diffusers weighs derivatives that it does not have yet where it starts in the middle."""

    def step(self, *arguments: Any, order: int = 4, **named: Any) -> Any:
        return super().step(*arguments, order=min(order, len(self.derivatives) + 1), **named)


def sde_scheduler() -> type:
    """It imports a library for its noise, which the test gives it."""
    with pytest.MonkeyPatch.context() as patch:
        if find_spec("torchsde") is None:
            patch.setitem(sys.modules, "torchsde", ModuleType("torchsde"))
        found: type = import_module("diffusers.schedulers.scheduling_dpmsolver_sde").DPMSolverSDEScheduler
    return found


class Brownian:
    """The noise sampler of that: increments of one Brownian motion over the two halves of each step."""

    def __init__(self, scheduler: Any, generator: torch.Generator) -> None:
        self.scheduler, self.generator = scheduler, generator

    def __call__(self, begin: Tensor, end: Tensor) -> Tensor:
        drawn = torch.randn(SHAPE, generator=self.generator, dtype=torch.float64)
        if self.scheduler.state_in_first_order:
            self.middle, self.half = end, (begin - end) ** 0.5 * drawn
            return drawn
        return (self.half + (self.middle - end) ** 0.5 * drawn) / (begin - end) ** 0.5


DPM_SOLVER, SDE = diffusers.DPMSolverMultistepScheduler, {"algorithm_type": "sde-dpmsolver++"}

SCHEDULERS: dict[str, tuple[type, dict[str, Any]]] = {
    "DPM++ 2M": (DPM_SOLVER, {}),
    "DPM++ 2M Karras": (DPM_SOLVER, {}),
    "DPM++ 2M SDE": (DPM_SOLVER, SDE),
    "DPM++ 2M SDE Karras": (DPM_SOLVER, SDE),
    "DPM++ SDE": (sde_scheduler(), {}),
    "Euler": (diffusers.EulerDiscreteScheduler, {}),
    "Euler a": (diffusers.EulerAncestralDiscreteScheduler, {}),
    "DDIM": (diffusers.DDIMScheduler, {}),
    "DDPM": (diffusers.DDPMScheduler, {}),
    "UniPC": (diffusers.UniPCMultistepScheduler, {}),
    "Heun": (diffusers.HeunDiscreteScheduler, {}),
    "LMS": (LMSFromAnywhere, {}),
    "PNDM": (diffusers.PNDMScheduler, {"skip_prk_steps": True}),
    "DPM2": (diffusers.KDPM2DiscreteScheduler, {}),
    "DEIS": (diffusers.DEISMultistepScheduler, {}),
    "LCM": (diffusers.LCMScheduler, {}),
    "TCD": (diffusers.TCDScheduler, {}),
}
"""The same of diffusers, by our names."""

# What diffusers does not have; ours are asked in tests/core then.
NO_SAMPLE = ("Euler a", "DPM++ SDE", "PNDM", "DPM2")
NO_SIGMAS = ("Euler a", "DDIM", "DDPM", "PNDM")
NO_ZERO = ("DPM++ SDE", "Heun", "LMS", "PNDM", "DPM2", "DEIS")
DISTILLED = ("LCM", "TCD")

TIMES, SIGMAS = ("leading", "trailing", "linspace"), ("karras", "exponential", "beta", "ays")


def spacings_of(name: str, prediction: str) -> tuple[str, ...]:
    if name in DISTILLED or name.endswith("Karras"):
        return ("auto",)
    if name in NO_SIGMAS:
        return TIMES
    return (*TIMES, *SIGMAS[:3]) if prediction == "zero" else (*TIMES, *SIGMAS)


CASES = [
    (name, prediction, spacing)
    for name in SCHEDULERS
    for prediction in ("epsilon", "v_prediction", "sample", "zero")
    if not (prediction == "sample" and name in NO_SAMPLE)
    for spacing in spacings_of(name, prediction)
]
TASKS = {
    # strength, steps: fewest, few enough for DPM-Solver to end with another step, more than that
    "text": [(1.0, 1), (1.0, 2), (1.0, 3), (1.0, 8), (1.0, 17)],
    "image": [(0.05, 20), (0.3, 8), (0.77, 20), (1.0, 3)],
    "known": [(0.3, 9), (0.77, 8), (1.0, 4)],
    "known from noise": [(1.0, 5)],
}

SHAPE = (2, 4, 6, 5)

Known = tuple[Tensor, Tensor, Tensor]
"""What is new, the picture that is known, and its noise."""


class Network:
    """Finds a picture that is a smooth function of latents and time, and says of it what it was trained to say."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.schedule = NoiseSchedule.of_config(config).with_some_signal()

    def __call__(self, x: Tensor, timestep: float) -> Tensor:
        level, precise = self.schedule.level(timestep), x.double()
        x0 = torch.tanh(precise * 0.7 + timestep / 1000) - 0.1 * precise.roll(1, -1)
        eps = (precise - level.signal * x0) / level.noise
        output: Tensor = Estimate(level, precise, x0, eps, self.schedule.prediction).output
        return output.to(x.dtype)


class Oracle:
    """The loop of diffusers' pipelines around ``scheduler``, with the known part put back where there is one."""

    def __init__(self, name: str, config: Any, steps: int, strength: float, spacing: str = "auto") -> None:
        self.scheduler = self.scheduler_of(name, config, steps, spacing)
        self.network = Network(config)
        if spacing == "ays":
            self.scheduler._convert_to_karras = lambda *_, **named: align_your_steps(steps, xl=False)
        self.scheduler.set_timesteps(steps)
        if (name, spacing) == ("DEIS", "ays"):  # which takes the last of the table for the end
            self.scheduler.sigmas[-1] = level_of(self.scheduler, 0)
        order, skipped = self.scheduler.order, steps - min(int(steps * strength), steps)
        self.timesteps = self.scheduler.timesteps[skipped * order :]
        if hasattr(self.scheduler, "set_begin_index"):
            self.scheduler.set_begin_index(skipped * order)

    @staticmethod
    def scheduler_of(name: str, config: Any, steps: int, spacing: str = "auto") -> Any:
        """That of diffusers for a model of this configuration."""
        if spacing == "auto" and name.endswith("Karras"):
            spacing = "karras"
        options: dict[str, Any] = {f"use_{kind}_sigmas": False for kind in SIGMAS[:3]}
        if spacing in SIGMAS:
            options[f"use_{'karras' if spacing == 'ays' else spacing}_sigmas"] = True
        if name in NO_SIGMAS or name in DISTILLED:
            options = {}
        if spacing in TIMES:
            options["timestep_spacing"] = spacing
        if name in DISTILLED:
            options["original_inference_steps"] = max(steps, config.get("original_inference_steps", 50))
        zero = config.get("rescale_betas_zero_snr")
        nearly = zero and (name in NO_ZERO or spacing in SIGMAS)
        made = scheduler_made(name, json.dumps(dict(config)), bool(nearly))
        made.register_to_config(**{"timestep_spacing": made.own_spacing, **options})
        return made

    def start(self, x0: Tensor | None, eps: Tensor) -> Tensor:
        if x0 is None:
            return eps * self.scheduler.init_noise_sigma
        return self.scheduler.add_noise(x0, eps, self.timesteps[:1])

    def run(self, x: Tensor, generator: torch.Generator, known: Known | None = None) -> Tensor:
        named: dict[str, Any] = {"generator": generator} if takes_generator(self.scheduler) else {}
        if hasattr(self.scheduler, "noise_sampler"):
            self.scheduler.noise_sampler = Brownian(self.scheduler, generator)
        for index, timestep in enumerate(self.timesteps):
            output = self.network(self.scheduler.scale_model_input(x, timestep), float(timestep))
            x = self.scheduler.step(output, timestep, x, **named).prev_sample
            if known is not None:
                new, x0, eps = known
                following = self.timesteps[index + 1 : index + 2]
                back = self.scheduler.add_noise(x0, eps, following) if len(following) else x0
                x = (1 - new) * back + new * x
        return x


def takes_generator(scheduler: Any) -> bool:
    return "generator" in scheduler.step.__code__.co_varnames


def level_of(scheduler: Any, timestep: int) -> float:
    """Noise over signal."""
    abar = float(scheduler.alphas_cumprod[timestep])
    return ((1 - abar) / abar) ** 0.5


@cache
def scheduler_made(name: str, config: str, nearly: bool) -> Any:
    """From the configuration as JSON. Some take half a second, in which they spread a thousand steps.

    nearly: whether a schedule that ends without signal is to end with a little instead. The schedule is in double
    precision: 1 - abar of the first time steps has three digits less in single, and long steps show it.
    """
    kind, options = SCHEDULERS[name]
    values = json.loads(config)
    zero = values.get("rescale_betas_zero_snr", False)
    made = kind.from_config(values | {"rescale_betas_zero_snr": zero and not nearly}, **options)
    plain = diffusers.DDIMScheduler.from_config(values | {"rescale_betas_zero_snr": False})
    abar = plain.alphas.cumprod(0, dtype=torch.float64)
    if zero:
        signal, last = abar.sqrt(), (1 + SIGMA_MAX**2) ** -0.5 if nearly else 0.0
        abar = (last + (signal - signal[-1]) * (signal[0] - last) / (signal[0] - signal[-1])) ** 2
        abar[-1] = abar[-1] if nearly else made.alphas_cumprod[-1]
    made.alphas_cumprod = abar
    if not getattr(made.config, "set_alpha_to_one", True):
        made.final_alpha_cumprod = abar[0]
    made.own_spacing = made.config.timestep_spacing
    return made


def ours(plan: Plan, network: Network, x: Tensor, draw: Draw, known: Known | None) -> tuple[Tensor, int]:
    """Latents at the end, and how often the network was asked."""
    asked = 0

    def denoiser(x: Tensor, level: Level, texts: Any, inputs: dict[str, Any]) -> list[Tensor]:
        nonlocal asked
        asked += 1
        return [network(x, level.timestep)]

    sampler = plan.sampler(draw)
    conditions = [KnownPart(*known)] if known else []
    made = denoise(x, sampler, denoiser, plan.schedule.prediction, Unguided(None), conditions)
    return made, asked


@cache
def arrays() -> Known:
    """In double precision, so that what differs is not a rounding; tests/core asks for single."""
    random = torch.Generator().manual_seed(1)
    new = torch.rand(1, 1, *SHAPE[2:], generator=random) > 0.5
    return new.double(), *torch.randn(2, *SHAPE, generator=random, dtype=torch.float64)


def compare(
    name: str, config: dict[str, Any], task: str, strength: float, steps: int, spacing: str = "auto"
) -> None:
    plan = Plan.fit(name, config, steps, strength, spacing)
    oracle = Oracle(name, config, plan.steps, plan.strength, spacing)
    _, x0, eps = arrays()
    known = arrays() if task.startswith("known") else None
    ours_generator, generator = (torch.Generator().manual_seed(2) for _ in range(2))

    def draw() -> Tensor:
        dtype = torch.float32 if "2M SDE" in name else torch.float64  # as diffusers draws it
        return torch.randn(SHAPE, generator=ours_generator, dtype=dtype).double()

    if task in ("text", "known from noise"):
        start, expected = (
            plan.trajectory.start_noise * eps,
            oracle.run(oracle.start(None, eps), generator, known),
        )
    else:
        start, expected = (
            plan.trajectory.start.mix(x0, eps),
            oracle.run(oracle.start(x0, eps), generator, known),
        )
    made, asked = ours(plan, oracle.network, start, draw, known)
    assert asked == plan.questions == len(oracle.timesteps)
    # With 128 and 4096 times more noise than signal diffusers loses digits: its factors are in single precision.
    assert_near(made, expected, ITERATED if config.get("rescale_betas_zero_snr") else SAMPLER)


def config_of(prediction: str) -> dict[str, Any]:
    return SD_1 | (ZERO if prediction == "zero" else {"prediction_type": prediction})


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("name", "prediction", "spacing"), CASES)
def test_samplers_are_those_of_diffusers(name, prediction, spacing, task):
    for strength, steps in TASKS[task]:
        if name == "DEIS" and spacing in SIGMAS and steps == 1:
            continue  # of which diffusers makes no step at all: its last sigma is the first
        compare(name, config_of(prediction), task, strength, steps, spacing)


STARTS_AND_ENDS = {
    "Stable Diffusion 1.x": {"set_alpha_to_one": False},
    "2.x": {"set_alpha_to_one": False, "prediction_type": "v_prediction"},
    "turbo": {"timestep_spacing": "trailing", "final_sigmas_type": "zero", "set_alpha_to_one": True},
    "ours": {
        **ZERO,
        "timestep_spacing": "trailing",
        "final_sigmas_type": "sigma_min",
        "set_alpha_to_one": False,
    },
    "not chosen": {"timestep_spacing": "leading", "_use_default_values": ["timestep_spacing"]},
    "cosine": {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction"},
    "linear": {"beta_schedule": "linear", "beta_end": 0.015},
    "short": {"num_train_timesteps": 400, "final_sigmas_type": "sigma_min"},
    "trained": {"trained_betas": torch.linspace(0.001, 0.03, 500).tolist(), "num_train_timesteps": 500},
    "distilled": {"original_inference_steps": 100},
}
"""Of models' schedulers, where they differ from SD_1."""


@pytest.mark.parametrize("model", STARTS_AND_ENDS)
@pytest.mark.parametrize("name", SCHEDULERS)
def test_samplers_go_the_way_that_the_model_says(name, model):
    config = SD_1 | STARTS_AND_ENDS[model]
    compare(name, config, "image", 0.6, 6)
    # A cosine begins with 20000 times more noise than signal, too much for single precision.
    if model != "cosine":
        compare(name, config, "text", 1.0, 6)
        compare(name, config, "text", 1.0, 16)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_samplers_are_those_of_diffusers_at_many_steps(name):
    compare(name, SD_1, "text", 1.0, 50)
    compare(name, SD_1, "image", 0.9, 60)


def test_every_sampler_has_its_scheduler_here():
    assert set(SCHEDULERS) == set(SAMPLERS)


def test_an_estimate_that_is_moved_keeps_its_latents():
    random = torch.Generator().manual_seed(1)
    x, output, move = torch.randn(3, *SHAPE, generator=random)
    for prediction in ("epsilon", "v_prediction", "sample"):
        level = Level.of_abar(0.3, 700)
        found = Estimate.of_output(output, x, level, prediction)
        for estimate in (found, found.moved(move)):
            assert_near(level.mix(estimate.x0, estimate.eps), x, SCHEDULE)
