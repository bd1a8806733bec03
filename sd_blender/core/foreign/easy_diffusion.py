# SPDX-License-Identifier: GPL-3.0-or-later
"""Easy Diffusion: a text of its own for each setting, or all of them as one JSON object."""

from __future__ import annotations

import ast
import contextlib
from typing import Any

from ..lora_tags import Call
from ..request import Tiling
from .samplers import scheduler
from .told import Texts, Told, header_of, main_text, model_name, named, parse, weight_of, without

NAME = "Easy Diffusion"
MARK = "use_stable_diffusion_model"
FIELDS = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "seed": "seed",
    "num_inference_steps": "steps",
    "guidance_scale": "guidance_scale",
    "width": "width",
    "height": "height",
}
MAX_LIST = 10_000
"""Characters of a list."""

TILINGS = {"x": Tiling.X, "y": Tiling.Y, "xy": Tiling.BOTH}
SILENT = (
    *(
        "stream_image_progress",
        "show_only_filtered_image",
        "output_format",
        "output_quality",
        "num_outputs",
        "vram_usage",
    ),
    *(
        "used_random_seed",
        "session_id",
        "metadata_output_format",
        "original_prompt",
        "active_tags",
        "inactive_tags",
    ),
    *(
        "stream_image_progress_interval",
        "request_id",
        "Software",
        "tags",
        "block_nsfw",
        "save_to_disk_path",
        "parameters",
    ),
)


def _all(texts: Texts) -> dict[str, Any]:
    whole: dict[str, Any] = parse(main_text(texts)) if MARK not in texts else dict(texts)
    return {name.lower().replace(" ", "_"): value for name, value in whole.items()}


def recognises(texts: Texts) -> bool:
    return MARK in _all(texts)


def read(texts: Texts) -> Told:
    given = _all(texts)
    values: dict[str, Any] = {ours: given.pop(theirs) for theirs, ours in FIELDS.items() if theirs in given}
    lost = named("model", model_name(given.pop(MARK)))
    if "sampler_name" in given:
        found, missing = scheduler(str(given.pop("sampler_name")), str(given.pop("scheduler_name", "")))
        values, lost = values | found, lost + missing
    if given.get("init_image") or "prompt_strength" in given:
        values["task"], values["strength"] = "image_to_image", given.get("prompt_strength")
    if str(given.pop("clip_skip", False)).lower() == "true":  # a switch, for the last but one
        values["clip_skip"] = 2
    tiling = TILINGS.get(str(given.pop("tiling", "")).lower())
    values["tiling"] = tiling.value if tiling else None
    names, weights = _list(given.pop("use_lora_model", None)), _list(given.pop("lora_alpha", None))
    weights += [1] * (len(names) - len(weights))
    calls = [
        Call(model_name(n), weight_of(w)) for n, w in zip(names, weights, strict=False) if n and n != "None"
    ]
    lost += named("VAE", model_name(given.pop("use_vae_model", "") or ""))
    lost += named("hypernetwork", model_name(given.pop("use_hypernetwork_model", "") or ""))
    given = {
        name: value
        for name, value in given.items()
        if str(value).lower() not in ("", "none", "false", "null")
    }
    for name in ("init_image", "prompt_strength", "hypernetwork_strength"):
        given.pop(name, None)
    return Told(header_of(values), lost + without(given, *SILENT), calls)


def _list(value: Any) -> list[Any]:
    if isinstance(value, str) and value.startswith("["):  # as Python shows one
        with contextlib.suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            value = ast.literal_eval(value[:MAX_LIST])
    return [] if value in (None, "", "None") else list(value) if isinstance(value, list) else [value]
