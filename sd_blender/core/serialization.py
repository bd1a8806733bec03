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
from .request import RENAMED_SCHEDULERS, ImageToImage, Inpaint, Lora, Request, Sampling, TextToImage, Tiling
from .sentence import Sentence
from .validation import validate
from .version import VERSION

FORMAT_VERSION = 2
"""Of what is written at most, and read with all before it. Since 2, DPM++ SDE is the single-step solver."""

FIRST_VERSION = 1

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
RARE_FIELDS = frozenset({*ADAPTER_FIELDS, "keep", "clip", "lora_folders", "image_name", "mask_name"})
RARE_SAMPLING: Header = {name: getattr(Sampling(), name) for name in ("spacing", "clip_skip", "speed")}
"""They are left out where they are as usual, so that an older version can read what it knows."""


def to_json(request: Request) -> tuple[Header, Arrays]:
    """The request as a JSON object and its arrays by field name; :func:`from_json` is the inverse."""
    header: Header = {"version": version_for(request.sampling), "task": _TASK_NAMES[type(request)]}
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
            header[field.name] = sampling_to_json(value)
        elif field.name == "lora_folders":
            header[field.name] = list(value)
        elif field.name in ADAPTER_FIELDS:
            header[field.name] = [_adapter(item) for item in value]
        else:
            header[field.name] = value
    return header, arrays


def from_json(header: Header, arrays: Arrays) -> Request:
    """The validated request. Raises InvalidRequest for anything it does not know, rather than guess."""
    version = check_version(header)
    name = header.get("task")
    task = TASKS.get(name) if isinstance(name, str) else None
    if task is None:
        raise InvalidRequest("task", "The task of these settings is unknown; update the add-on.")
    values = {name: value for name, value in header.items() if name not in ("version", "task")}
    refuse_unknown(values, task, "")
    if "tiling" in values:
        values["tiling"] = parse_tiling(values["tiling"])
    if "sampling" in values:
        values["sampling"] = parse_sampling(values["sampling"], version)
    if "loras" in values:
        values["loras"] = tuple(_lora(item) for item in _list("loras", values["loras"]))
    if "embeddings" in values:
        values["embeddings"] = tuple(_list("embeddings", values["embeddings"]))
    if "lora_folders" in values:
        values["lora_folders"] = tuple(_list("lora_folders", values["lora_folders"]))
    needed = [field.name for field in dataclasses.fields(task) if field.name in ARRAY_FIELDS]
    for name in needed:
        if name not in arrays and name in OPTIONAL_ARRAYS:
            continue
        if name not in arrays:
            raise InvalidRequest(
                name, Sentence("These settings come without their {name}; choose it again.", name=name)
            )
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
                f"{prefix}{name}"[:60],
                Sentence("The setting {name} is unknown; update the add-on.", name=repr(str(name)[:40])),
            )


def parse_tiling(value: object) -> Tiling:
    if isinstance(value, str) and value in {tiling.value for tiling in Tiling}:
        return Tiling(value)
    raise InvalidRequest("tiling", "The tiling is unknown; choose off, x, y or both.")


def version_for(sampling: Sampling) -> int:
    """The first version of the format in which settings with this sampling mean what they mean now."""
    return FORMAT_VERSION if sampling.scheduler in RENAMED_SCHEDULERS else FIRST_VERSION


def check_version(header: object) -> int:
    """The version of settings that can be read here. Raises InvalidRequest for any other."""
    version = header.get("version") if isinstance(header, dict) else None
    if type(version) is int and FIRST_VERSION <= version <= FORMAT_VERSION:
        return version
    raise InvalidRequest(
        "version",
        Sentence(
            "These settings are not of format {format_version}; update the add-on.",
            format_version=FORMAT_VERSION,
        ),
    )


def sampling_to_json(sampling: Sampling) -> Header:
    values = dataclasses.asdict(sampling)
    return {name: value for name, value in values.items() if value != RARE_SAMPLING.get(name)}


def parse_sampling(values: object, version: int) -> Sampling:
    """version: of the settings that ``values`` stand in."""
    if not isinstance(values, dict):
        raise InvalidRequest("sampling", "The sampling settings are missing; reset them in the panel.")
    refuse_unknown(values, Sampling, "sampling.")
    return Sampling(**renewed(values, version))


def renewed(values: Header, version: int) -> Header:
    """Fields of Sampling as a file of this version of its format has them, by the names of today."""
    name = values.get("scheduler")
    if version > FIRST_VERSION or not isinstance(name, str):
        return values
    return values | {"scheduler": RENAMED_SCHEDULERS.get(name, name)}


def _adapter(item: Lora | str) -> Header | str:
    return dataclasses.asdict(item) if isinstance(item, Lora) else item


def _list(name: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidRequest(name, Sentence("The {name} are not a list; choose them again.", name=name))
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
