# SPDX-License-Identifier: GPL-3.0-or-later
"""SwarmUI: JSON under ``sui_image_params``, with every value that was set and numbers partly as text."""

from __future__ import annotations

import re
from typing import Any

from .. import lora_tags
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

NAME = "SwarmUI"
PARAMETERS = "sui_image_params"
FIELDS = {
    "prompt": "prompt",
    "negativeprompt": "negative_prompt",
    "seed": "seed",
    "steps": "steps",
    "cfgscale": "guidance_scale",
    "width": "width",
    "height": "height",
}
_TAG = re.compile(r"<\w+(?=(?:\[[^\[\]<>]*\])?[:>])")
TILINGS = {"true": Tiling.BOTH, "x-only": Tiling.X, "y-only": Tiling.Y}
SILENT = (
    *(
        "images",
        "swarm_version",
        "date",
        "generation_time",
        "aspectratio",
        "sidelength",
        "batchsize",
        "donotsave",
    ),
    *(
        "automaticvae",
        "prompt_images",
        "personalnote",
        "saveintermediateimages",
        "original_prompt",
        "presets",
    ),
    *(
        "original_negativeprompt",
        "unused_parameters",
        "modelspecificenhancements",
        "wildcardseed",
        "internalbackendtype",
    ),
    *(
        "loratencweights",
        "lorasectionconfinement",
        "rawresolution",
        "preferreddtype",
        "showcontrolnetpreview",
    ),
)


def recognises(texts: Texts) -> bool:
    return PARAMETERS in parse(main_text(texts))


def read(texts: Texts) -> Told:
    whole = parse(main_text(texts))
    given, extra = dict(inner(whole, PARAMETERS)), inner(whole, "sui_extra_data")
    values: dict[str, Any] = {ours: given.pop(theirs) for theirs, ours in FIELDS.items() if theirs in given}
    lost = named("model", model_name(given.pop("model", "")))
    if "sampler" in given:
        found, missing = scheduler(str(given.pop("sampler")), str(given.pop("scheduler", "")))
        values, lost = values | found, lost + missing
    creativity = given.pop("initimagecreativity", None)
    if "initimage" in given or "initimage_filename" in extra:
        masked = "maskimage" in given or "maskimage_filename" in extra
        values["task"], values["strength"] = "inpaint" if masked else "image_to_image", creativity
        given = {name: value for name, value in given.items() if name not in ("initimage", "maskimage")}
    tiling = TILINGS.get(str(given.pop("seamlesstileable", "false")).lower())
    values["tiling"] = tiling.value if tiling else None
    calls = _loras(given.pop("loras", ()), given.pop("loraweights", ()), whole.get("sui_models"))
    if "prompt" in values:
        values["prompt"], called = lora_tags.split(values["prompt"])
        calls += called
        lost += [f"prompt tag {tag}>" for tag in _TAG.findall(values["prompt"])]
    layer = number(given.pop("clipstopatlayer", None))  # counted from -1
    values["clip_skip"] = abs(layer) if isinstance(layer, int) else layer
    renamed = {"variationseedstrength": "variation seed strength"}
    lost += [renamed.get(name, name) for name in without(_in_use(given), *SILENT)]
    return Told(header_of(values), lost, calls)


def _in_use(given: dict[str, Any]) -> list[str]:
    return [
        name for name, value in given.items() if str(value).lower() not in ("", "none", "false", "automatic")
    ]


def _loras(names: Any, weights: Any, models: Any) -> list[Call]:
    names, weights = _list(names), _list(weights)
    weights += ["1"] * (len(names) - len(weights))
    files = [item for item in models if isinstance(item, dict)] if isinstance(models, list) else []
    digests = {model_name(item.get("name", "")): str(item.get("hash", "")) for item in files}
    return [
        Call(name, weight_of(weight), digests.get(name, "").lower().removeprefix("0x"))
        for name, weight in zip(map(model_name, names), weights, strict=False)
        if name
    ]


def _list(value: Any) -> list[Any]:
    return value.split(",") if isinstance(value, str) else list(value)
