# SPDX-License-Identifier: GPL-3.0-or-later
"""What every sampler owes the mathematics, on NumPy's arrays."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from sd_blender.core.diffusion.estimate import PREDICTIONS, Estimate
from sd_blender.core.diffusion.guidance import Unguided
from sd_blender.core.diffusion.level import Level
from sd_blender.core.diffusion.loop import denoise
from sd_blender.core.diffusion.noise_schedule import NoiseSchedule
from sd_blender.core.diffusion.samplers import SAMPLERS, Plan
from sd_blender.core.diffusion.samplers.lms import mean_weights
from tests.closeness import DOUBLE, ITERATED, SAMPLER, assert_near

from .models import DISTILLED, FREE, SD_1, SPACINGS, ZERO

SHAPE = (1, 2, 64, 64)


def run(plan, denoiser, shape=SHAPE, dtype=np.float32, seed=0):
    """Latents from noise, as a text-to-image task has them."""
    rng = np.random.default_rng(seed)

    def draw():
        return rng.standard_normal(shape).astype(dtype)

    x = plan.trajectory.start_noise * draw()
    return denoise(x, plan.sampler(draw), denoiser, plan.schedule.prediction, Unguided(None))


def knows(x0, prediction):
    """A network that finds ``x0`` in whatever it is shown."""

    def denoiser(x, level, texts, inputs):
        eps = (x - level.signal * x0) / level.noise
        return [Estimate(level, x, x0, eps, prediction).output]

    return denoiser


MIXES_WHAT_WAS_SAID = ("PNDM", "v_prediction")
"""At several levels, as diffusers has it: of a picture and of its noise, that is neither's velocity at any."""


@pytest.mark.parametrize("steps", [1, 2, 3, 20])
@pytest.mark.parametrize(
    ("name", "prediction"), sorted(set(product(SAMPLERS, PREDICTIONS)) - {MIXES_WHAT_WAS_SAID})
)
def test_who_knows_the_picture_is_led_to_it(name, prediction, steps):
    """All but for the noise of the first trained time step, where some end."""
    x0 = np.linspace(-1, 1, math.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    for spacing in ("auto",) if name in DISTILLED or name.endswith("Karras") else ("trailing", *SPACINGS[3:]):
        plan = Plan.fit(name, SD_1 | {"prediction_type": prediction}, steps, 1.0, spacing)
        made = run(plan, knows(x0, prediction))
        assert made.dtype == np.float32
        left = plan.trajectory.steps[-1].to
        if left.noise:
            assert np.abs(made - left.signal * x0).max() < 6 * left.noise
        else:
            assert_near(
                made, x0, ITERATED if name == "PNDM" else SAMPLER
            )  # it extrapolates from 14.6 to 0.03


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_model_that_ends_without_signal_is_led_to_the_picture(name):
    x0 = np.linspace(-1, 1, math.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    made = run(Plan.fit(name, ZERO | {"timestep_spacing": "trailing"}, 5), knows(x0, "v_prediction"))
    assert made.dtype == np.float32 and np.abs(made - x0).max() < 0.2


def gaussian(mean, spread):
    """The perfect network for data that are normal: it finds the mean of what x may have been made from."""

    def denoiser(x, level, texts, inputs):
        signal, noise = level.signal * spread, level.noise
        x0 = (signal * spread * x + noise**2 * mean) / (signal**2 + noise**2)
        return [(x - level.signal * x0) / level.noise]

    return denoiser


@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("spacing", SPACINGS)
def test_samples_are_spread_as_the_data(name, spacing):
    """A distilled network leaps to a sample, not to the mean, so that the perfect one says nothing of its samplers."""
    plan = Plan.fit(name, SD_1, 60, 1.0, spacing)
    made = run(plan, gaussian(0.8, 0.5), (1, 4, 64, 64))
    # 16384 of them: the mean is known to 0.004, the spread to 0.003. SD 1.x starts with a little signal that is not
    # there, which draws the mean to 0; steps of the beta spacing are long where the picture takes shape.
    assert made.mean() == pytest.approx(0.8, abs=0.07)
    assert made.std() == pytest.approx(0.5, abs=0.1 if spacing == "beta" else 0.05)


@pytest.mark.parametrize("name", ["DPM++ SDE", "DPM++ 2M SDE", "Euler a", "DDPM"])
def test_noise_of_samplers_that_draw_is_new_noise(name):
    """Two draws from one start differ, and where nothing is drawn they do not."""
    start = np.zeros((1, 1, 8, 8), np.float32)

    def made(seed):
        rng = np.random.default_rng(seed)
        plan = Plan.fit(name, SD_1, 6, 0.5)
        sampler = plan.sampler(lambda: rng.standard_normal(start.shape).astype(np.float32))
        return denoise(start, sampler, gaussian(0.0, 1.0), "epsilon", Unguided(None))

    assert (made(1) == made(1)).all() and np.abs(made(1) - made(2)).max() > 0.1


def order_of(name, steps=(16, 32)):
    """How the error falls with the length of steps, for an ODE whose solution is known: one Gaussian, one start."""
    x = np.array([[1.5]])
    errors = []
    for count in steps:
        plan = Plan.fit(name, SD_1, count, 1.0, "exponential")
        begin, end = plan.trajectory.steps[0].at, plan.trajectory.steps[-1].at

        def spread(level):
            return math.sqrt((level.signal * 0.5) ** 2 + level.noise**2)

        # Up to the last level but not from there to no noise, which is of first order in all of them.
        sampler = plan.sampler(lambda: x)
        made = x
        for index in list(sampler.steps)[:-1]:

            def predict(x, level, place=None):
                return Estimate.of_output(gaussian(0.0, 0.5)(x, level, [], {})[0], x, level, "epsilon")

            made = sampler.step(made, index, predict)
        errors.append(abs(float(made[0, 0]) - 1.5 * spread(end) / spread(begin)))
    return math.log2(errors[0] / errors[1])


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("DDIM", 1),
        ("Euler", 1),
        ("DPM++ 2M", 2),
        ("DEIS", 2),
        ("Heun", 2),
        ("DPM2", 2),
        ("UniPC", 2),
        ("LMS", 2),
    ],
)
def test_solvers_are_of_the_order_of_their_papers(name, order):
    """Half as long a step makes a solver of second order about four times as exact."""
    assert order_of(name) > order - 0.35


def test_weights_of_a_mean_are_exact_up_to_third_degree():
    nodes, end = [2.0, 3.0, 4.5, 7.0], 1.2
    weights = mean_weights(nodes, end)
    for degree in range(4):
        exact = (end ** (degree + 1) - 2.0 ** (degree + 1)) / (degree + 1) / (end - 2.0)
        found = sum(weight * node**degree for weight, node in zip(weights, nodes, strict=True))
        assert_near(np.array(found), np.array(exact), DOUBLE)
    assert_near(np.array(mean_weights([2.0], end)), np.array([1.0]), DOUBLE)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_an_estimate_knows_what_the_network_said(prediction):
    rng = np.random.default_rng(0)
    x, output = rng.standard_normal((2, 1, 4, 3, 3))
    level = Level.of_abar(0.4, 500)
    assert_near(Estimate.of_output(output, x, level, prediction).output, output, DOUBLE)


def test_a_sampler_remembers_nothing_of_another_picture():
    for name in SAMPLERS:
        plan = Plan.fit(name, SD_1, 5)
        first, second = (run(plan, gaussian(0.3, 0.5), (1, 1, 4, 4)) for _ in range(2))
        assert (first == second).all(), name


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("strength", [0.05, 0.5, 1.0])
def test_questions_are_counted_before_they_are_asked(name, strength):
    asked = []

    def denoiser(x, level, texts, inputs):
        asked.append(level)
        return [x]

    plan = Plan.fit(name, SD_1, 7, strength)
    run(plan, denoiser, (1, 1, 2, 2))
    assert len(asked) == plan.questions


def test_the_schedule_that_is_used_is_the_models_where_it_can_be():
    for name in SAMPLERS:
        assert Plan.fit(name, SD_1, 5).schedule == NoiseSchedule.of_config(SD_1)
