# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripts and web pages around diffusers: the arguments of its pipelines as JSON, under any keyword."""

from __future__ import annotations

import re
from typing import Any

from ..lora_tags import Call
from ..serialization import Header
from .samplers import scheduler
from .told import Texts, Told, header_of, inner, model_name, named, parse, weight_of, without

NAME = "a program that uses diffusers"
FIELDS = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "seed": "seed",
    "num_inference_steps": "steps",
    "guidance_scale": "guidance_scale",
    "width": "width",
    "height": "height",
}
OTHER_NAMES = {
    "negativePrompt": "negative_prompt",
    "cfgScale": "guidance_scale",
    "cfg_scale": "guidance_scale",
    "steps": "num_inference_steps",
    "samplerName": "sampler",
    "scheduler": "sampler",
    "sampler_name": "sampler",
    "baseModel": "model",
    "base_model": "model",
    "Model": "model",
    "model_name": "model",
    "model_id": "model",
    "clipSkip": "clip_skip",
    "models": "loras",
}
SILENT = (
    *(
        "use_upscaler",
        "add_quality_tags",
        "quality_tags",
        "sdxl_style",
        "style_preset",
        "aspect_ratio",
        "imageCount",
    ),
    *(
        "num_images",
        "num_images_per_prompt",
        "date",
        "time",
        "version",
        "software",
        "workEngine",
        "ldImgUrl",
        "draft",
    ),
)
_SETTINGS = {"num_inference_steps", "guidance_scale", "cfgScale", "cfg_scale", "steps"}


def _json(texts: Texts) -> Header:
    for text in texts.values():
        whole = parse(text)
        for found in (whole, inner(whole, "parameters"), inner(whole, "metadata")):
            if isinstance(found.get("prompt"), str) and len(_SETTINGS & found.keys()) >= 1:
                return found
    return {}


def recognises(texts: Texts) -> bool:
    return bool(_json(texts))


def read(texts: Texts) -> Told:
    given: dict[str, Any] = {}
    for name, value in _json(texts).items():
        given.setdefault(OTHER_NAMES.get(name, name), value)
    values: dict[str, Any] = {ours: given.pop(theirs) for theirs, ours in FIELDS.items() if theirs in given}
    if values.get("guidance_scale") is not None and (
        size := re.findall(r"\d+", str(given.pop("resolution", "")))
    ):
        values["width"], values["height"] = size[0], size[-1]
    lost = named("model", model_name(given.pop("model", "")))
    if isinstance(sampler := given.pop("sampler", None), str):
        found, missing = scheduler(sampler)
        values, lost = values | found, lost + missing
    if "strength" in given:
        values["task"], values["strength"] = "image_to_image", given.pop("strength")
    items = given.pop("loras", None)
    calls = [_lora(item) for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    style = given.get("sdxl_style")
    lost += named("styles", style) if str(style) not in ("(None)", "None") else []
    used = [name for name, value in given.items() if value not in (None, "", [], {}, False, 0)]
    return Told(header_of(values), lost + without(used, *SILENT), calls)


def _lora(item: dict[str, Any]) -> Call:
    name = next(
        (item[key] for key in ("modelFileName", "path", "model", "name", "label") if item.get(key)), ""
    )
    return Call(model_name(name), weight_of(item.get("weight", item.get("scale", 1))))
