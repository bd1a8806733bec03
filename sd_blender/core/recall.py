# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings read back from what they were stored in, as much of them as can be: a newer version, another program
or a stranger may have written it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import foreign, picture_text
from .errors import InvalidRequest
from .foreign.told import Told
from .importance import in_order
from .lora_tags import Call
from .sentence import Sentence
from .serialization import (
    ARRAY_FIELDS,
    KEYWORD,
    RARE_SAMPLING,
    Arrays,
    Header,
    check_version,
    from_json,
    renewed,
)

MAX_TEXT = 2**20
"""Characters; the longest story that we write is a tenth of it."""

MAX_LOST = 40
"""Settings that may be wrong before the whole is taken for something else."""

PLACEHOLDER = "-"
ABOUT = ("software", "arrays", "result")
"""What a story tells beside the request."""


@dataclass(frozen=True)
class Recalled:
    """Settings by the names of the request's fields, the task among them; only those that were there and are valid.

    arrays: shape, type and SHA-256 of the pixels that the request had, by field. lost: names of what could not be read,
    the most important first. calls: LoRAs and embeddings of which only the names are told.
    """

    values: Mapping[str, Any]
    arrays: Mapping[str, Header]
    lost: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()


def from_provenance(text: object) -> Recalled:
    """The settings that make the picture whose story this is: of a batch, with its own seed.

    The prompt is the one that was typed, its wildcards not yet drawn. Raises InvalidRequest when nothing can be made
    of the text.
    """
    story = _object(text)
    header = {name: value for name, value in story.items() if name not in ABOUT}
    sampling, result = header.get("sampling"), _inner(story, "result")
    if isinstance(sampling, dict):
        header["sampling"] = renewed(sampling, check_version(header))
        header["sampling"] |= {"seed": result["seed"]} if "seed" in result else {}
    arrays = _inner(story, "arrays")
    return _recalled(header, [], {name: arrays[name] for name in ARRAY_FIELDS if name in arrays})


def from_foreign(told: Told) -> Recalled:
    """The settings of a picture of another program; see :mod:`~.foreign`."""
    if not told.header.get("prompt") and not told.header["sampling"]:
        raise InvalidRequest(
            "parameters", "The text in this picture holds no settings; choose another picture."
        )
    return _recalled(told.header, told.lost, {}, told.calls)


def from_picture(data: bytes) -> Recalled:
    """The settings in a PNG, JPEG or WebP file, ours before another program's.

    Raises InvalidRequest when there are none, or none that can be read; the sentence then names the program.
    """
    try:
        texts = picture_text.read(data)
    except ValueError as error:
        raise InvalidRequest(
            "file",
            Sentence(
                "This file cannot be read ({error}); choose a picture with settings inside.", error=error
            ),
        ) from error
    if KEYWORD in texts:
        return from_provenance(texts[KEYWORD])
    if (told := foreign.read(texts)) is not None:
        return from_foreign(told)
    raise InvalidRequest(
        "file",
        "This picture holds no settings of this add-on or AUTOMATIC1111, nor of another program that is known here; "
        "choose another one.",
    )


def _object(text: object) -> Header:
    try:
        value = json.loads(text) if isinstance(text, str) and len(text) <= MAX_TEXT else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidRequest("settings", "The settings of this picture are damaged; choose another picture.")
    return value


def _inner(story: Header, name: str) -> Header:
    value = story.get(name)
    return value if isinstance(value, dict) else {}


def _recalled(
    header: Header, lost: list[str], arrays: Mapping[str, Header], calls: Sequence[Call] = ()
) -> Recalled:
    lost = [*lost, *_clean(header)]
    values = {name: value for name, value in header.items() if name not in ("version", "sampling")}
    sampling = header.get("sampling", {})
    if sampling:  # what is not said of it is as usual
        said = {name.replace(" ", "_") for name in lost}
        sampling |= {
            name: usual for name, usual in RARE_SAMPLING.items() if name not in sampling.keys() | said
        }
    shown = (" ".join("".join(c if c.isprintable() else " " for c in name[:60]).split()) for name in lost)
    return Recalled(values | sampling, arrays, in_order(filter(None, shown)), tuple(calls))


def _clean(header: Header) -> list[str]:
    """Drop what a request would refuse until it takes the rest; returns the names."""
    lost: list[str] = []
    while True:
        try:
            # What is left out takes its default; of the prompt and the pixels there is none.
            from_json({"prompt": PLACEHOLDER, **header}, _placeholders())
            return lost
        except InvalidRequest as error:
            if len(lost) == MAX_LOST or not _drop(header, error.field):
                raise
            lost.append(error.field.removeprefix("sampling.").replace("_", " "))


def _drop(header: Header, field: str) -> bool:
    if field in ("version", "task"):
        return False
    sampling = header.get("sampling")
    if isinstance(sampling, dict) and field.removeprefix("sampling.") in sampling:
        del sampling[field.removeprefix("sampling.")]
        return True
    return header.pop(field, header) is not header


def _placeholders() -> Arrays:
    image, mask = np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16), np.float32)
    mask[:8] = 1
    return {"image": image, "mask": mask}
