# SPDX-License-Identifier: GPL-3.0-or-later
"""Guidance built into the weights (Meng et al. 2023, arXiv:2210.03142, first stage, at one w).

Classifier-free guidance asks the network twice a step. The student learns the guided answer itself,

    loss = || v_student(x_t, t, c) - (v(x_t, t, empty) + w (v(x_t, t, c) - v(x_t, t, empty))) ||^2

and then needs one evaluation a step where the teacher needs two. For the empty prompt both answers of the teacher are
the same, so that the student stays the unconditional model there.

One w does not suit all: guidance sharpens patterns and wipes out grain. It may be given by material.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from .distillation import Distillation, Lesson, guided
from .textures.captions import Description
from .train_unet import Networks, UnetOptions, stratified_steps


@dataclass(frozen=True)
class BuiltInGuidance(Distillation):
    """guidance: w of the teacher. of_material: another one for some materials, by their names."""

    name = "guidance"
    unet: UnetOptions = field(default_factory=lambda: UnetOptions(batch=64, crops=(0.1, 0.1), large=0.25))
    rate: float = 3e-4
    guidance: float = 1.5
    of_material: Mapping[str, float] = field(default_factory=dict)

    def weights(self, descriptions: Sequence[Description]) -> Tensor:
        """w of each sample, N."""
        return torch.tensor([self.of_material.get(d.material, self.guidance) for d in descriptions])

    def loss(self, student: Networks, teacher: Networks, lesson: Lesson) -> Tensor:
        """How far the student's answer is from the guided one, mean square."""
        latents, w = lesson.batch.latents, lesson.batch.guidance
        assert w is not None
        t = stratified_steps(len(latents), lesson.generator)
        eps = torch.randn(latents.shape, generator=lesson.generator, device=latents.device)
        x_t = lesson.process.q_sample(latents, t, eps)
        with torch.no_grad():
            text = teacher.text_encoder(lesson.batch.tokens).last_hidden_state
            nothing = teacher.text_encoder(lesson.empty).last_hidden_state
            target = guided(teacher.unet, x_t, t, text, nothing, w.view(-1, 1, 1, 1))
        return F.mse_loss(student.unet(x_t, t, encoder_hidden_states=text).sample.float(), target)


def by_material(shares: Mapping[float, Mapping[str, float]], usual: float, margin: float) -> dict[str, float]:
    """w for the materials that the usual one does not suit. shares: by w and material, how often the judge saw what was
    asked for; another w than the usual one must be better by the margin.
    """
    chosen = {}
    for material, share in shares[usual].items():
        best = max(shares, key=lambda w: (shares[w][material], -abs(w - usual)))
        if shares[best][material] >= share + margin:
            chosen[material] = best
    return chosen
