# SPDX-License-Identifier: GPL-3.0-or-later
"""The header of a .safetensors file, and what a LoRA or a learned word says of itself there; no tensor is loaded."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import InvalidRequest
from .sentence import Sentence

MAX_HEADER = 64 * 2**20
"""Bytes; a LoRA's has some hundred kilobytes."""

MAX_TRIGGER, MAX_NAME = 200, 80
"""Characters."""

WORD_KEY = "sd_blender_word"
"""Where the metadata of our files tell the word, if no tensor has its name."""

_LORA_KEYS = ("lora", "hada_", "lokr_", "oft_", ".diff", ".w_norm", ".b_norm")
_ANONYMOUS = "emb_params"
_XL = {"clip_l", "clip_g"}
"""An embedding for Stable Diffusion XL has vectors for both text encoders."""

_BUNDLED = re.compile(r"(?:bundle_emb\.(.+)\.)?(clip_[lg]|emb_params|string_to_param\.\*)")


@dataclass(frozen=True)
class Adapter:
    """is_word: it is a textual inversion, else a LoRA. trigger: the words that call it, "" where nobody says."""

    is_word: bool
    trigger: str


def read_header(path: Path) -> dict[str, Any]:
    """Entries by the name of the tensor, and ``__metadata__``. Raises OSError, or ValueError for any other file."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > MAX_HEADER:
            raise ValueError("no header")
        text = file.read(length)
    try:
        header = json.loads(text)
    except RecursionError:
        raise ValueError("brackets by the thousand") from None
    if not isinstance(header, dict):
        raise ValueError("no object")
    return header


def told_of(path: Path) -> dict[str, str]:
    """The metadata of a file, as far as they are text; empty for one that has none or cannot be read."""
    try:
        told = read_header(path).get("__metadata__")
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in told.items() if isinstance(v, str)} if isinstance(told, dict) else {}


def base_of(told: dict[str, str]) -> str:
    """The name of the model that a LoRA or a word was made for, "" where its metadata do not tell it."""
    name = " ".join(told.get("ss_sd_model_name", "").split())[:MAX_NAME]
    return name.removesuffix(".safetensors").removesuffix(".ckpt")


def bundled_word(name: str) -> tuple[str, str] | None:
    """The word, "" where the file's own name is meant, and the part of it that a tensor of a LoRA file is.

    Some trainers save the words that they learned beside a LoRA in the same file; None for all other tensors.
    """
    found = _BUNDLED.fullmatch(name)
    return (found[1] or "", found[2]) if found else None


def look_at(path: Path) -> Adapter:
    """What a file is for. Raises InvalidRequest unless it is one of safetensors; the engine looks closer."""
    try:
        header = read_header(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no .safetensors file"
        raise InvalidRequest(
            "loras",
            Sentence(
                "{path} cannot be read ({reason}); choose a LoRA or an embedding.", path=path, reason=reason
            ),
        ) from error
    metadata = header.pop("__metadata__", None)
    metadata = metadata if isinstance(metadata, dict) else {}
    alone = len(header) == 1 and not any(part in name for name in header for part in _LORA_KEYS)
    is_word = alone or header.keys() == _XL
    if is_word:
        named = header.keys() - _XL - {_ANONYMOUS}
        told = metadata.get(WORD_KEY) or next(iter(named), path.stem)
    else:
        brought = {word[0]: None for name in header if (word := bundled_word(name)) and word[0]}
        told = metadata.get("modelspec.trigger_phrase") or ", ".join(brought)
    return Adapter(is_word, " ".join(str(told).split())[:MAX_TRIGGER])
