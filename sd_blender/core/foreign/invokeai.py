# SPDX-License-Identifier: GPL-3.0-or-later
"""InvokeAI: JSON of its own keyword; before version 3 of another one; before that the words of its command line."""

from __future__ import annotations

import re
import shlex
from typing import Any

from ..lora_tags import Call
from ..request import Tiling
from .samplers import scheduler
from .told import (
    Texts,
    Told,
    header_of,
    inner,
    main_text,
    model_name,
    named,
    number,
    parse,
    weight_of,
    without,
)

NAME = "InvokeAI"
NEW, OLD, OLDEST = "invokeai_metadata", "sd-metadata", "Dream"
FIELDS = {
    "positive_prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "seed": "seed",
    "steps": "steps",
    "cfg_scale": "guidance_scale",
    "width": "width",
    "height": "height",
}
SILENT = (
    *(
        "generation_mode",
        "app_version",
        "rand_device",
        "workflow",
        "canvas_v2_metadata",
        "seamless_x",
        "seamless_y",
    ),
    *("negative_style_prompt", "_canvas_objects", "image"),
)
COMMAND_LINE = {
    "-s": "steps",
    "-S": "seed",
    "-W": "width",
    "-H": "height",
    "-C": "guidance_scale",
    "-A": "sampler",
    "-f": "strength",
    "-I": "init",
    "-M": "mask",
}
LAYERS = {
    "controlLayers": "ControlNet",
    "regionalGuidance": "regional prompts",
    "referenceImages": "reference image",
}
"""Of the canvas, by what they hold."""

_SOURCES = ("init_image", "init_img", "img2img")
_WEIGHTED = re.compile(r"\w\+|\)[\d.+-]|\.and\(|\.blend\(|\.swap\(")


def recognises(texts: Texts) -> bool:
    return any(name in texts for name in (NEW, OLD, OLDEST)) or NEW in parse(main_text(texts))


def read(texts: Texts) -> Told:
    if given := parse(texts.get(NEW)) or inner(parse(main_text(texts)), NEW):
        told = _new(dict(given))
    elif OLD in texts:
        told = _old(parse(texts[OLD]))
    else:
        told = _oldest(texts[OLDEST])
    if _WEIGHTED.search(told.header.get("prompt", "")):
        told.lost.append("prompt weights")
    return told


def _new(given: dict[str, Any]) -> Told:
    values: dict[str, Any] = {ours: given.pop(theirs) for theirs, ours in FIELDS.items() if theirs in given}
    lost = named("model", model_name(given.pop("model", "")))
    lost += _sampler(values, given.pop("scheduler", None))
    strength = given.pop("strength", None)
    mode = str(given.get("generation_mode", ""))
    if "img2img" in mode or any(given.get(name) for name in _SOURCES):
        values["task"], values["strength"] = "image_to_image", strength
    elif "inpaint" in mode or "outpaint" in mode:
        values["task"], values["strength"] = "inpaint", strength
    for name in _SOURCES:
        given.pop(name, None)
    tiling = Tiling.of(x=given.get("seamless_x") is True, y=given.get("seamless_y") is True)
    values["tiling"] = tiling.value if tiling is not Tiling.OFF else None
    items = given.pop("loras", None)
    calls = [_lora(item) for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    layers = number(given.pop("clip_skip", 0) or 0)  # that are left out
    values["clip_skip"] = layers + 1 if isinstance(layers, int) and layers else layers or None
    if not given.get("vae"):
        given.pop("vae", None)
    if given.get("positive_style_prompt") == values.get("prompt"):
        del given["positive_style_prompt"]
    layers = inner(given, "canvas_v2_metadata")
    lost += [label for name, label in LAYERS.items() if layers.get(name)]
    used = [name for name, value in given.items() if value not in (None, "", [], {}, False, 0)]
    return Told(header_of(values), lost + without(used, *SILENT), calls)


def _lora(item: dict[str, Any]) -> Call:
    model = item.get("model") or item.get("lora") or {}
    digest = str(model.get("hash", "")) if isinstance(model, dict) else ""
    # Its own kind of checksum says nothing here.
    return Call(model_name(model), weight_of(item.get("weight", 1.0)), digest if ":" not in digest else "")


def _old(whole: dict[str, Any]) -> Told:
    given = dict(inner(whole, "image"))
    prompt = given.pop("prompt", "")
    if isinstance(prompt, list):
        parts = [part for part in prompt if isinstance(part, dict)]
        prompt = " ".join(str(part.get("prompt", "")) for part in parts)
    values: dict[str, Any] = _split_prompt(str(prompt))
    for theirs, ours in {**FIELDS, "cfg_scale": "guidance_scale"}.items():
        if theirs in given:
            values[ours] = given.pop(theirs)
    lost = named("model", model_name(whole.get("model_weights") or whole.get("model") or ""))
    lost += _sampler(values, given.pop("sampler", None))
    if given.get("type") == "img2img" or given.get("init_image_path"):
        values["task"], values["strength"] = "image_to_image", given.pop("strength", None)
    values["tiling"] = Tiling.BOTH.value if given.pop("seamless", False) is True else None
    silent = ("type", "orig_hash", "init_image_path", "mask_image_path", "extra", "fit")
    used = [name for name, value in given.items() if value not in (None, "", [], {}, False, 0)]
    return Told(header_of(values), lost + without(used, *silent))


def _oldest(text: str) -> Told:
    """``"mossy stone wall [blurry]" -s 50 -S 123 -W 512 -H 512 -C 7.5 -A k_lms``."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.replace('"', "").split()
    start = next((at for at, word in enumerate(words) if re.fullmatch(r"-\w.*", word)), len(words))
    values: dict[str, Any] = _split_prompt(" ".join(words[:start]))
    lost, at = [], start
    while at < len(words):
        flag, value = words[at][:2], words[at][2:]
        at += 1
        if not value and at < len(words) and not re.match(r"-[A-Za-z]", words[at]):
            value, at = words[at], at + 1
        if flag in COMMAND_LINE:
            values[COMMAND_LINE[flag]] = value
        elif flag.startswith("-"):
            lost.append(f"{flag}{value}")
    lost += _sampler(values, values.pop("sampler", None))
    source, mask = values.pop("init", None), values.pop("mask", None)
    if source:
        values["task"] = "inpaint" if mask else "image_to_image"
    else:
        values.pop("strength", None)
    return Told(header_of(values), lost)


def _split_prompt(prompt: str) -> dict[str, str]:
    """What must not be seen stood in square brackets within the prompt."""
    unwanted = re.findall(r"\[([^\[\]]*)\]", prompt)
    values = {"prompt": re.sub(r"\[[^\[\]]*\]", "", prompt)}
    return values | ({"negative_prompt": " ".join(unwanted)} if unwanted else {})


def _sampler(values: dict[str, Any], name: Any) -> list[str]:
    if not name:
        return []
    found, lost = scheduler(str(name))
    values |= found
    return lost
