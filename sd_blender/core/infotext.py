# SPDX-License-Identifier: GPL-3.0-or-later
"""The "parameters" text that AUTOMATIC1111 and its relatives put into a picture, as a request's JSON.

    a prompt of any number of lines
    Negative prompt: and of this one
    Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Hashes: "quoted, with commas"
    Template: the prompt before its wildcards were drawn, where an extension drew some

Numbers that are none stay text, which the validation of requests refuses by name.
"""

from __future__ import annotations

import json
import re
from typing import Any

from .errors import InvalidRequest
from .request import SCHEDULERS, Tiling
from .serialization import FORMAT_VERSION, Header

MAX_TEXT = 100_000
"""Characters; two prompts of the longest kind and the settings take a quarter of it."""

KEY = re.compile(r"\s*([^,:\"]{1,60}):\s*")
VALUE = re.compile(r'"(?:[^"\\]|\\.)*"|[^,]*')
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
NEGATIVE, SETTINGS = "Negative prompt:", "Steps:"
TEMPLATES = {"Template:": "prompt", "Negative Template:": "negative_prompt"}
WILDCARDS = {"wildcard prompt": "prompt", "wildcard negative prompt": "negative_prompt"}
NUMBERS = {"steps": "steps", "cfg scale": "guidance_scale", "seed": "seed"}
# What says nothing that another program could do: checksums, versions, and where in a batch the picture was.
SILENT = {
    "version",
    "batch size",
    "batch pos",
    "created date",
    "civitai resources",
    "civitai metadata",
    "rng",
}
# With these, the denoising strength is of the second pass of a text to image, and there was no source.
SECOND_PASS = ("hires upscale", "hires steps", "hires upscaler", "hires resize")
SCHEDULES = ("karras", "exponential", "polyexponential", "sgm uniform", "automatic", "uniform", "normal")
PLAIN_SCHEDULES = ("", "automatic", "uniform", "normal")
OTHER_NAMES = {"plms": "PNDM"}
KARRAS = "DPM++ 2M Karras"


def parse(text: str) -> tuple[Header, list[str]]:
    """A request's JSON of what the text says, and by name what it says that no setting of ours can take.

    What the text does not say is not in the JSON. Raises InvalidRequest for a text that is too long to be settings.
    """
    if len(text) > MAX_TEXT:
        raise InvalidRequest(
            "parameters", "The text in this picture is too long to be settings; choose another picture."
        )
    prompts, pairs = _split(CONTROL.sub(" ", text.replace("\r", "\n")))
    header: Header = {"version": FORMAT_VERSION, "task": "text_to_image", **prompts}
    sampling: dict[str, Any] = {NUMBERS[key]: _number(pairs.pop(key)) for key in NUMBERS if key in pairs}
    if "size" in pairs:
        width, _, height = pairs.pop("size").lower().partition("x")
        sampling["width"], sampling["height"] = _number(width), _number(height)
    lost: list[str] = []
    if "sampler" in pairs:
        name, lost = scheduler(pairs.pop("sampler"), pairs.pop("schedule type", ""))
        if name:
            sampling["scheduler"] = name
    if "denoising strength" in pairs and not any(key in pairs for key in SECOND_PASS):
        header["task"] = "inpaint" if "mask blur" in pairs else "image_to_image"
        header["strength"] = _number(pairs.pop("denoising strength"))
    if pairs.pop("tiling", "") == "True":
        header["tiling"] = Tiling.BOTH.value
    if pairs.get("clip skip") == "1":  # as everywhere
        del pairs["clip skip"]
    if "model" in pairs:
        lost.append(f'model "{pairs.pop("model")}"')
    lost += [key for key in pairs if key not in SILENT and not key.endswith(("hash", "hashes"))]
    return {**header, "sampling": sampling}, lost


def scheduler(sampler: str, schedule: str = "") -> tuple[str, list[str]]:
    """Our name of a sampler with its schedule of noise levels, or "", and by name what of both we do not have."""
    name, noise = sampler.strip().lower(), schedule.strip().lower()
    for ending in SCHEDULES if not noise else ():
        if name.endswith(f" {ending}"):
            name, noise = name.removesuffix(f" {ending}"), ending
    known = {ours.lower(): ours for ours in SCHEDULERS} | OTHER_NAMES
    if name not in known:
        return "", [f'sampler "{sampler.strip()}"']
    # "Automatic" is the schedule that the sampler has by default there.
    if name == "dpm++ 2m" and noise in ("karras", "automatic"):
        return KARRAS, []
    return known[name], [] if noise in PLAIN_SCHEDULES else [f'schedule type "{noise}"']


def _split(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """The prompts as they were typed, and the settings by lower-case name."""
    lines = text.split("\n")
    last = max((at for at, line in enumerate(lines) if line.startswith(SETTINGS)), default=len(lines))
    pairs = _pairs(lines[last]) if last < len(lines) else {}
    parts: dict[str, list[str]] = {"prompt": []}
    part = "prompt"
    for line in lines[:last]:
        if line.startswith(NEGATIVE):
            part, line = "negative_prompt", line.removeprefix(NEGATIVE)
        parts.setdefault(part, []).append(line)
    part = ""
    for line in lines[last + 1 :]:
        for label, name in TEMPLATES.items():
            if line.startswith(label):
                part, line = name, line.removeprefix(label)
                parts[part] = []
        if part:
            parts[part].append(line)
    # A line break in a prompt is a space to the model, and the field of the panel has one line.
    prompts = {name: " ".join(" ".join(part).split()) for name, part in parts.items()}
    prompts |= {name: pairs.pop(key) for key, name in WILDCARDS.items() if key in pairs}
    return prompts, pairs


def _pairs(line: str) -> dict[str, str]:
    pairs, at = {}, 0
    while 0 <= at < len(line):
        key = KEY.match(line, at)
        value = VALUE.match(line, key.end()) if key else None
        if key and value:
            pairs[key[1].strip().lower()] = _unquoted(value[0].strip())
            at = value.end()
        at = line.find(",", at) + 1 or len(line)
    return pairs


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value.strip('"')


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
