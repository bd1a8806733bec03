# SPDX-License-Identifier: GPL-3.0-or-later
"""The forward process against its definition and against diffusers."""

import pytest
import torch

from sd_blender.training.forward_process import (
    ForwardProcess,
    T,
    rescale_zero_terminal_snr,
    scaled_linear_betas,
)
from sd_blender.training.models import make_scheduler

PROCESS = ForwardProcess.zero_terminal_snr()
X0 = torch.randn(6, 4, 8, 8, generator=torch.Generator().manual_seed(0))
EPS = torch.randn(6, 4, 8, 8, generator=torch.Generator().manual_seed(1))
STEPS = torch.tensor([0, 1, 250, 500, 900, 998])


def test_closed_form_is_the_markov_chain():
    """Step by step the mean shrinks by sqrt(alpha) and the variance follows; in one step both are abar's."""
    mean, variance = torch.tensor(1.0, dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64)
    for t in range(T):
        alpha = PROCESS.alphas[t]
        mean, variance = mean * alpha.sqrt(), variance * alpha + 1 - alpha
        if t in (0, 10, 500, 998):
            assert mean == pytest.approx(float(PROCESS.alphas_cumprod[t].sqrt()))
            assert variance == pytest.approx(float(1 - PROCESS.alphas_cumprod[t]))


def test_one_step_of_the_chain():
    t = torch.full((6,), 10)
    alpha = float(PROCESS.alphas[10])
    assert torch.allclose(PROCESS.q_step(X0, t, EPS), alpha**0.5 * X0 + (1 - alpha) ** 0.5 * EPS, atol=1e-6)


def test_terminal_snr_is_zero_and_the_start_is_unchanged():
    plain = ForwardProcess(scaled_linear_betas())
    assert float(plain.snr(torch.tensor([T - 1]))) > 1e-3
    assert float(PROCESS.snr(torch.tensor([T - 1]))) == pytest.approx(0, abs=1e-12)
    assert float(PROCESS.alphas_cumprod[0]) == pytest.approx(float(plain.alphas_cumprod[0]))
    assert torch.all(PROCESS.alphas_cumprod.diff() < 0)
    last = torch.tensor([T - 1] * 6)
    assert torch.allclose(PROCESS.q_sample(X0, last, EPS), EPS, atol=1e-6)
    assert torch.allclose(PROCESS.velocity(X0, last, EPS), -X0, atol=1e-6)


def test_betas_stay_a_schedule():
    betas = rescale_zero_terminal_snr(scaled_linear_betas())
    assert betas.shape == (T,) and float(betas.min()) > 0 and float(betas[-1]) == pytest.approx(1)


def test_same_as_diffusers():
    scheduler = make_scheduler()
    assert torch.allclose(scheduler.alphas_cumprod.double(), PROCESS.alphas_cumprod, atol=2e-5)
    assert torch.allclose(scheduler.add_noise(X0, EPS, STEPS), PROCESS.q_sample(X0, STEPS, EPS), atol=2e-4)
    assert torch.allclose(scheduler.get_velocity(X0, EPS, STEPS), PROCESS.velocity(X0, STEPS, EPS), atol=2e-4)


def test_both_targets():
    assert PROCESS.target("epsilon", X0, STEPS, EPS) is EPS
    assert torch.equal(PROCESS.target("v_prediction", X0, STEPS, EPS), PROCESS.velocity(X0, STEPS, EPS))
    with pytest.raises(ValueError, match="neither"):
        PROCESS.target("sample", X0, STEPS, EPS)


def test_velocity_and_noisy_give_back_the_image():
    noisy, velocity = PROCESS.q_sample(X0, STEPS, EPS), PROCESS.velocity(X0, STEPS, EPS)
    abar = PROCESS.alphas_cumprod[STEPS].view(-1, 1, 1, 1).float()
    assert torch.allclose(abar.sqrt() * noisy - (1 - abar).sqrt() * velocity, X0, atol=1e-5)
