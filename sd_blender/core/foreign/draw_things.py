# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw Things: JSON with short names, in the user comment of the XMP data or of the EXIF data."""

from __future__ import annotations

import html
from typing import Any

from ..lora_tags import Call
from ..picture_text import XMP
from .samplers import scheduler
from .told import Texts, Told, header_of, inner, main_text, model_name, named, parse, weight_of, without

NAME = "Draw Things"
FIELDS = {"c": "prompt", "uc": "negative_prompt", "seed": "seed", "steps": "steps", "scale": "guidance_scale"}
SILENT = (
    *(
        "v2",
        "shift",
        "profile",
        "seed_mode",
        "mask_blur",
        "sharpness",
        "aesthetic_score",
        "negative_aesthetic_score",
    ),
    *(
        "crop_top",
        "crop_left",
        "original_size",
        "target_size",
        "negative_original_size",
        "zero_negative_prompt",
    ),
    *(
        "clip_weight",
        "image_prior_steps",
        "guidance_embed",
        "resolution_dependent_shift",
        "speed_up_with_guidance_embed",
    ),
)
BESIDE = {
    "controls": "ControlNet",
    "refinerModel": "refiner",
    "hiresFix": "hires fix",
    "upscaler": "upscaling",
    "faceRestoration": "face restoration",
}
"""What the whole configuration tells beside the short names."""


def _json(texts: Texts) -> dict[str, Any]:
    _, comment, rest = texts.get(XMP, "").partition("<exif:UserComment>")
    if not comment:
        return parse(main_text(texts))
    item = rest.partition("<rdf:li")[2].partition(">")[2].partition("</rdf:li>")[0]
    return parse(html.unescape(item).strip())


def recognises(texts: Texts) -> bool:
    return {"c", "uc"} <= _json(texts).keys()


def read(texts: Texts) -> Told:
    given = _json(texts)
    values: dict[str, Any] = {ours: given.pop(theirs) for theirs, ours in FIELDS.items() if theirs in given}
    values["width"], _, values["height"] = str(given.pop("size", "x")).partition("x")
    lost = named("model", model_name(given.pop("model", "")))
    if "sampler" in given:
        found, missing = scheduler(str(given.pop("sampler")))
        values, lost = values | found, lost + missing
    strength = given.pop("strength", 1)
    if strength not in (0, 1):
        values["task"], values["strength"] = "image_to_image", strength
    items = given.pop("lora", None) or inner(given, "v2").get("loras")
    loras = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    calls = [
        Call(model_name(item.get("model") or item.get("file")), weight_of(item.get("weight", 1)))
        for item in loras
    ]
    whole = inner(given, "v2")
    lost += [label for name, label in BESIDE.items() if whole.get(name) and name not in given]
    values["clip_skip"] = whole.get("clipSkip", 1) if whole.get("clipSkip", 1) not in (0, 1) else None
    used = [name for name, value in given.items() if value not in (None, "", [], {}, False, 0)]
    return Told(header_of(values), lost + without(used, *SILENT), calls)
