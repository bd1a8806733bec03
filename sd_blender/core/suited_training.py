# SPDX-License-Identifier: GPL-3.0-or-later
"""What suits a model that is to learn a LoRA, where nobody chose: the panel advises it, scripts begin with it."""

from __future__ import annotations

from dataclasses import dataclass

from .choices import STARTER_MODEL


@dataclass(frozen=True)
class Suited:
    """size: pixels per side. learning_rate, layers: of a LoRA. guidance_scale: of the sample pictures."""

    size: int
    learning_rate: float
    layers: str
    guidance_scale: float


STARTER = Suited(size=128, learning_rate=2e-3, layers="all", guidance_scale=1.0)
"""Small, with few transformer blocks: ``scripts/evaluate_lora.py`` shows that it learns a material so."""

OTHERS = Suited(size=512, learning_rate=1e-4, layers="attention", guidance_scale=5.0)


def suited(model: str) -> Suited:
    return STARTER if model == STARTER_MODEL else OTHERS
