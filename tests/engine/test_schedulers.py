# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import numpy as np
import pytest
import torch

from sd_blender.core.messages import Progress, Started
from sd_blender.core.request import SCHEDULERS, ImageToImage, Inpaint, Sampling, TextToImage
from sd_blender.engine.schedulers import (
    SIGMA_MAX,
    Schedule,
    make_scheduler,
    model_part,
    nearly_zero_snr_betas,
)

from .conftest import box_mask, painting
from .tiny_model import STABLE_DIFFUSION_1, ZERO_SNR

STOCHASTIC = ("DDPM", "Euler a", "DPM++ SDE", "LCM")


def sampling(scheduler: str, steps: int = 3, **changes) -> Sampling:
    return Sampling(width=32, height=32, steps=steps, scheduler=scheduler, guidance_scale=2.0, **changes)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("model", ["tiny", "tiny_zero_snr"])
def test_every_scheduler_makes_a_picture_and_counts_its_steps(request, run, model, scheduler, steps):
    folder = request.getfixturevalue(model)
    done = run(TextToImage(prompt="stone", model=str(folder), sampling=sampling(scheduler, steps)))
    assert done.pixels.std() > 5 and not done.result.images[0].warnings
    total = done.of(Started)[0].steps
    assert [message.step for message in done.of(Progress)] == list(range(1, total + 1))


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_starts_from_a_picture(tiny_zero_snr, run, scheduler):
    image = painting(32, 32)
    task = {"prompt": "stone", "model": str(tiny_zero_snr), "image": image, "strength": 0.5}
    done = run(ImageToImage(**task, sampling=sampling(scheduler, 4)))
    assert done.of(Progress)[-1].step == done.of(Started)[0].steps
    inpainted = run(Inpaint(**task, mask=box_mask(32, 32, 8, 8, 24, 24), sampling=sampling(scheduler, 4)))
    assert (inpainted.pixels[12:20, 12:20] != image[12:20, 12:20]).any()


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_little_noise_changes_little(tiny, scheduler):
    """add_noise and the last step agree: x_0 comes back when the model predicts the noise exactly."""
    steps, strength = 20, 0.25
    chosen = make_scheduler(scheduler, STABLE_DIFFUSION_1, steps)
    chosen.set_timesteps(steps)
    start = steps - int(steps * strength)
    timesteps = chosen.timesteps[start * chosen.order :]
    chosen.set_begin_index(start * chosen.order) if hasattr(chosen, "set_begin_index") else None
    x0 = torch.linspace(-1, 1, 64).reshape(1, 4, 4, 4)
    generator = torch.Generator().manual_seed(0)
    x = chosen.add_noise(x0, torch.randn(x0.shape, generator=generator), timesteps[:1])
    stochastic = {"generator": generator} if scheduler in STOCHASTIC else {}
    for t in timesteps:
        seen = chosen.scale_model_input(x, t)
        abar = abar_at(chosen.alphas_cumprod, float(t))
        noise = (seen - abar**0.5 * x0) / (1 - abar) ** 0.5
        x = chosen.step(noise, t, x, return_dict=False, **stochastic)[0]
    assert (x - x0).abs().max() < 0.15


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_each_is_made_fresh(scheduler):
    assert make_scheduler(scheduler, ZERO_SNR, 5) is not make_scheduler(scheduler, ZERO_SNR, 5)


def test_dpm_2m_karras_is_karras():
    sigmas = make_scheduler("DPM++ 2M Karras", STABLE_DIFFUSION_1, 10)
    sigmas.set_timesteps(10)
    plain = make_scheduler("DPM++ 2M", STABLE_DIFFUSION_1, 10)
    plain.set_timesteps(10)
    # Karras et al. 2022, equation 5 with rho = 7: equal steps of sigma^(1/7).
    root = sigmas.sigmas[:-1].double() ** (1 / 7)
    assert torch.allclose(root.diff(), root.diff()[0].expand(9), rtol=1e-3)
    assert not torch.allclose(sigmas.sigmas, plain.sigmas)


def test_steps_beyond_the_schedule_lcm_was_distilled_on(tiny):
    scheduler = make_scheduler("LCM", STABLE_DIFFUSION_1, 60)
    scheduler.set_timesteps(60)
    assert len(scheduler.timesteps) == 60


def test_betas_end_almost_without_signal():
    betas = nearly_zero_snr_betas(ZERO_SNR)
    abar = (1 - betas).cumprod(0)
    assert float(((1 - abar[-1]) / abar[-1]) ** 0.5) == pytest.approx(SIGMA_MAX, rel=1e-9)
    original = make_scheduler("DDIM", STABLE_DIFFUSION_1, 1).alphas_cumprod
    assert float(abar[0]) == pytest.approx(float(original[0]), abs=1e-6)
    assert (betas > 0).all() and (betas < 1).all()


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_first_step_of_a_zero_snr_model_holds_almost_no_signal(scheduler):
    chosen = make_scheduler(scheduler, ZERO_SNR, 20)
    chosen.set_timesteps(20)
    abar = float(chosen.alphas_cumprod[round(float(chosen.timesteps[0]))])
    assert abar < 1.01 / SIGMA_MAX**2


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_finds_the_colour_of_a_zero_snr_model(scheduler):
    """For data known to be normal the perfect model is known too: samples must have the data's mean and spread.

    A start that wrongly takes noise for signal shows as a mean drawn to 0, that is, as colours that are washed out.
    """
    mean, spread = 2.0, 0.5
    trained = make_scheduler("DDIM", ZERO_SNR, 20).alphas_cumprod.double()
    schedule = Schedule.fit(scheduler, ZERO_SNR, 20, 1.0)
    chosen = schedule.scheduler()
    chosen.set_timesteps(schedule.steps)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 4, 32, 32, generator=generator) * chosen.init_noise_sigma
    stochastic = {"generator": generator} if scheduler in STOCHASTIC else {}
    for t in chosen.timesteps:
        seen = chosen.scale_model_input(x, t)
        abar = abar_at(trained, float(t))
        x0 = (abar**0.5 * spread**2 * seen + (1 - abar) * mean) / (abar * spread**2 + 1 - abar)
        velocity = (abar**0.5 * seen - x0) / (1 - abar) ** 0.5
        x = chosen.step(velocity.float(), t, x, return_dict=False, **stochastic)[0]
    assert float(x.mean()) == pytest.approx(mean, rel=0.05 if scheduler == "PNDM" else 0.01)
    # LCM leaps to its prediction at each step, which takes the spread away on a model not distilled for it.
    assert (0.25 if scheduler == "LCM" else 0.38) < float(x.std()) < 0.55


def abar_at(abars: torch.Tensor, timestep: float) -> float:
    low = int(timestep)
    share = timestep - low
    return float(abars[low]) * (1 - share) + float(abars[min(low + 1, 999)]) * share


@pytest.mark.parametrize(
    ("steps", "strength", "expected"),
    [(20, 0.6, 12), (20, 1.0, 20), (20, 0.04, 1), (1, 0.5, 1), (1, 1.0, 1), (49, 1 / 49, 1), (10, 0.001, 1)],
)
def test_strength_runs_the_part_it_says_and_at_least_one_step(steps, strength, expected):
    schedule = Schedule.fit("DDIM", STABLE_DIFFUSION_1, steps, strength)
    assert int(schedule.steps * schedule.strength) == schedule.evaluations == expected
    assert schedule.strength == pytest.approx(strength, abs=0.002)


LONG = [1, 45, 499, 1000]


@pytest.mark.parametrize("schedule", [STABLE_DIFFUSION_1, ZERO_SNR], ids=["SD 1.x", "zero SNR"])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_any_number_of_steps_stays_within_the_trained_timesteps(scheduler, schedule):
    for steps in LONG:
        fitted = Schedule.fit(scheduler, schedule, steps, 1.0)
        chosen = fitted.scheduler()
        chosen.set_timesteps(fitted.steps)
        assert chosen.timesteps.min() >= 0 and chosen.timesteps.max() <= 999
        assert steps - 1 <= fitted.steps <= steps


@pytest.mark.parametrize("steps", [249])
@pytest.mark.parametrize("model", ["tiny", "tiny_zero_snr"])
def test_karras_spacing_with_the_same_timestep_twice(request, run, model, steps):
    """diffusers' own text-to-image skips a step there, and then has one too few."""
    folder = request.getfixturevalue(model)
    chosen = Sampling(width=16, height=16, steps=steps, scheduler="DPM++ 2M Karras", guidance_scale=1.0)
    done = run(TextToImage(prompt="stone", model=str(folder), sampling=chosen))
    assert done.pixels.std() > 5


def test_a_name_means_the_same_on_every_model():
    """Whatever scheduler the model came with: its own options do not leak into another."""
    karras = make_scheduler("DPM++ 2M Karras", STABLE_DIFFUSION_1, 10).config
    for scheduler in SCHEDULERS:
        plain = make_scheduler(scheduler, STABLE_DIFFUSION_1, 10)
        after = make_scheduler(scheduler, model_part(karras), 10)
        for chosen in (plain, after):
            chosen.set_timesteps(10)
        assert torch.equal(plain.timesteps, after.timesteps)
        assert plain.config.get("algorithm_type") == after.config.get("algorithm_type")


def test_where_the_last_step_ends_is_the_models():
    """At no noise, or at the least of the training, which some models need for their finest grain."""
    ends = []
    for config in (ZERO_SNR, {**ZERO_SNR, "final_sigmas_type": "sigma_min"}):
        chosen = make_scheduler("DPM++ 2M", model_part(config), 8)
        chosen.set_timesteps(8)
        ends.append(float(chosen.sigmas[-1]))
    assert ends[0] == 0
    assert ends[1] == pytest.approx(0.029, abs=0.002)


@pytest.mark.parametrize("strength", [0.001, 0.3])
def test_one_step_at_low_strength_runs(tiny, run, strength):
    image = painting(32, 32)
    request = ImageToImage(
        prompt="stone", model=str(tiny), image=image, strength=strength, sampling=sampling("DDIM", 1)
    )
    assert run(request).of(Started)[0].steps == 1


def test_more_strength_is_more_freedom(tiny_zero_snr):
    """The start of the reverse process is further from the image, in the noise level of the first timestep."""
    levels = []
    for strength in (0.2, 0.5, 0.8, 1.0):
        chosen = make_scheduler("DDIM", ZERO_SNR, 20)
        chosen.set_timesteps(20)
        first = chosen.timesteps[20 - int(20 * strength)]
        levels.append(float(chosen.alphas_cumprod[int(first)]))
    assert np.all(np.diff(levels) < 0)
