# SPDX-License-Identifier: GPL-3.0-or-later
"""What this engine does not do is said before anything is loaded, and what brings it."""

from __future__ import annotations

from ..core.errors import EngineUnavailable
from ..core.request import STARTER_MODEL, Request
from ..core.sentence import Sentence
from ..core.training_request import Training
from ..core.wildcards import prompts_of
from ..core.work import Work


def refuse_what_needs_torch(work: Work) -> None:
    """Raise EngineUnavailable where the work asks for more than pictures of the model that ships, as it is."""
    if isinstance(work, Training):
        raise EngineUnavailable("Without the engine nothing can be trained; press Install Engine.")
    _refuse_additions(work)
    _refuse_other_ways(work)


def _refuse_additions(request: Request) -> None:
    sampling = request.sampling
    if request.model != STARTER_MODEL:
        raise EngineUnavailable(
            "Without the engine only the starter model runs; press Install Engine, or choose the starter model."
        )
    if request.loras or request.embeddings or prompts_of(request)[0].loras:
        raise EngineUnavailable(
            "Without the engine LoRAs and embeddings cannot be added; press Install Engine, or remove them."
        )
    for scale, label in (
        (sampling.clip_guidance_scale, "CLIP Guidance"),
        (sampling.classifier_guidance_scale, "Classifier Guidance"),
    ):
        if scale:
            raise EngineUnavailable(
                Sentence(
                    "Without the engine there is no {label}; press Install Engine, or set it to 0.",
                    label=label,
                )
            )
    if request.keep and request.clip:
        raise EngineUnavailable(
            "Without the engine only the CLIP of the starter model can judge; press Install Engine, or clear the CLIP "
            "Folder in the preferences."
        )


def _refuse_other_ways(request: Request) -> None:
    if request.sampling.clip_skip > 1:
        raise EngineUnavailable(
            "Without the engine no layer of the text encoder is skipped; press Install Engine, or set Clip Skip to 0."
        )
    if request.sampling.speed != "exact":
        raise EngineUnavailable(
            "Without the engine textures are made in the exact way alone; press Install Engine, or set Speed to Exact."
        )
