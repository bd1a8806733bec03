# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model needs that the settings do not give it, said in the panel before time is spent."""

from __future__ import annotations

from typing import Any

from ..core.choices import STARTER_MODEL
from ..core.errors import BlenderStateError
from . import late

with late.imports():
    from ..core import suited_training
    from . import model_choice

STRONG = 4.0
"""Guidance at which the starter model loses the fine grain of its textures."""

WEAK = 2.0
"""Guidance below which other models hardly follow the prompt."""


def advice(settings: Any) -> str:
    """One sentence, or ""."""
    guidance = settings.guidance_scale
    is_starter = _is_starter(settings)
    if is_starter and guidance > STRONG:
        return "The starter model is best at a Guidance of 1 to 2; set it under Sampling"
    if is_starter is False and guidance < WEAK:
        return "Most models need a Guidance of about 7 and 20 steps or more; set them under Sampling"
    if settings.negative_prompt.strip() and guidance <= 1:
        return "The negative prompt counts only with a Guidance above 1; set it under Sampling"
    return ""


def training_advice(settings: Any, lessons: Any) -> str:
    """The same of a training. settings: the scene's, whose model learns. lessons: those of the training."""
    is_starter = _is_starter(settings)
    if is_starter is False and lessons.size < suited_training.OTHERS.size:
        return "Most models were made for 512 px, those of Stable Diffusion XL for 1024; set Size"
    if is_starter and lessons.method == "LORA":
        best = suited_training.STARTER
        if lessons.learning_rate < best.learning_rate / 2 or lessons.layers.lower() != best.layers:
            return (
                "The starter model learns best with a Rate of 0.002 and All layers; set them under Advanced"
            )
    return ""


def _is_starter(settings: Any) -> bool | None:
    """None where no model can be used; Generate says why."""
    try:
        return bool(model_choice.chosen_model(settings) == STARTER_MODEL)
    except BlenderStateError:
        return None
