# SPDX-License-Identifier: GPL-3.0-or-later
"""Guidance by gradient against closed forms: data of two Gaussians, whose denoiser and classifier are known exactly.

x_0 is +M or -M with equal chance, plus noise of variance S. Then q(x_t) is a mixture of two Gaussians, the classifier
of x_t is a logistic function, and guidance with s = 1 must turn the denoiser of both into the denoiser of one.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from sd_blender.core.diffusion.estimate import Estimate
from sd_blender.core.diffusion.guidance import Unguided
from sd_blender.core.diffusion.level import Level
from sd_blender.core.diffusion.loop import Moment, denoise
from sd_blender.core.diffusion.samplers import Plan
from sd_blender.core.request import SCHEDULERS
from sd_blender.engine.conditions.classifier_guidance import ClassifierGuide
from sd_blender.engine.conditions.gradient_guidance import GradientGuide
from tests.closeness import ITERATED, ROUNDING, assert_near

from .tiny_model import STABLE_DIFFUSION_1, ZERO_SNR

M = torch.linspace(-1.0, 1.0, 4 * 4 * 4).reshape(1, 4, 4, 4)
S = 0.3
KINDS = ("epsilon", "v_prediction", "sample")
STEPS = 12


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


def plan_of(name: str, kind: str, config=STABLE_DIFFUSION_1) -> Plan:
    return Plan.fit(name, {**config, "prediction_type": kind}, STEPS)


def sample(plan: Plan, kind: str, means, guides=()) -> Tensor:
    """The loop; ``means`` is E[x_0 | x_t], of the mixture, x and abar."""
    mixture = Mixture(torch.tensor(plan.schedule.abar))
    generator = torch.Generator().manual_seed(5)

    def denoiser(x, level, texts, inputs):
        abar = torch.tensor(level.abar)
        return [said(x, means(mixture, x, abar), abar, kind)]

    start = noise(3) * plan.trajectory.start_noise
    sampler = plan.sampler(lambda: torch.randn(2, 4, 4, 4, generator=generator))
    return denoise(start, sampler, denoiser, kind, Unguided(None), guides)


def found_at(mixture: Mixture, x: Tensor, timestep: float) -> Estimate:
    abar = mixture.abar(torch.tensor([timestep]))
    x0 = mixture.original(x, abar)
    return Estimate(Level.of_abar(float(abar), timestep), x, x0, said(x, x0, abar, "epsilon"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("timestep", [5.0, 300.0, 612.5, 998.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_scale_of_1_is_the_conditional_model(kind, timestep, sign):
    """Bayes' rule, exactly: sign, size and the way to each prediction type."""
    mixture = Mixture(torch.tensor(plan_of("DDIM", kind).schedule.abar))
    x = 0.02 * noise(1).double()  # between the two, so that both are likely
    abar = mixture.abar(torch.tensor([timestep]))
    found = found_at(mixture, x, timestep)
    moved = found.moved(ClassifierGuide(mixture, [0 if sign == 1 else 1] * 2, 1.0).move(found))
    conditional = mixture.of_class(x, abar, sign)
    assert (found.x0 - conditional).abs().max() > 1e-3, "else nothing had to be done"
    output = said(x, conditional, abar, kind)
    expected = Estimate.of_output(output, x, found.level, kind)
    assert_near(moved.x0, conditional, ROUNDING)
    assert_near(moved.x0, expected.x0, ROUNDING)
    assert_near(moved.eps, expected.eps, ROUNDING)


@pytest.mark.parametrize("scale", [0.0, 0.5, 3.0])
def test_the_noise_prediction_is_that_of_the_paper(scale):
    """eps - s sqrt(1 - abar) grad log p(y | x_t), with the gradient written out."""
    mixture = Mixture(torch.tensor(plan_of("DDIM", "epsilon").schedule.abar))
    x, abar = noise(1).double(), mixture.abar(torch.tensor([500.0]))
    found = found_at(mixture, x, 500.0)
    minus = (1 - mixture.logit(x, abar).sigmoid()).view(-1, 1, 1, 1)
    gradient = minus * 2 * abar.sqrt() * M / (abar * S + 1 - abar)
    moved = found.moved(ClassifierGuide(mixture, [0, 0], scale).move(found))
    assert_near(moved.eps - found.eps, -scale * (1 - abar).sqrt() * gradient, ROUNDING)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_and_prediction_type(name, kind):
    """The whole run with the mixture's denoiser and the guide is the run with the denoiser of one class."""
    plan = plan_of(name, kind)
    guide = ClassifierGuide(Mixture(torch.tensor(plan.schedule.abar)), [0, 1], 1.0)
    ours = sample(plan, kind, lambda m, x, abar: m.original(x, abar), [guide])

    def conditional(mixture, x, abar):
        return torch.cat([mixture.of_class(x[:1], abar, 1), mixture.of_class(x[1:], abar, -1)])

    theirs = sample(plan, kind, conditional)
    unguided = sample(plan, kind, lambda m, x, abar: m.original(x, abar))
    assert_near(ours, theirs, ITERATED)
    assert (unguided - theirs).abs().max() > 0.1, "else guidance had nothing to do"


class Idle(GradientGuide):
    def move(self, found):
        return torch.zeros_like(found.x0)


@pytest.mark.parametrize("config", [STABLE_DIFFUSION_1, ZERO_SNR], ids=["SD 1.x", "zero SNR"])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_guide_that_moves_nothing_changes_nothing(name, config):
    """To the last bit, with every scheduler: looking on has no side effect."""

    def means(mixture, x, abar):
        return mixture.original(x, abar)

    plan = plan_of(name, "v_prediction", config)
    assert torch.equal(*(sample(plan, "v_prediction", means, guides) for guides in ([], [Idle()])))


def test_guides_add_up():
    mixture = Mixture(torch.tensor(plan_of("DDIM", "epsilon").schedule.abar))
    found, moves = found_at(mixture, noise(4), 600.0), [noise(7), noise(8)]

    class Push(GradientGuide):
        def __init__(self, push):
            self.push = push

        def move(self, found):
            return self.push

    moment = Moment(0, found.level, found.level, found.x, estimate=found)
    for push in moves:
        Push(push).after(moment)
    assert_near(moment.estimate.x0, found.x0 + sum(moves), ROUNDING)
    assert_near(found.level.mix(moment.estimate.x0, moment.estimate.eps), found.x, ROUNDING)


def test_where_no_signal_is_left_all_stays_finite():
    x, move = noise(1), noise(2)
    moved = Estimate(Level.of_abar(0.0, 999), x, noise(3), x).moved(move)
    assert moved.x0.isfinite().all() and torch.equal(moved.eps, x), "eps says nothing of x_0 there"


def test_a_classifier_is_not_asked_about_pure_noise():
    guide = ClassifierGuide(Mixture(torch.ones(1000)), [0, 0], 1.0)
    assert not guide.move(Estimate(Level.of_abar(1e-4, 999.0), noise(1), noise(2), noise(1))).any()
