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

from .gradient_guidance import Moment
from .noisy_classifier import NoisyClassifier

_LEAST_SIGNAL = 0.0025
"""Signal (abar) below which a step is not guided: what a classifier says of so much noise is chance, and the move of
x_0 divides it by sqrt(abar). Stable Diffusion 1.x and 2.x begin above this."""


@dataclass(frozen=True)
class ClassifierGuide:
    """Guides pictures made together, each to its own class.

    classes: n indices. scale: s, 0 or more; 1 is Bayes' rule.
    """

    classifier: NoisyClassifier
    classes: Sequence[int]
    scale: float

    def __call__(self, moment: Moment) -> Tensor:
        """See :data:`~.gradient_guidance.Guide`."""
        if moment.abar < _LEAST_SIGNAL:
            return torch.zeros_like(moment.original)
        return self.scale * (1 - moment.abar) / moment.abar**0.5 * self.gradient(moment)

    def gradient(self, moment: Moment) -> Tensor:
        """Of log p(y | x_t) by x_t, (n, C, h, w)."""
        with torch.enable_grad():
            noisy = moment.noisy.detach().requires_grad_()
            steps = torch.full((len(noisy),), moment.timestep, device=noisy.device)
            logits = self.classifier(noisy, steps).log_softmax(1)
            rows = torch.arange(len(noisy), device=noisy.device)
            chosen = logits[rows, torch.tensor(self.classes, device=noisy.device)]
            (found,) = torch.autograd.grad(chosen.sum(), noisy)
        return found
