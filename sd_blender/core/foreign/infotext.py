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

from .. import lora_tags
from ..errors import InvalidRequest
from ..lora_tags import Call
from ..request import Tiling
from . import told
from .samplers import scheduler
from .told import Texts, Told, header_of, main_text, model_name, one_line, weight_of

NAME = "AUTOMATIC1111, Forge or SD.Next"
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
    *(
        "version",
        "app",
        "app version",
        "batch size",
        "batch pos",
        "batch",
        "index",
        "created date",
        "date",
        "rng",
    ),
    *(
        "civitai metadata",
        "created by",
        "user",
        "source identifier",
        "metadata scheme",
        "lora hashes",
        "ti hashes",
    ),
    *("hashes", "civitai resources", "operations", "pipeline", "parser", "backend", "extra networks", "time"),
    *("model hash", "vae hash", "model vae", "performance", "emphasis", "dynamic prompts"),
}
# With these, the denoising strength is of the second pass of a text to image, and there was no source.
SECOND_PASS = ("hires ", "second pass")
BASE_MODELS = ("model", "base model")


def recognises(texts: Texts) -> bool:
    """A comment in a photograph is no prompt: there the settings must be named."""
    text = main_text(texts)
    if not text.strip() or told.is_json(text):
        return False
    return "parameters" in texts or SETTINGS in text


def read(texts: Texts) -> Told:
    return parse(main_text(texts))


def parse(text: str) -> Told:
    """What the text says; what it does not say is not in the header.

    Raises InvalidRequest for a text that is too long to be settings.
    """
    if len(text) > MAX_TEXT:
        raise InvalidRequest(
            "parameters", "The text in this picture is too long to be settings; choose another picture."
        )
    prompts, pairs = _split(CONTROL.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n")))
    values: dict[str, Any] = dict(prompts)
    values |= {ours: pairs.pop(key) for key, ours in NUMBERS.items() if key in pairs}
    lost: list[str] = []
    if "size" in pairs:
        values["width"], _, values["height"] = pairs.pop("size").lower().partition("x")
    if "sampler" in pairs:
        found, lost = scheduler(pairs.pop("sampler"), pairs.pop("schedule type", pairs.pop("scheduler", "")))
        values |= found
    if "denoising strength" in pairs and not any(key.startswith(SECOND_PASS) for key in pairs):
        values["task"] = "inpaint" if "mask blur" in pairs else "image_to_image"
        values["strength"] = pairs.pop("denoising strength")
    elif "denoising strength" in pairs:
        del pairs["denoising strength"]
        lost.append("hires fix")
    if pairs.pop("tiling", "") == "True":
        values["tiling"] = Tiling.BOTH.value
    if (
        layer := pairs.pop("clip skip", "1")
    ) != "1":  # as everywhere, and the last but one is that of XL anyhow
        values["clip_skip"] = layer
    for plain, one in (("variation seed strength", "0"), ("eta", "1")):
        if pairs.get(plain) == one:  # as everywhere
            del pairs[plain]
    for key in BASE_MODELS:
        if key in pairs:
            lost.append(f'model "{pairs.pop(key)}"')
    if pairs.get("vae", "").lower() in ("none", "automatic"):
        del pairs["vae"]
    calls = _calls(values, pairs)
    lost += [key for key in pairs if key not in SILENT and not key.endswith(("hash", "hashes"))]
    return Told(header_of(values), lost, calls)


def _calls(values: dict[str, Any], pairs: dict[str, str]) -> list[Call]:
    """The LoRAs that the prompt calls or the settings name, with their checksums; the prompt loses its tags.

    One whose wildcards are drawn anew keeps its own, which belong to what is drawn.
    """
    hashes = _hashes(pairs.get("hashes", ""))
    digests = hashes["lora"] | _digests(pairs.get("lora hashes", ""))
    if "{" not in values["prompt"]:
        values["prompt"], called = _untagged(values["prompt"])
    else:
        called = lora_tags.split(values["prompt"])[1]
        digests = {name: digest for name, digest in digests.items() if name not in {c.name for c in called}}
        called = ()
    if "negative_prompt" in values:
        values["negative_prompt"], _ = _untagged(values["negative_prompt"])
    calls = [Call(call.name, call.weight, digests.pop(call.name, "")) for call in called]
    calls += [call for key in list(pairs) if (call := _numbered(key, pairs)) is not None]
    named = {call.name for call in calls}
    weights = _weights(pairs.get("lora hashes", ""))
    weights |= {name: weight_of(text) for name, text in _digests(pairs.pop("lora weights", "")).items()}
    calls += [Call(name, weights.get(name), d) for name, d in digests.items() if name not in named]
    calls += _resources(pairs.get("civitai resources", "")) if not calls else []
    words = hashes["embed"] | _digests(pairs.get("ti hashes", ""))
    return calls + [Call(name, digest=digest, is_word=True) for name, digest in words.items()]


def _untagged(prompt: str) -> tuple[str, tuple[Call, ...]]:
    text, calls = lora_tags.split(prompt)
    return (one_line(text).strip(", ") if calls else prompt), calls


def _digests(text: str) -> dict[str, str]:
    """``name: checksum, name: checksum``."""
    found = {}
    for part in text.split(","):
        name, colon, digest = part.partition(":")
        if colon and name.strip():
            found[name.strip()] = digest.partition(":")[0].strip().lower()
    return found


def _hashes(text: str) -> dict[str, dict[str, str]]:
    """``{"lora:name": checksum, "embed:name": checksum}``, by the kind of file."""
    found: dict[str, dict[str, str]] = {"lora": {}, "embed": {}}
    for key, digest in told.parse(text).items():
        kind, _, name = key.partition(":")
        if kind in found and name:
            found[kind][model_name(name)] = str(digest).lower()
    return found


def _weights(text: str) -> dict[str, float | None]:
    """``name: checksum: weight``, as Fooocus writes it."""
    parts = [[item.strip() for item in part.split(":")] for part in text.split(",")]
    return {part[0]: weight_of(part[2]) for part in parts if len(part) == 3}


def _numbered(key: str, pairs: dict[str, str]) -> Call | None:
    """``LoRA 1: name : 0.8``, or name and weight in two settings, as some programs write them."""
    found = re.fullmatch(r"lora(?: model)? (\d+)|lora_(\d+)", key)
    if not found or key not in pairs:
        return None
    name, _, weight = pairs.pop(key).rpartition(":")
    if not name:
        name, weight = weight, ""
    for other in (f"lora weight {found[1]}", f"weight {found[1]}"):
        weight = weight or pairs.pop(other, "")
    return Call(model_name(name), weight_of(weight.strip()) if weight.strip() else 1.0)


def _resources(text: str) -> list[Call]:
    try:
        items = json.loads(text) if text else []
    except (ValueError, RecursionError):
        return []
    items = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return [
        Call(str(item.get("modelName") or item.get("modelVersionId", "")), weight_of(item.get("weight", 1.0)))
        for item in items
        if str(item.get("type", "")).lower() in ("lora", "lycoris", "dora")
    ]


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
    prompts = {name: one_line(" ".join(part)) for name, part in parts.items()}
    prompts |= {name: pairs.pop(key) for key, name in WILDCARDS.items() if key in pairs}
    return prompts, pairs


def _pairs(line: str) -> dict[str, str]:
    pairs, at = {}, 0
    while 0 <= at < len(line):
        key = KEY.match(line, at)
        if key:
            at = _json_end(line, key.end())
            value = line[key.end() : at] if at else ""
            if not at and (found := VALUE.match(line, key.end())):
                value, at = found[0], found.end()
            pairs[key[1].strip().lower()] = _unquoted(value.strip())
        at = line.find(",", at) + 1 or len(line)
    return pairs


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value.strip('"')


def _json_end(line: str, at: int) -> int:
    """Where a list or an object that begins here ends, 0 where there is none: it may hold any comma and colon."""
    if line[at : at + 1] not in ("[", "{"):
        return 0
    try:
        return json.JSONDecoder().raw_decode(line, at)[1]
    except (ValueError, RecursionError):
        return 0
