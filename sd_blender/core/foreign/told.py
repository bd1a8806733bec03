# SPDX-License-Identifier: GPL-3.0-or-later
"""What the readers share: how a foreign value becomes one of ours, and what is said of the others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..lora_tags import Call
from ..serialization import FORMAT_VERSION, Header

Texts = Mapping[str, str]
"""The texts of a picture by keyword."""

MAX_TEXT = 2**20
"""Characters of a text in JSON; the graph of a large workflow takes a tenth of it."""

SAMPLING = frozenset(
    {"width", "height", "steps", "guidance_scale", "scheduler", "spacing", "clip_skip", "seed"}
)
WHOLE = ("width", "height", "steps", "clip_skip", "seed")
"""Those of them that are whole numbers here, and text or fractions elsewhere."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass
class Told:
    """What a picture tells. header: as a request's JSON, of what was told alone. lost: by name, what no setting of ours
    can take. calls: LoRAs and embeddings by their names.
    """

    header: Header
    lost: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)


def header_of(values: Mapping[str, Any]) -> Header:
    """A request's JSON from the names of its fields and those of its sampling; what is None was not told."""
    told = {name: value for name, value in values.items() if value is not None}
    for name in WHOLE:
        if name in told:
            told[name] = _whole(number(told[name]))
    for name in ("guidance_scale", "strength"):
        if name in told:
            told[name] = number(told[name])
    for name in ("prompt", "negative_prompt"):
        if name in told:
            told[name] = one_line(told[name])
    sampling = {name: told.pop(name) for name in SAMPLING if name in told}
    return {"version": FORMAT_VERSION, "task": "text_to_image", **told, "sampling": sampling}


def main_text(texts: Texts) -> str:
    """The text in which most programs write; in JPEG and WebP files it is a comment."""
    return texts.get("parameters") or texts.get("UserComment") or ""


def parse(text: str | None) -> Header:
    """The JSON object in a text, empty where there is none."""
    if not text or len(text) > MAX_TEXT or not is_object(text):
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def is_object(text: str) -> bool:
    """Whether a text is meant as a JSON object, damaged or not; ``{red|blue} wall`` is a prompt."""
    return bool(re.match(r'\s*\{\s*("|\})', text))


def is_json(text: str) -> bool:
    """Whether a text is an object or a list of JSON, which is no prompt whatever it holds; ``[moss]`` is one."""
    if is_object(text):
        return True
    try:
        return text.lstrip().startswith("[") and isinstance(json.loads(text[:MAX_TEXT]), list)
    except (ValueError, RecursionError):
        return False


def inner(value: Mapping[str, Any], name: str) -> Header:
    """An object within another one, empty where there is none."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def number(value: Any) -> Any:
    """A number where it is one or the text of one; whatever else stays for the validation to refuse."""
    if not isinstance(value, str):
        return value
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            pass
    return value


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def one_line(text: Any) -> Any:
    """A line break in a prompt is a space to the model, and the field of the panel has one line."""
    return " ".join(_CONTROL.sub(" ", text).split()) if isinstance(text, str) else text


def without(values: Iterable[str], *silent: str) -> list[str]:
    """Names as they are shown, without those that say nothing about the picture."""
    return [name.replace("_", " ") for name in values if name not in silent]


def named(what: str, value: Any) -> list[str]:
    """``what "value"`` for a value that is there."""
    text = str(value).strip() if isinstance(value, str | int | float) else ""
    return (
        [f'{what} "{text}"'] if text and text.lower() not in ("none", "null", "default", "automatic") else []
    )


def model_name(value: Any) -> str:
    """The name of a model's or LoRA's file, told as a path, a name or an object with one."""
    if isinstance(value, Mapping):
        value = (
            value.get("name")
            or value.get("model_name")
            or value.get("label")
            or value.get("Model")
            or value.get("content")
            or ""
        )
    last = str(value).replace("\\", "/").rpartition("/")[2].strip()
    return re.sub(r"\.(safetensors|ckpt|pt|bin|gguf|pth)$", "", last, flags=re.IGNORECASE)


def weight_of(value: Any) -> float | None:
    found = number(value)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None
