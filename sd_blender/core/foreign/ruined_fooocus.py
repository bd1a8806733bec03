# SPDX-License-Identifier: GPL-3.0-or-later
"""RuinedFooocus: flat JSON with capital names for the prompts and ComfyUI's for the sampling."""

from __future__ import annotations

import re
from typing import Any

from ..lora_tags import Call
from .samplers import scheduler
from .told import Texts, Told, header_of, main_text, model_name, named, parse, weight_of, without

NAME = "RuinedFooocus"
FIELDS = {
    "Prompt": "prompt",
    "Negative": "negative_prompt",
    "seed": "seed",
    "steps": "steps",
    "cfg": "guidance_scale",
    "width": "width",
    "height": "height",
}
SILENT = ("software", "base_model_hash", "start_step", "original_prompt")


def recognises(texts: Texts) -> bool:
    given = parse(main_text(texts))
    return given.get("software") == NAME or {"Prompt", "base_model_name"} <= given.keys()


def read(texts: Texts) -> Told:
    given = parse(main_text(texts))
    values: dict[str, Any] = {ours: given.pop(theirs) for theirs, ours in FIELDS.items() if theirs in given}
    lost = named("model", model_name(given.pop("base_model_name", "")))
    if "sampler_name" in given:
        found, missing = scheduler(str(given.pop("sampler_name")), str(given.pop("scheduler", "")))
        values, lost = values | found, lost + missing
    strength = given.pop("denoise", None)
    if strength not in (None, 1, 1.0, "", "None"):
        values["task"], values["strength"] = "image_to_image", strength
    calls = _loras(given.pop("loras", None))
    layer = given.pop("clip_skip", 1)
    values["clip_skip"] = layer if layer not in (0, 1, "1") else None
    given = {name: value for name, value in given.items() if value not in (None, "", "None", [])}
    return Told(header_of(values), lost + without(given, *SILENT), calls)


def _loras(given: Any) -> list[Call]:
    """Pairs of a checksum and ``0.8 - name.safetensors``, or in earlier versions ``Loras:<name:0.8>,<...>``."""
    if isinstance(given, str):
        return [
            Call(model_name(name), weight_of(weight))
            for name, weight in re.findall(r"<([^<>]+):([^<>:]+)>", given)
        ]
    calls = []
    for digest, text in given or ():
        weight, _, name = str(text).partition(" - ")
        calls.append(Call(model_name(name), weight_of(weight), str(digest).lower()))
    return [call for call in calls if call.name.lower() not in ("", "none")]
