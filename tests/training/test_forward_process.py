# SPDX-License-Identifier: GPL-3.0-or-later
"""The forward process against its definition and against diffusers."""

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler

from sd_blender.training.bound import (
    denoising_term,
    kl_normal,
    model_variance,
    noise_weight,
    prior_term,
    reconstruction_term,
    simple_loss,
)
from sd_blender.training.forward_process import (
    PREDICTION_TYPES,
    ForwardProcess,
    T,
    rescale_zero_terminal_snr,
    scaled_linear_betas,
)
from sd_blender.training.latents import scaling_factor
from sd_blender.training.models import TINY, make_scheduler, make_vae
from sd_blender.training.reverse_process import ReverseProcess
from sd_blender.training.train_vae import vae_losses
from tests.closeness import DOUBLE, NETWORK, ROUNDING, SCHEDULE, assert_near

pytestmark = pytest.mark.parity

PROCESS = ForwardProcess.zero_terminal_snr()
PLAIN = ForwardProcess(scaled_linear_betas())
REVERSE = ReverseProcess(PROCESS)
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
    assert_near(PROCESS.q_step(X0, t, EPS), alpha**0.5 * X0 + (1 - alpha) ** 0.5 * EPS, ROUNDING)


def test_terminal_snr_is_zero_and_the_start_is_unchanged():
    plain = ForwardProcess(scaled_linear_betas())
    assert float(plain.snr(torch.tensor([T - 1]))) > 1e-3
    assert float(PROCESS.snr(torch.tensor([T - 1]))) == pytest.approx(0, abs=1e-12)
    assert float(PROCESS.alphas_cumprod[0]) == pytest.approx(float(plain.alphas_cumprod[0]))
    assert torch.all(PROCESS.alphas_cumprod.diff() < 0)
    last = torch.tensor([T - 1] * 6)
    assert_near(PROCESS.q_sample(X0, last, EPS), EPS, ROUNDING)
    assert_near(PROCESS.velocity(X0, last, EPS), -X0, ROUNDING)


def test_betas_stay_a_schedule():
    betas = rescale_zero_terminal_snr(scaled_linear_betas())
    assert betas.shape == (T,) and float(betas.min()) > 0 and float(betas[-1]) == pytest.approx(1)


def test_same_as_diffusers():
    scheduler = make_scheduler()
    assert_near(scheduler.alphas_cumprod.double(), PROCESS.alphas_cumprod, SCHEDULE)
    assert_near(scheduler.add_noise(X0, EPS, STEPS), PROCESS.q_sample(X0, STEPS, EPS), SCHEDULE)
    assert_near(scheduler.get_velocity(X0, EPS, STEPS), PROCESS.velocity(X0, STEPS, EPS), SCHEDULE)


def test_all_targets():
    assert PROCESS.target("epsilon", X0, STEPS, EPS) is EPS
    assert PROCESS.target("sample", X0, STEPS, EPS) is X0
    assert torch.equal(PROCESS.target("v_prediction", X0, STEPS, EPS), PROCESS.velocity(X0, STEPS, EPS))


def test_velocity_and_noisy_give_back_the_image():
    noisy, velocity = PROCESS.q_sample(X0, STEPS, EPS), PROCESS.velocity(X0, STEPS, EPS)
    abar = PROCESS.alphas_cumprod[STEPS].view(-1, 1, 1, 1).float()
    assert_near(abar.sqrt() * noisy - (1 - abar).sqrt() * velocity, X0, NETWORK)


@pytest.mark.parametrize("kind", PREDICTION_TYPES)
def test_each_prediction_gives_back_picture_and_noise(kind):
    x_0, eps = X0.double(), EPS.double()
    x_t = PROCESS.q_sample(x_0, STEPS, eps)
    output = PROCESS.target(kind, x_0, STEPS, eps)
    assert_near(PROCESS.original(kind, output, x_t, STEPS), x_0, DOUBLE)
    assert_near(PROCESS.noise(kind, output, x_t, STEPS), eps, DOUBLE)


def test_an_unknown_prediction_type_is_refused():
    for call in (PROCESS.target, PROCESS.original, PROCESS.noise):
        with pytest.raises(ValueError, match="none of epsilon, v_prediction, sample"):
            call("noise", X0, STEPS, EPS) if call == PROCESS.target else call("noise", EPS, X0, STEPS)


def test_the_chain_in_draws_is_the_closed_form():
    """A thousand steps of q(x_t | x_{t-1}), drawn: on the way, mean and spread are those of q(x_t | x_0)."""
    generator = torch.Generator().manual_seed(2)
    x = torch.full((20_000,), 1.5, dtype=torch.float64)
    for t in range(T):
        eps = torch.randn(x.shape, generator=generator, dtype=torch.float64)
        x = PROCESS.q_step(x, torch.full((len(x),), t), eps)
        if t in (99, 399, T - 1):
            abar = PROCESS.alphas_cumprod[t]
            assert float(x.mean()) == pytest.approx(float(1.5 * abar.sqrt()), abs=0.02)
            assert float(x.var()) == pytest.approx(float(1 - abar), rel=0.03)


def test_signal_to_noise():
    abar = PROCESS.alphas_cumprod[STEPS]
    assert_near(PROCESS.snr(STEPS), abar / (1 - abar), ROUNDING)
    assert float(PROCESS.alphas_cumprod[3]) == pytest.approx(float(PROCESS.alphas[:4].prod()))


@pytest.mark.parametrize(("t", "s"), [(1, 0), (400, 399), (998, 997), (400, 350), (30, 10)])
def test_the_posterior_is_bayes_rule(t, s):
    """Computed from q(x_s | x_0) and q(x_t | x_s) by completing the square; also where steps are skipped."""
    x_0, x_t = 0.7, -1.2
    before, alpha = REVERSE.abar(s), REVERSE.abar(t) / REVERSE.abar(s)
    precision = 1 / (1 - before) + alpha / (1 - alpha)
    mean = (before.sqrt() * x_0 / (1 - before) + alpha.sqrt() * x_t / (1 - alpha)) / precision
    found = REVERSE.posterior_mean(*(torch.tensor(x, dtype=torch.float64) for x in (x_0, x_t)), t, s)
    assert float(found) == pytest.approx(float(mean), rel=1e-9)
    assert float(REVERSE.posterior_variance(t, s)) == pytest.approx(float(1 / precision), rel=1e-9)


def test_the_posterior_on_known_numbers():
    """One step from the end, where all is known: x_0 itself, without doubt."""
    assert_near(REVERSE.posterior_mean(X0, EPS, 0, -1), X0, ROUNDING)
    assert float(REVERSE.posterior_variance(0, -1)) == 0


def plain_scheduler(kind, **options):
    config = {
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "clip_sample": False,
    }
    scheduler = kind(**config, timestep_spacing="trailing", **options)
    scheduler.set_timesteps(8)
    return scheduler


@pytest.mark.parametrize("kind", PREDICTION_TYPES)
def test_ddpm_steps_are_those_of_diffusers(kind):
    scheduler = plain_scheduler(DDPMScheduler, prediction_type=kind)
    for t in map(int, scheduler.timesteps):
        s = max(t - T // 8, -1)
        z = torch.randn(X0.shape, generator=torch.Generator().manual_seed(4))
        theirs = scheduler.step(EPS, t, X0, generator=torch.Generator().manual_seed(4)).prev_sample
        x_0 = PLAIN.original(kind, EPS.double(), X0.double(), torch.tensor([t]))
        ours = ReverseProcess(PLAIN).ddpm_step(x_0, X0.double(), t, s, z.double())
        assert_near(theirs.double(), ours, SCHEDULE)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("kind", PREDICTION_TYPES)
def test_ddim_steps_are_those_of_diffusers(kind, eta):
    scheduler = plain_scheduler(DDIMScheduler, prediction_type=kind)
    for t in map(int, scheduler.timesteps):
        s = max(t - T // 8, -1)
        z = torch.randn(X0.shape, generator=torch.Generator().manual_seed(4))
        theirs = scheduler.step(EPS, t, X0, eta=eta, variance_noise=z if eta else None).prev_sample
        at = torch.tensor([t])
        x_0 = PLAIN.original(kind, EPS.double(), X0.double(), at)
        eps = PLAIN.noise(kind, EPS.double(), X0.double(), at)
        ours = ReverseProcess(PLAIN).ddim_step(x_0, eps, t, s, eta, z.double())
        assert_near(theirs.double(), ours, SCHEDULE)


def test_ddim_with_eta_1_is_ddpm():
    x_t, z = PLAIN.q_sample(X0, STEPS[3:4], EPS).double(), EPS.flip(0).double()
    x_0 = X0.double() * 0.9
    eps = PLAIN.noise("sample", x_0, x_t, STEPS[3:4])
    reverse = ReverseProcess(PLAIN)
    ours = reverse.ddim_step(x_0, eps, 500, 420, eta=1.0, z=z)
    assert_near(ours, reverse.ddpm_step(x_0, x_t, 500, 420, z), ROUNDING)


def test_the_bound_is_reached_by_the_perfect_model():
    """Data are N(0, 1): then E[x_0 | x_t] = sqrt(abar) x_t, and the steps back really have the variance beta.

    The terms are quadratic in eps, so that eps = 1 and eps = -1 together give their expectation exactly.
    """
    x_0 = torch.tensor([[-1.7], [0.0], [0.4], [2.5]], dtype=torch.float64)
    bound = prior_term(REVERSE, x_0)
    for t in range(T):
        at = torch.full((len(x_0),), t)
        for sign in (1.0, -1.0):
            x_t = PROCESS.q_sample(x_0, at, torch.full_like(x_0, sign))
            predicted = PROCESS.alphas_cumprod[t].sqrt() * x_t
            if t:
                bound = bound + 0.5 * denoising_term(REVERSE, x_0, x_t, t, predicted)
            else:
                bound = bound + 0.5 * reconstruction_term(REVERSE, x_0, predicted)
    exact = -torch.distributions.Normal(0.0, 1.0).log_prob(x_0)[:, 0]
    assert_near(bound, exact, ROUNDING)
    worse = denoising_term(REVERSE, x_0, x_0, 500, 0.5 * x_0) - denoising_term(
        REVERSE, x_0, x_0, 500, PROCESS.alphas_cumprod[500].sqrt() * x_0
    )
    assert (worse[[0, 2, 3]].abs() > 1e-6).all(), "another model gives another bound"


@pytest.mark.parametrize("t", [1, 250, 900])
def test_the_weight_of_the_simple_loss(t):
    """L_{t-1} is the weighted distance of two noises, but for what no network can change."""
    at, said = torch.full((6,), t), EPS.flip(0).double()
    x_t = PROCESS.q_sample(X0.double(), at, EPS.double())
    predicted = PROCESS.original("epsilon", said, x_t, at)
    distance = ((EPS.double() - said) ** 2).flatten(1).sum(1)
    weighted = noise_weight(REVERSE, t, model_variance(REVERSE, t)) * distance
    perfect = denoising_term(REVERSE, X0.double(), x_t, t, X0.double())
    assert_near(denoising_term(REVERSE, X0.double(), x_t, t, predicted) - perfect, weighted, ROUNDING)
    assert float(simple_loss(said, EPS.double())) == pytest.approx(float(distance.sum() / EPS.numel()))


def test_kl_of_two_normals():
    mean, variance = torch.tensor([0.3, -2.0]), torch.tensor([0.5, 3.0])
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, variance.sqrt()), torch.distributions.Normal(1.0, 2.0)
    )
    assert_near(kl_normal(mean, variance, torch.tensor(1.0), torch.tensor(4.0)), expected, ROUNDING)


def test_the_autoencoders_kl_term_and_scaling_factor():
    """Per latent number, from the posterior to the normal distribution; and latents of deviation one."""
    torch.manual_seed(0)
    vae, pixels = make_vae(TINY), torch.rand(2, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        losses = vae_losses(vae, pixels, torch.Generator().manual_seed(0))
        posterior = vae.encode(pixels).latent_dist
    normal = torch.distributions.Normal(posterior.mean, posterior.std)
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).mean()
    assert float(losses["kl"]) == pytest.approx(float(expected), rel=1e-5)
    assert float(losses["kl"]) == pytest.approx(
        float(posterior.kl().sum() / posterior.mean.numel()), rel=1e-5
    )
    latents = 3.7 * torch.randn(50, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    assert scaling_factor(latents) == pytest.approx(1 / 3.7, rel=0.02)
    assert float((latents * scaling_factor(latents)).std()) == pytest.approx(1, rel=1e-6)
