# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model needs that the settings do not give it, said in the panel before time is spent."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ..core.choices import STARTER_MODEL
from ..core.errors import BlenderStateError
from ..core.sentence import without_stop
from . import late

with late.imports():
    from ..core import few_steps, lora_tags, suited_training, validation
    from . import build_request, model_choice
    from .prompts import prompts

STRONG = 4.0
"""Guidance at which the starter model loses the fine grain of its textures."""

WEAK = 2.0
"""Guidance below which other models hardly follow the prompt."""


def advice(settings: Any) -> str:
    """One sentence, or ""."""
    if refusal := validation.spacing_refusal(settings.scheduler, settings.spacing):
        return without_stop(refusal)
    told = few_steps.advice(_paths(settings), build_request.sampling(settings))
    if told:
        return told
    guidance = settings.guidance_scale
    is_starter = _is_starter(settings)
    if is_starter and guidance > STRONG:
        return "The starter model is best at a Guidance of 1 to 2; set it under Sampling"
    if is_starter is False and guidance < WEAK and told is None:
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


def _paths(settings: Any) -> Iterator[str]:
    """What changes how many steps are wanted, the LoRAs first, which do so whatever the model is."""
    entries = settings.id_data.sd_blender_adapters.entries
    yield from (entry.path for entry in entries if entry.use and entry.kind == "LORA" and entry.weight)
    yield from (call.name for call in lora_tags.split(prompts.written(settings))[1])
    with contextlib.suppress(BlenderStateError):
        yield model_choice.chosen_model(settings)


def _is_starter(settings: Any) -> bool | None:
    """None where no model can be used; Generate says why."""
    try:
        return bool(model_choice.chosen_model(settings) == STARTER_MODEL)
    except BlenderStateError:
        return None
