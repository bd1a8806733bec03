# SPDX-License-Identifier: GPL-3.0-or-later
"""Guidance by gradient against closed forms: data of two Gaussians, whose denoiser and classifier are known exactly.

x_0 is +M or -M with equal chance, plus noise of variance S. Then q(x_t) is a mixture of two Gaussians, the classifier
of x_t is a logistic function, and guidance with s = 1 must turn the denoiser of both into the denoiser of one.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from sd_blender.core.request import SCHEDULERS
from sd_blender.engine.classifier_guidance import ClassifierGuide
from sd_blender.engine.gradient_guidance import Moment, as_output, guided
from sd_blender.engine.preview import predicted_original
from sd_blender.engine.schedulers import make_scheduler

from .tiny_model import STABLE_DIFFUSION_1, ZERO_SNR

M = torch.linspace(-1.0, 1.0, 4 * 4 * 4).reshape(1, 4, 4, 4)
S = 0.3
KINDS = ("epsilon", "v_prediction", "sample")
STEPS = 12
# diffusers has no such option for these.
NO_SAMPLE = ("PNDM", "Euler a", "DPM2")


@dataclass
class Mixture:
    """The exact denoisers and the exact classifier for one noise schedule."""

    abars: Tensor

    def abar(self, timestep: Tensor) -> Tensor:
        """As the engine looks it up: between two timesteps on a line."""
        low = timestep.long().clamp(0, len(self.abars) - 1)
        high = (low + 1).clamp(max=len(self.abars) - 1)
        share = timestep.float() - low
        return (self.abars[low] * (1 - share) + self.abars[high] * share).view(-1, 1, 1, 1)

    def of_class(self, x: Tensor, abar: Tensor, sign: int) -> Tensor:
        """E[x_0 | x_t, class]."""
        gain = S * abar.sqrt() / (abar * S + 1 - abar)
        return sign * M + gain * (x - abar.sqrt() * sign * M)

    def logit(self, x: Tensor, abar: Tensor) -> Tensor:
        """log p(+ | x_t) - log p(- | x_t), n."""
        return (2 * abar.sqrt() * M * x / (abar * S + 1 - abar)).sum((1, 2, 3))

    def original(self, x: Tensor, abar: Tensor) -> Tensor:
        """E[x_0 | x_t] of the mixture."""
        plus = self.logit(x, abar).sigmoid().view(-1, 1, 1, 1)
        return plus * self.of_class(x, abar, 1) + (1 - plus) * self.of_class(x, abar, -1)

    def __call__(self, noisy: Tensor, timesteps: Tensor) -> Tensor:
        """The classifier, as a NoisyClassifier is called: class 0 is +, class 1 is -."""
        logit = self.logit(noisy, self.abar(timesteps))
        return torch.stack([logit / 2, -logit / 2], 1)


def said(x: Tensor, original: Tensor, abar: Tensor, kind: str) -> Tensor:
    """What a U-Net of a prediction type says where it means ``original``."""
    if kind == "sample":
        return original.clone()
    eps = (x - abar.sqrt() * original) / (1 - abar).sqrt()
    return eps if kind == "epsilon" else abar.sqrt() * eps - (1 - abar).sqrt() * original


def noise(seed: int, count: int = 2) -> Tensor:
    return torch.randn(count, 4, 4, 4, generator=torch.Generator().manual_seed(seed))


def scheduler_of(name: str, kind: str, config=STABLE_DIFFUSION_1):
    scheduler = make_scheduler(name, {**config, "prediction_type": kind}, STEPS)
    scheduler.set_timesteps(STEPS)
    return scheduler


def sample(scheduler, kind: str, means) -> Tensor:
    """The loop of the pipelines; ``means`` is E[x_0 | x_t], of x and abar."""
    mixture = Mixture(scheduler.alphas_cumprod)
    x = noise(3) * scheduler.init_noise_sigma
    draws = "generator" in inspect.signature(scheduler.step).parameters
    stochastic = {"generator": torch.Generator().manual_seed(5)} if draws else {}
    for t in scheduler.timesteps:
        seen = scheduler.scale_model_input(x, t)
        abar = mixture.abar(t[None])
        output = said(seen, means(mixture, seen, abar), abar, kind)
        x = scheduler.step(output, t, x, return_dict=False, **stochastic)[0]
    return x


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("timestep", [5.0, 300.0, 612.5, 998.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_scale_of_1_is_the_conditional_model(kind, timestep, sign):
    """Bayes' rule, exactly: sign, size and the way to each prediction type."""
    scheduler = scheduler_of("DDIM", kind)
    mixture = Mixture(scheduler.alphas_cumprod.double())
    x, t = 0.02 * noise(1).double(), torch.full((2,), timestep)  # between the two, so that both are likely
    abar = mixture.abar(t[:1])
    moment = Moment(x, mixture.original(x, abar), timestep, float(abar))
    move = ClassifierGuide(mixture, [0 if sign == 1 else 1] * 2, 1.0)(moment)
    output = said(x, moment.original, abar, kind) + as_output(move, float(abar), kind)
    conditional = mixture.of_class(x, abar, sign)
    assert (moment.original - conditional).abs().max() > 1e-3, "else nothing had to be done"
    assert torch.allclose(moment.original + move, conditional, atol=1e-6)
    assert torch.allclose(output, said(x, conditional, abar, kind), atol=1e-6)


@pytest.mark.parametrize("scale", [0.0, 0.5, 3.0])
def test_the_noise_prediction_is_that_of_the_paper(scale):
    """eps - s sqrt(1 - abar) grad log p(y | x_t), with the gradient written out."""
    mixture = Mixture(scheduler_of("DDIM", "epsilon").alphas_cumprod.double())
    x, abar = noise(1).double(), mixture.abar(torch.tensor([500.0]))
    moment = Moment(x, mixture.original(x, abar), 500.0, float(abar))
    minus = (1 - mixture.logit(x, abar).sigmoid()).view(-1, 1, 1, 1)
    gradient = minus * 2 * abar.sqrt() * M / (abar * S + 1 - abar)
    move = ClassifierGuide(mixture, [0, 0], scale)(moment)
    expected = -scale * (1 - abar).sqrt() * gradient
    assert torch.allclose(as_output(move, float(abar), "epsilon"), expected, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_and_prediction_type(name, kind):
    """The whole run with the mixture's denoiser and the guide is the run with the denoiser of one class."""
    if kind == "sample" and name in NO_SAMPLE:
        pytest.skip("diffusers refuses it")
    plain = scheduler_of(name, kind)
    classifier = Mixture(plain.alphas_cumprod)
    guide = ClassifierGuide(classifier, [0, 1], 1.0)
    ours = sample(guided(scheduler_of(name, kind), [guide]), kind, lambda m, x, abar: m.original(x, abar))

    def conditional(mixture, x, abar):
        return torch.cat([mixture.of_class(x[:1], abar, 1), mixture.of_class(x[1:], abar, -1)])

    theirs = sample(plain, kind, conditional)
    unguided = sample(scheduler_of(name, kind), kind, lambda m, x, abar: m.original(x, abar))
    assert torch.allclose(ours, theirs, atol=2e-3)
    assert (unguided - theirs).abs().max() > 0.1, "else guidance had nothing to do"


@pytest.mark.parametrize("config", [STABLE_DIFFUSION_1, ZERO_SNR], ids=["SD 1.x", "zero SNR"])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_guide_that_moves_nothing_changes_nothing(name, config):
    """To the last bit, with every scheduler: looking on has no side effect."""

    def idle(moment):
        return torch.zeros_like(moment.original)

    def means(mixture, x, abar):
        return mixture.original(x, abar)

    first = sample(scheduler_of(name, "v_prediction", config), "v_prediction", means)
    again = sample(guided(scheduler_of(name, "v_prediction", config), [idle]), "v_prediction", means)
    assert torch.equal(first, again)


def test_without_guides_the_scheduler_is_untouched():
    scheduler = scheduler_of("Euler", "epsilon")
    assert "step" not in vars(guided(scheduler, []))


def test_guides_add_up():
    scheduler = scheduler_of("DDIM", "epsilon")
    outputs = [noise(2), noise(2)]
    moves = [noise(7), noise(8)]
    t = scheduler.timesteps[3]
    guided(scheduler, [lambda moment, move=move: move for move in moves])
    scheduler.step(outputs[0], t, noise(4))
    abar = float(scheduler.alphas_cumprod[t])
    expected = outputs[1] + as_output(moves[0] + moves[1], abar, "epsilon")
    assert torch.allclose(outputs[0], expected, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_predicted_picture_moves_as_far_as_the_guide_says(kind):
    scheduler = scheduler_of("Euler", kind)
    t, x, output, move = scheduler.timesteps[4], noise(4), noise(2), noise(7)
    seen = scheduler.scale_model_input(x, t)
    before = predicted_original(seen, output, t, scheduler).clone()
    guided(scheduler, [lambda moment: move]).step(output, t, x)
    assert torch.allclose(predicted_original(seen, output, t, scheduler), before + move, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_where_no_signal_is_left_all_stays_finite(kind):
    assert as_output(noise(1), 0.0, kind).isfinite().all()
    assert not as_output(noise(1), 0.0, "epsilon").any()


def test_a_classifier_is_not_asked_about_pure_noise():
    guide = ClassifierGuide(Mixture(torch.ones(1000)), [0, 0], 1.0)
    assert not guide(Moment(noise(1), noise(2), 999.0, 1e-4)).any()
