# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests as JSON with their arrays beside: for the wire, for files, and as provenance on an image."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidRequest
from .messages import GeneratedImage
from .request import ImageToImage, Inpaint, Lora, Request, Sampling, TextToImage, Tiling
from .validation import validate
from .version import VERSION

FORMAT_VERSION = 1

KEYWORD = "sd_blender"
"""Of the provenance: the text in a PNG file and the custom property on an image are called the same."""

Arrays = dict[str, NDArray[Any]]
Header = dict[str, Any]

TASKS: dict[str, type[TextToImage]] = {
    "text_to_image": TextToImage,
    "image_to_image": ImageToImage,
    "inpaint": Inpaint,
}
_TASK_NAMES = {task: name for name, task in TASKS.items()}
ARRAY_FIELDS = ("image", "mask", "reference")
OPTIONAL_ARRAYS = frozenset({"reference"})
ADAPTER_FIELDS = ("loras", "embeddings")
RARE_FIELDS = frozenset({*ADAPTER_FIELDS, "keep", "clip"})
"""Left out where they are empty, so that an older version can read what it knows."""


def to_json(request: Request) -> tuple[Header, Arrays]:
    """The request as a JSON object and its arrays by field name; :func:`from_json` is the inverse."""
    header: Header = {"version": FORMAT_VERSION, "task": _TASK_NAMES[type(request)]}
    arrays: Arrays = {}
    for field in dataclasses.fields(request):
        value = getattr(request, field.name)
        if field.name in ARRAY_FIELDS:
            if value is not None:
                arrays[field.name] = value
        elif field.name in RARE_FIELDS and not value:
            continue
        elif isinstance(value, Tiling):
            header[field.name] = value.value
        elif isinstance(value, Sampling):
            header[field.name] = dataclasses.asdict(value)
        elif field.name in ADAPTER_FIELDS:
            header[field.name] = [_adapter(item) for item in value]
        else:
            header[field.name] = value
    return header, arrays


def from_json(header: Header, arrays: Arrays) -> Request:
    """The validated request. Raises InvalidRequest for anything it does not know, rather than guess."""
    if not isinstance(header, dict) or header.get("version") != FORMAT_VERSION:
        raise InvalidRequest(
            "version", f"These settings are not of format {FORMAT_VERSION}; update SD Blender."
        )
    name = header.get("task")
    task = TASKS.get(name) if isinstance(name, str) else None
    if task is None:
        raise InvalidRequest("task", "The task of these settings is unknown; update SD Blender.")
    values = {name: value for name, value in header.items() if name not in ("version", "task")}
    refuse_unknown(values, task, "")
    if "tiling" in values:
        values["tiling"] = parse_tiling(values["tiling"])
    if "sampling" in values:
        values["sampling"] = parse_sampling(values["sampling"])
    if "loras" in values:
        values["loras"] = tuple(_lora(item) for item in _list("loras", values["loras"]))
    if "embeddings" in values:
        values["embeddings"] = tuple(_list("embeddings", values["embeddings"]))
    needed = [field.name for field in dataclasses.fields(task) if field.name in ARRAY_FIELDS]
    for name in needed:
        if name not in arrays and name in OPTIONAL_ARRAYS:
            continue
        if name not in arrays:
            raise InvalidRequest(name, f"These settings come without their {name}; choose it again.")
        values[name] = arrays[name]
    if "prompt" not in values:
        raise InvalidRequest("prompt", "These settings hold no prompt; describe the texture you want.")
    request = task(**values)
    validate(request)
    return request


def refuse_unknown(values: Header, owner: type, prefix: str) -> None:
    known = {field.name for field in dataclasses.fields(owner)} - set(ARRAY_FIELDS)
    for name in values:
        if name not in known:
            raise InvalidRequest(
                f"{prefix}{name}"[:60], f"The setting {str(name)[:40]!r} is unknown; update SD Blender."
            )


def parse_tiling(value: object) -> Tiling:
    if isinstance(value, str) and value in {tiling.value for tiling in Tiling}:
        return Tiling(value)
    raise InvalidRequest("tiling", "The tiling is unknown; choose off, x, y or both.")


def parse_sampling(values: object) -> Sampling:
    if not isinstance(values, dict):
        raise InvalidRequest("sampling", "The sampling settings are missing; reset them in the panel.")
    refuse_unknown(values, Sampling, "sampling.")
    return Sampling(**values)


def _adapter(item: Lora | str) -> Header | str:
    return dataclasses.asdict(item) if isinstance(item, Lora) else item


def _list(name: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidRequest(name, f"The {name} are not a list; choose them again.")
    return value


def _lora(value: object) -> Lora:
    if not isinstance(value, dict) or not {"path"} <= value.keys() <= {"path", "weight"}:
        raise InvalidRequest(
            "loras", "A LoRA of these settings is not a file with a weight; choose it again."
        )
    return Lora(**value)


def provenance(request: Request, image: GeneratedImage | None = None) -> str:
    """JSON text that tells how a picture was made: the whole request, arrays by shape and SHA-256, and the outcome."""
    header, arrays = to_json(request)
    header["software"] = f"SD Blender {VERSION}"
    header["arrays"] = {name: fingerprint(array) for name, array in arrays.items()}
    if image is not None:
        seam = {"x": round(image.seam.x, 4), "y": round(image.seam.y, 4)}
        result = {"seed": image.seed, "seam": seam, "warnings": list(image.warnings)}
        for name in ("prompt", "negative_prompt"):
            drawn = getattr(image, name)
            if drawn and drawn != getattr(request, name):
                result[name] = drawn
        if image.score is not None:
            result["score"] = round(image.score, 4)
        header["result"] = result
    return json.dumps(header, ensure_ascii=False, sort_keys=True)


def fingerprint(array: NDArray[Any]) -> Header:
    """What tells an array from any other, small enough for a text."""
    digest = hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
    return {"shape": list(array.shape), "dtype": str(array.dtype), "sha256": digest}
