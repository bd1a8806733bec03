# SPDX-License-Identifier: GPL-3.0-or-later
"""Guidance by gradient: what the network found is changed before each step, so that something else likes it more.

Classifier-free guidance needs the U-Net alone. Here a second network y looks on and gives a gradient, which Bayes' rule
adds to the score (Dhariwal & Nichol 2021, arXiv:2105.05233, section 4; s is its scale):

    grad log p(x_t | y) = grad log p(x_t) + s grad log p(y | x_t)
    eps' = eps - s sqrt(1 - abar) grad log p(y | x_t)                                  (their algorithm 2)

With x_t held, eps, v and x_0 each follow from each other (:meth:`~...core.diffusion.estimate.Estimate.moved`), so that
every prediction type and every sampler is served by one number per latent: how far the predicted x_0 moves,

    x_0' = x_0 + s (1 - abar) / sqrt(abar) grad log p(y | x_t)

What is added comes after classifier-free guidance, so the two combine, and several guides add up.
"""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from ...core.diffusion.estimate import Estimate
from ...core.diffusion.loop import Condition, Moment


class GradientGuide(Condition):
    """Moves the picture that was found at each moment."""

    def after(self, moment: Moment) -> None:
        if moment.estimate is not None:
            moment.estimate = moment.estimate.moved(self.move(moment.estimate))

    @abstractmethod
    def move(self, found: Estimate) -> Tensor:
        """How far the predicted x_0 is to move, (n, C, h, w)."""
