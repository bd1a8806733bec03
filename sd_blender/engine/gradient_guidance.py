# SPDX-License-Identifier: GPL-3.0-or-later
"""Guidance by gradient: what the U-Net says is changed before each step, so that something else likes the picture more.

Classifier-free guidance needs the U-Net alone. Here a second network y looks on and gives a gradient, which Bayes' rule
adds to the score (Dhariwal & Nichol 2021, arXiv:2105.05233, section 4; s is its scale):

    grad log p(x_t | y) = grad log p(x_t) + s grad log p(y | x_t)
    eps' = eps - s sqrt(1 - abar) grad log p(y | x_t)                                  (their algorithm 2)

With x_t held, eps, v and x_0 each follow from each other (`as_output`), so that every prediction type and every
scheduler is served by one number per latent: how far the predicted x_0 moves,

    x_0' = x_0 + s (1 - abar) / sqrt(abar) grad log p(y | x_t)

What is added comes after classifier-free guidance, so the two combine, and several guides add up. With no guide nothing
is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import Tensor

from .preview import abar_at, predicted_original


@dataclass(frozen=True)
class Moment:
    """What a guide sees before a step.

    noisy: x_t = sqrt(abar) x_0 + sqrt(1 - abar) eps as the U-Net saw it, (n, C, h, w). original: the x_0 that follows
    from what it said, of the same shape. timestep: 0 .. T - 1, may lie between two. abar: 0 .. 1, what is left of the
    signal's variance.
    """

    noisy: Tensor
    original: Tensor
    timestep: float
    abar: float


Guide = Callable[[Moment], Tensor]
"""Says how far the predicted x_0 is to move, (n, C, h, w)."""


def guided(scheduler: SchedulerMixin, guides: Sequence[Guide]) -> SchedulerMixin:
    """The same ``scheduler``, from now on with ``guides`` between the U-Net's output and each of its steps.

    The output is changed in place, so that the step callback sees the guided one and previews show it.
    """
    if not guides:
        return scheduler
    plain = scheduler.step

    @wraps(plain)  # diffusers looks at its parameters
    def step(model_output: Tensor, timestep: Any, sample: Tensor, *inputs: Any, **named: Any) -> Any:
        noisy = scheduler.scale_model_input(sample, timestep)
        abar = abar_at(float(timestep), scheduler.alphas_cumprod)
        original = predicted_original(noisy, model_output, timestep, scheduler)
        moment = Moment(noisy, original, float(timestep), abar)
        for move in [guide(moment) for guide in guides]:
            model_output += as_output(move, abar, scheduler.config.prediction_type)
        return plain(model_output, timestep, sample, *inputs, **named)

    scheduler.step = step
    return scheduler


def as_output(move: Tensor, abar: float, prediction_type: str) -> Tensor:
    """How far the U-Net's output moves when its x_0 moves by ``move`` and x_t stays.

    From x_0 = (x_t - sqrt(1 - abar) eps) / sqrt(abar) = sqrt(abar) x_t - sqrt(1 - abar) v. Where no signal is left,
    eps says nothing of x_0 and does not move.
    """
    if prediction_type == "v_prediction":
        return -move / (1 - abar) ** 0.5
    if prediction_type == "sample":
        return move
    return -move * (abar / (1 - abar)) ** 0.5
