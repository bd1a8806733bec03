# SPDX-License-Identifier: GPL-3.0-or-later
"""Where samplers step, without torch."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sd_blender.core.diffusion.align_your_steps import (
    STABLE_DIFFUSION_1,
    STABLE_DIFFUSION_XL,
    align_your_steps,
)
from sd_blender.core.diffusion.samplers import Plan
from sd_blender.core.diffusion.sigma_spacing import SIGMA_SPACINGS, beta, beta_quantile, exponential, karras
from sd_blender.core.errors import InvalidRequest
from tests.closeness import DOUBLE, assert_near

from .models import DISTILLED, FREE, SD_1, SPACINGS, ZERO

QUANTILES = [
    (0.001, 1.855873851745e-05),
    (0.01, 8.612388215429e-04),
    (0.05, 1.255445687361e-02),
    (0.1, 3.958440558878e-02),
    (0.25, 1.756803786527e-01),
]
"""Of the beta distribution with both parameters 0.6; scipy.stats.beta.ppf(share, 0.6, 0.6)."""


@pytest.mark.parametrize(("share", "value"), QUANTILES)
def test_quantiles_of_the_beta_distribution(share, value):
    found = beta_quantile(np.array([share, 1 - share]), 0.6)
    assert_near(found, np.array([value, 1 - value]), DOUBLE)


def test_quantiles_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    share = np.linspace(0, 1, 101)
    for shape in (0.3, 0.5, 0.6, 1.0):
        assert_near(beta_quantile(share, shape), stats.beta.ppf(share, shape, shape), DOUBLE)


def test_half_a_beta_distribution_is_the_arcsine_law():
    share = np.linspace(0, 1, 33)
    assert_near(beta_quantile(share, 0.5), np.sin(share * math.pi / 2) ** 2, DOUBLE)
    assert_near(beta_quantile(share, 1.0), share, DOUBLE)


@pytest.mark.parametrize("spread", [karras, exponential, beta])
def test_levels_between_two(spread):
    found = spread(14.6, 0.03, 9)
    assert_near(found[[0, -1]], np.array([14.6, 0.03]), DOUBLE)
    assert (np.diff(found) < 0).all()
    assert_near(spread(14.6, 0.03, 1), np.array([14.6]), DOUBLE)


def test_what_is_equal_between_levels():
    first, last = 14.6, 0.03
    for even in (karras(first, last, 7) ** (1 / 7), np.log(exponential(first, last, 7))):
        assert_near(even, np.linspace(even[0], even[-1], 7), DOUBLE)
    # Symmetric: as many levels near the first as near the last.
    spread = beta(first, last, 7)
    assert_near(spread + spread[::-1], np.full(7, first + last), DOUBLE)


@pytest.mark.parametrize(("xl", "table"), [(False, STABLE_DIFFUSION_1), (True, STABLE_DIFFUSION_XL)])
def test_ten_aligned_steps_are_the_published_ones(xl, table):
    assert_near(align_your_steps(10, xl), np.array(table[:-1]), DOUBLE)
    twenty = align_your_steps(20, xl)
    assert_near(twenty[::2], np.array(table[:-1]), DOUBLE)
    assert_near(twenty[1], np.sqrt(table[0] * table[1]), DOUBLE)
    for name in ("Euler", "DPM++ 2M"):
        assert Plan.fit(name, SD_1, 10, 1.0, "ays", xl).trajectory.steps[1].at.sigma == pytest.approx(
            table[1]
        )


# The published time steps of the same tables.
TIMES = {
    False: [999, 850, 736, 645, 545, 455, 343, 233, 124, 24],
    True: [999, 845, 730, 587, 443, 310, 193, 116, 53, 13],
}


@pytest.mark.parametrize("xl", TIMES)
def test_solvers_are_told_the_published_time_steps(xl):
    # One of them, 124.56, was published as 124.
    told = [step.at.timestep for step in Plan.fit("DPM++ 2M", SD_1, 10, 1.0, "ays", xl).trajectory.steps]
    assert np.abs(np.array(told) - TIMES[xl]).max() <= 1 and told[:4] == TIMES[xl][:4]


@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("spacing", SPACINGS)
def test_every_way_falls_and_each_step_ends_where_the_next_begins(name, spacing):
    steps = Plan.fit(name, SD_1, 12, 1.0, spacing).trajectory.steps
    asked = [step.at.sigma for step in steps]
    assert asked == sorted(asked, reverse=True)
    assert len(steps) == 12 + (name == "PNDM")
    if spacing in SIGMA_SPACINGS and name != "PNDM":
        assert [step.to for step in steps[:-1]] == [step.at for step in steps[1:]]
    if spacing in SIGMA_SPACINGS and name != "DEIS":
        assert not steps[-1].to.noise


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace", "karras"])
@pytest.mark.parametrize("name", FREE)
def test_as_many_steps_as_there_are(name, spacing):
    """diffusers' solvers would ask at time step 1000 of 0 .. 999."""
    times = [step.at.timestep for step in Plan.fit(name, SD_1, 1000, 1.0, spacing).trajectory.steps]
    assert len(times) >= 998 and min(times) >= 0 and max(times) <= 999


@pytest.mark.parametrize("name", ["DDIM", "DDPM", "PNDM", "DPM++ 2M"])
def test_levels_are_those_of_the_spacing(name):
    steps = Plan.fit(name, SD_1, 8, 1.0, "karras").trajectory.steps
    sigmas = sorted({step.at.sigma for step in steps}, reverse=True)
    assert_near(np.array(sigmas), karras(sigmas[0], sigmas[-1], 8), DOUBLE)
    assert sigmas[0] == pytest.approx(14.6146, rel=1e-4) and sigmas[-1] == pytest.approx(0.0292, rel=1e-2)


@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("spacing", ["karras", "exponential", "beta"])
def test_steps_over_sigma_start_at_a_finite_one(name, spacing):
    start = Plan.fit(name, ZERO, 8, 1.0, spacing).trajectory.steps[0].at
    assert start.sigma == pytest.approx(128)


@pytest.mark.parametrize(
    ("name", "sigma"),
    [(name, math.inf) for name in ("DDIM", "DDPM", "LCM", "TCD")]
    + [(name, 4096) for name in ("DPM++ 2M", "DPM++ 2M SDE", "Euler", "Euler a", "UniPC")]
    + [(name, 128) for name in ("DPM++ 2M Karras", "DPM++ 2M SDE Karras", "DPM++ SDE", "Heun", "LMS", "PNDM")]
    + [(name, 128) for name in ("DPM2", "DEIS")],
)
def test_where_samplers_start_that_shall_start_without_signal(name, sigma):
    trailing = ZERO | {"timestep_spacing": "trailing"}
    assert Plan.fit(name, trailing, 8).trajectory.start.sigma == pytest.approx(sigma)


def test_the_name_of_a_sampler_chooses_its_spacing():
    model = SD_1 | {"timestep_spacing": "trailing"}

    def way(name, spacing="auto"):
        return [step.at for step in Plan.fit(name, model, 5, 1.0, spacing).trajectory.steps]

    assert way("DPM++ 2M Karras") == way("DPM++ 2M Karras", "karras") == way("DPM++ 2M", "karras")
    assert way("DPM++ 2M") == way("DPM++ 2M", "trailing") != way("DPM++ 2M", "karras")
    with pytest.raises(InvalidRequest, match=r"choose DPM\+\+ 2M for another one"):
        way("DPM++ 2M Karras", "trailing")


@pytest.mark.parametrize("name", sorted(DISTILLED))
@pytest.mark.parametrize("spacing", [spacing for spacing in SPACINGS if spacing != "leading"])
def test_distilled_steps_cannot_be_spread(name, spacing):
    with pytest.raises(InvalidRequest, match="distilled") as refusal:
        Plan.fit(name, SD_1, 4, 1.0, spacing)
    assert refusal.value.field == "spacing"


@pytest.mark.parametrize("model", [ZERO, SD_1 | {"beta_end": 0.02}, SD_1 | {"beta_schedule": "linear"}])
def test_aligned_steps_are_refused_for_a_model_they_were_not_made_for(model):
    with pytest.raises(InvalidRequest, match="Align Your Steps"):
        Plan.fit("Euler", model, 10, 1.0, "ays")


@pytest.mark.parametrize("name", sorted(DISTILLED))
def test_distilled_steps_are_among_those_of_the_distillation(name):
    four = [step.at.timestep for step in Plan.fit(name, SD_1, 4).trajectory.steps]
    assert four == [999, 759, 499, 259]
    assert len(Plan.fit(name, SD_1, 60).trajectory.steps) == 60
    assert len(Plan.fit(name, SD_1, 999).trajectory.steps) == 999
