# SPDX-License-Identifier: GPL-3.0-or-later
"""The LoRAs that a prompt calls, found in the folders of a request. Refused here, before anything slow is done."""

from __future__ import annotations

from collections.abc import Sequence

from . import lora_library, lora_tags
from .errors import InvalidRequest
from .request import Lora
from .sentence import Sentence
from .validation import MAX_LORA_WEIGHT

MAX_NAME = 80
"""Characters of a name in a sentence."""


def take_out(prompt: str, folders: Sequence[str]) -> tuple[str, tuple[Lora, ...]]:
    """The prompt without its tags, and the files that they call. Raises InvalidRequest."""
    text, calls = lora_tags.split(prompt)
    return text, tuple(_found(call, folders) for call in calls)


def refuse_any(prompt: str) -> None:
    """Raise InvalidRequest for a negative prompt that calls a LoRA."""
    if lora_tags.split(prompt)[1]:
        raise InvalidRequest(
            "negative_prompt", "The negative prompt calls a LoRA, which changes both; call it in the prompt."
        )


def _found(call: lora_tags.Call, folders: Sequence[str]) -> Lora:
    name = call.name[:MAX_NAME]
    if call.weight is None or not abs(call.weight) <= MAX_LORA_WEIGHT:
        raise InvalidRequest(
            "loras",
            Sentence(
                'The LoRA "{name}" is called with other than one weight from -{max_lora_weight} to '
                "{max_lora_weight2}; write it as <lora:name:0.8>.",
                name=name,
                max_lora_weight=f"{MAX_LORA_WEIGHT:g}",
                max_lora_weight2=f"{MAX_LORA_WEIGHT:g}",
            ),
        )
    path = lora_library.find(call.name, folders)
    if path is None:
        raise InvalidRequest(
            "loras",
            Sentence(
                'The prompt calls the LoRA "{name}", which is neither in the LoRA folder of the '
                "preferences nor beside those of the list; put its file there, or remove it from the "
                "prompt.",
                name=name,
            ),
        )
    return Lora(path=str(path), weight=call.weight)
