# SPDX-License-Identifier: GPL-3.0-or-later
"""Fooocus: flat JSON, the size as a pair in a text, and LoRAs as texts of a name and a weight."""

from __future__ import annotations

import re
from typing import Any

from ..lora_tags import Call
from .samplers import scheduler
from .told import Texts, Told, header_of, main_text, model_name, named, parse, weight_of, without

NAME = "Fooocus"
FIELDS = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "seed": "seed",
    "steps": "steps",
    "guidance_scale": "guidance_scale",
}
# What is as it is by default there, or was made of the rest.
SILENT = (
    *("full_prompt", "full_negative_prompt", "metadata_scheme", "version", "base_model_hash", "created_by"),
    *("performance", "adm_guidance", "refiner_model_hash", "refiner_switch", "prompt_expansion", "vae_hash"),
)


def recognises(texts: Texts) -> bool:
    given = parse(main_text(texts))
    by_name = "fooocus" in f"{given.get('metadata_scheme')} {given.get('version')}".lower()
    return "prompt" in given and (by_name or {"base_model", "resolution"} <= given.keys())


def read(texts: Texts) -> Told:
    given = parse(main_text(texts))
    values: dict[str, Any] = {ours: given.pop(theirs) for theirs, ours in FIELDS.items() if theirs in given}
    if size := re.findall(r"\d+", str(given.pop("resolution", ""))):
        values["width"], values["height"] = size[0], size[-1]
    lost = named("model", model_name(given.pop("base_model", "")))
    if "sampler" in given:
        found, missing = scheduler(str(given.pop("sampler")), str(given.pop("scheduler", "")))
        values, lost = values | found, lost + missing
    calls = _loras(given)
    refiner, vae = given.pop("refiner_model", None), given.pop("vae", "")
    lost += named("refiner", refiner)
    lost += [] if "default" in str(vae).lower() else named("VAE", vae)
    if str(given.get("styles", "")) in ("", "[]"):
        given.pop("styles", None)
    values["clip_skip"] = given.pop("clip_skip", None)
    if str(given.get("sharpness", "")) in ("2", "2.0"):
        del given["sharpness"]
    return Told(header_of(values), lost + without(given, *SILENT), calls)


def _loras(given: dict[str, Any]) -> list[Call]:
    listed = given.pop("loras", None)
    calls = []
    for item in listed if isinstance(listed, list) else ():
        name, weight, *rest = [*item, 1.0] if len(item) == 1 else item
        calls.append(Call(model_name(name), weight_of(weight), str(rest[0]).lower() if rest else ""))
    for key in [key for key in given if re.fullmatch(r"lora_combined_\d+", key)]:
        name, _, weight = str(given.pop(key)).rpartition(":")
        if model_name(name).strip().lower() not in ("", "none") and not calls:
            calls.append(Call(model_name(name.strip()), weight_of(weight.strip())))
    for key in [key for key in given if re.fullmatch(r"lora_(name|weight|hash)?_?\d+", key)]:
        del given[key]
    return calls
