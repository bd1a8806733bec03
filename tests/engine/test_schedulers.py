# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from sd_blender.core.choices import SPACINGS
from sd_blender.core.diffusion.guidance import Unguided
from sd_blender.core.diffusion.loop import denoise
from sd_blender.core.diffusion.noise_schedule import SIGMA_MAX, NoiseSchedule
from sd_blender.core.diffusion.samplers import Plan
from sd_blender.core.errors import InvalidRequest, ModelRefused
from sd_blender.core.messages import Progress, Started
from sd_blender.core.request import SCHEDULERS, ImageToImage, Inpaint, Sampling, TextToImage
from sd_blender.engine.diffusers_engine import DiffusersEngine
from tests.closeness import ROUNDING, SCHEDULE, assert_near, is_near

from .conftest import box_mask, painting
from .tiny_model import STABLE_DIFFUSION_1, ZERO_SNR


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


class Known:
    """A network that knows the picture: x_0, whatever it is shown."""

    def __init__(self, x0):
        self.x0 = x0

    def __call__(self, x, level, texts, inputs):
        return [(x - level.signal * self.x0) / level.noise]


def run_plan(plan, x, denoiser, kind="epsilon", seed=0):
    generator = torch.Generator().manual_seed(seed)
    sampler = plan.sampler(lambda: torch.randn(x.shape, generator=generator))
    return denoise(x, sampler, denoiser, kind, Unguided(None))


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_little_noise_changes_little(scheduler):
    """The start and the last step agree: x_0 comes back when the model predicts the noise exactly."""
    plan = Plan.fit(scheduler, STABLE_DIFFUSION_1, 20, 0.25)
    x0 = torch.linspace(-1, 1, 64).reshape(1, 4, 4, 4)
    x = plan.trajectory.start.mix(x0, torch.randn(x0.shape, generator=torch.Generator().manual_seed(0)))
    assert (run_plan(plan, x, Known(x0)) - x0).abs().max() < 0.15


def test_dpm_2m_karras_is_karras():
    karras, plain = (Plan.fit(name, STABLE_DIFFUSION_1, 10) for name in ("DPM++ 2M Karras", "DPM++ 2M"))
    sigmas, others = ([step.at.sigma for step in plan.trajectory.steps] for plan in (karras, plain))
    # Karras et al. 2022, equation 5 with rho = 7: equal steps of sigma^(1/7).
    root = np.diff(np.array(sigmas) ** (1 / 7))
    assert_near(root, np.full(9, root[0]), SCHEDULE)
    assert not is_near(np.array(sigmas), np.array(others), ROUNDING)


def test_steps_beyond_the_schedule_lcm_was_distilled_on():
    assert Plan.fit("LCM", STABLE_DIFFUSION_1, 60).questions == 60


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_first_step_of_a_zero_snr_model_holds_almost_no_signal(scheduler):
    assert Plan.fit(scheduler, ZERO_SNR, 20).trajectory.start.abar < 1.01 / SIGMA_MAX**2


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_finds_the_colour_of_a_zero_snr_model(scheduler):
    """For data known to be normal the perfect model is known too: samples must have the data's mean and spread.

    A start that wrongly takes noise for signal shows as a mean drawn to 0, that is, as colours that are washed out.
    """
    mean, spread = 2.0, 0.5
    trained = NoiseSchedule.of_config(ZERO_SNR)

    def perfect(x, level, texts, inputs):
        abar = trained.level(level.timestep).abar
        x0 = (abar**0.5 * spread**2 * x + (1 - abar) * mean) / (abar * spread**2 + 1 - abar)
        return [(abar**0.5 * x - x0) / (1 - abar) ** 0.5]

    plan = Plan.fit(scheduler, ZERO_SNR, 20)
    noise = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    x = run_plan(plan, plan.trajectory.start_noise * noise, perfect, "v_prediction")
    assert float(x.mean()) == pytest.approx(mean, rel=0.05 if scheduler == "PNDM" else 0.01)
    # LCM leaps to its prediction at each step, which takes the spread away on a model not distilled for it.
    assert (0.25 if scheduler in ("LCM", "TCD") else 0.38) < float(x.std()) < 0.55


@pytest.mark.parametrize(
    ("steps", "strength", "expected"),
    [(20, 0.6, 12), (20, 1.0, 20), (20, 0.04, 1), (1, 0.5, 1), (1, 1.0, 1), (49, 1 / 49, 1), (10, 0.001, 1)],
)
def test_strength_runs_the_part_it_says_and_at_least_one_step(steps, strength, expected):
    plan = Plan.fit("DDIM", STABLE_DIFFUSION_1, steps, strength)
    assert int(plan.steps * plan.strength) == plan.questions == expected
    assert plan.strength == pytest.approx(strength, abs=0.002)


LONG = [1, 45, 499, 1000]


@pytest.mark.parametrize("schedule", [STABLE_DIFFUSION_1, ZERO_SNR], ids=["SD 1.x", "zero SNR"])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_any_number_of_steps_stays_within_the_trained_timesteps(scheduler, schedule):
    for steps in LONG:
        plan = Plan.fit(scheduler, schedule, steps)
        times = [step.at.timestep for step in plan.trajectory.steps]
        assert min(times) >= 0 and max(times) <= 999
        assert steps - 1 <= plan.steps <= steps


@pytest.mark.parametrize("steps", [249])
@pytest.mark.parametrize("model", ["tiny", "tiny_zero_snr"])
def test_karras_spacing_with_the_same_timestep_twice(request, run, model, steps):
    """diffusers' own text-to-image skips a step there, and then has one too few."""
    folder = request.getfixturevalue(model)
    chosen = Sampling(width=16, height=16, steps=steps, scheduler="DPM++ 2M Karras", guidance_scale=1.0)
    done = run(TextToImage(prompt="stone", model=str(folder), sampling=chosen))
    assert done.pixels.std() > 5


def test_where_the_last_step_ends_is_the_models():
    """At no noise, or at the least of the training, which some models need for their finest grain."""
    configs = ZERO_SNR, {**ZERO_SNR, "final_sigmas_type": "sigma_min"}
    clean, least = (Plan.fit("DPM++ 2M", config, 8).trajectory.steps[-1].to.sigma for config in configs)
    assert clean == 0
    assert least == pytest.approx(0.029, abs=0.002)


@pytest.mark.parametrize("strength", [0.001, 0.3])
def test_one_step_at_low_strength_runs(tiny, run, strength):
    image = painting(32, 32)
    request = ImageToImage(
        prompt="stone", model=str(tiny), image=image, strength=strength, sampling=sampling("DDIM", 1)
    )
    assert run(request).of(Started)[0].steps == 1


def test_more_strength_is_more_freedom():
    """The start of the reverse process is further from the image, in the noise level of the first timestep."""
    plans = [Plan.fit("DDIM", ZERO_SNR, 20, strength) for strength in (0.2, 0.5, 0.8, 1.0)]
    assert np.all(np.diff([plan.trajectory.start.abar for plan in plans]) < 0)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_every_spacing_makes_a_picture_of_its_own(tiny, run, spacing):
    def made(spacing):
        task = TextToImage(prompt="stone", model=str(tiny), sampling=sampling("Euler", 6, spacing=spacing))
        return run(task).pixels

    same = np.array_equal(made(spacing), made("auto"))
    assert same == (spacing in ("auto", "leading")), "the model's own is leading"


def test_a_spacing_that_the_model_cannot_have_is_refused_before_it_is_loaded(tiny_zero_snr, monkeypatch):
    engine, messages = DiffusersEngine(device="cpu"), []
    task = TextToImage(prompt="a", model=str(tiny_zero_snr), sampling=sampling("Euler", 6, spacing="ays"))
    with pytest.raises(InvalidRequest, match="Align Your Steps was published for") as refusal:
        engine.generate("job", task, messages.append, lambda: False)
    assert refusal.value.field == "spacing" and not messages


@pytest.mark.parametrize("spacing", ["auto", "karras"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("beta_schedule", "sigmoid"), ("beta_start", "small"), ("timestep_spacing", "sideways")],
)
def test_a_schedule_that_is_not_known_is_refused_by_the_name_of_its_folder(
    tiny, tmp_path, run, spacing, name, value
):
    folder = shutil.copytree(tiny, tmp_path / "model")
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    task = TextToImage(prompt="a", model=str(folder), sampling=sampling("Euler", 6, spacing=spacing))
    with pytest.raises(ModelRefused, match=r"The scheduler in .*model cannot be loaded"):
        run(task)
