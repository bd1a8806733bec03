# SPDX-License-Identifier: GPL-3.0-or-later
"""Classifier guidance: each step is pulled to where a classifier of noisy latents finds the material in the prompt.

Dhariwal & Nichol 2021 (arXiv:2105.05233), algorithm 2: eps' = eps - s sqrt(1 - abar) grad log p(y | x_t). The
classifier was trained on latents of every noise level, so it reads x_t itself and no decoder is needed: a step costs
little more than without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.diffusion.estimate import Estimate
from ..noisy_classifier import NoisyClassifier
from .gradient_guidance import GradientGuide

_LEAST_SIGNAL = 0.0025
"""Signal (abar) below which a step is not guided: what a classifier says of so much noise is chance, and the move of
x_0 divides it by sqrt(abar). Stable Diffusion 1.x and 2.x begin above this."""


@dataclass(frozen=True)
class ClassifierGuide(GradientGuide):
    """Guides pictures made together, each to its own class.

    classes: n indices. scale: s, 0 or more; 1 is Bayes' rule.
    """

    classifier: NoisyClassifier
    classes: Sequence[int]
    scale: float

    def move(self, found: Estimate) -> Tensor:
        """See :class:`~.gradient_guidance.GradientGuide`."""
        abar = found.level.abar
        if abar < _LEAST_SIGNAL:
            return torch.zeros_like(found.x0)
        return self.scale * (1 - abar) / abar**0.5 * self.gradient(found)

    def gradient(self, found: Estimate) -> Tensor:
        """Of log p(y | x_t) by x_t, (n, C, h, w)."""
        with torch.enable_grad():
            noisy = found.x.detach().requires_grad_()
            steps = torch.full((len(noisy),), found.level.timestep, device=noisy.device)
            logits = self.classifier(noisy, steps).log_softmax(1)
            rows = torch.arange(len(noisy), device=noisy.device)
            chosen = logits[rows, torch.tensor(self.classes, device=noisy.device)]
            (found,) = torch.autograd.grad(chosen.sum(), noisy)
        return found
