# SPDX-License-Identifier: GPL-3.0-or-later
"""NovelAI: JSON in the comment, and braces for weights. Its models run nowhere else; prompt and seed may help yet."""

from __future__ import annotations

import re
from typing import Any

from .samplers import scheduler
from .told import Texts, Told, header_of, inner, named, parse, without

NAME = "NovelAI"
FIELDS = {
    "prompt": "prompt",
    "uc": "negative_prompt",
    "seed": "seed",
    "steps": "steps",
    "scale": "guidance_scale",
    "width": "width",
    "height": "height",
}
SILENT = (
    *(
        "request_type",
        "signed_hash",
        "n_samples",
        "version",
        "params_version",
        "legacy",
        "legacy_uc",
        "legacy_v3_extend",
    ),
    *(
        "v4_prompt",
        "v4_negative_prompt",
        "add_original_image",
        "extra_noise_seed",
        "controlnet_strength",
        "noise",
    ),
    *(
        "uncond_scale",
        "hide_debug_overlay",
        "stream",
    ),
    *(
        "prefer_brownian",
        "deliberate_euler_ancestral_bug",
        "skip_cfg_below_sigma",
        "lora_unet_weights",
        "qualityToggle",
    ),
    *(
        "lora_clip_weights",
        "explike_fine_detail",
        "minimize_sigma_inf",
        "controlnet_model",
        "cfg_sched_eligibility",
    ),
)
STEP = 1.05
"""The weight of one pair of braces; of one pair of square brackets its inverse."""


def recognises(texts: Texts) -> bool:
    by_name = "NovelAI" in f"{texts.get('Software')} {texts.get('Title')}"
    return by_name or {"uc", "scale", "sampler"} <= parse(texts.get("Comment")).keys()


def read(texts: Texts) -> Told:
    given = parse(texts.get("Comment"))
    wanted, unwanted = (inner(inner(given, name), "caption") for name in ("v4_prompt", "v4_negative_prompt"))
    given.setdefault("prompt", wanted.get("base_caption") or texts.get("Description", ""))
    if "base_caption" in unwanted:
        given.setdefault("uc", unwanted["base_caption"])
    values: dict[str, Any] = {ours: given.pop(theirs) for theirs, ours in FIELDS.items() if theirs in given}
    lost = named("model", texts.get("Source", NAME))
    for name in ("prompt", "negative_prompt"):
        if isinstance(values.get(name), str):
            values[name], left = weighted(values[name])
            lost += ["prompt weights"] if left else []
    if "sampler" in given:
        found, missing = scheduler(str(given.pop("sampler")), str(given.pop("noise_schedule", "") or ""))
        values, lost = values | found, lost + missing
    if given.get("request_type") in ("Img2ImgRequest", "NativeInfillingRequest"):
        values["task"] = "inpaint" if "Infilling" in given["request_type"] else "image_to_image"
        values["strength"] = given.get("strength")
    given.pop("strength", None)
    if wanted.get("char_captions") or unwanted.get("char_captions"):
        lost.append("prompts of characters")
    if given.get("reference_strength") or given.get("reference_strength_multiple"):
        lost.append("reference image")
    if given.get("cfg_rescale") == 0:
        del given["cfg_rescale"]
    used = [name for name, value in given.items() if value not in (None, "", [], {}, False)]
    silent = (*SILENT, *(name for name in given if name.startswith("reference_")))
    return Told(header_of(values), lost + without(used, *silent))


def weighted(prompt: str) -> tuple[str, bool]:
    """A prompt in our notation, and whether weights are left that cannot be told in it.

    Only pairs of brackets that hold no others beside themselves are known: ``{{moss}}`` and ``[[moss]]``.
    """
    prompt = re.sub(r"([()\\])", r"\\\1", prompt)

    def braces(found: re.Match[str]) -> str:
        depth = min(len(found[1]), len(found[3]))
        weight = STEP**depth if found[1][0] == "{" else STEP**-depth
        return f"({found[2]}:{weight:.3f})"

    prompt = re.sub(r"(?<!\{)(\{++)([^{}\[\]]*+)(\}++)", braces, prompt)
    prompt = re.sub(r"(?<!\[)(\[++)([^{}\[\]]*+)(\]++)", braces, prompt)
    return prompt, bool(re.search(r"[{}\[\]]|::", prompt))
