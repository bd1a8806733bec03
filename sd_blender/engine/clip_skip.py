# SPDX-License-Identifier: GPL-3.0-or-later
"""The refusal of a layer that the text encoders of a model do not have, before anything is loaded."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import InvalidRequest
from ..core.json_files import read_json
from ..core.request import Request
from ..core.sentence import Sentence
from .model_files import check_model

USUAL_LAYERS = 12
"""Where a configuration says nothing; so transformers takes it."""


def refuse_missing_layers(request: Request, folder: Path) -> None:
    """Raise InvalidRequest where a text encoder of the model in ``folder`` has fewer layers than ``clip_skip`` counts.

    Also raises ModelNotFound and ModelRefused.
    """
    wanted = request.sampling.clip_skip
    if not wanted:
        return
    family = check_model(folder).family  # what is wrong with the model itself comes first
    told = [
        read_json(folder / name / "config.json").get("num_hidden_layers") for name in family.text_encoders
    ]
    layers = min(count if isinstance(count, int) else USUAL_LAYERS for count in told)
    if wanted > layers:
        raise InvalidRequest(
            "clip_skip",
            Sentence(
                "Clip Skip is {wanted} and a text encoder of this model has {layers} layers; set it to {layers} at "
                "most, or to 0 for the usual one.",
                wanted=wanted,
                layers=layers,
            ),
        )
