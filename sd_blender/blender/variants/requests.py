# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes more variants: the same settings with other seeds, or one variant as the source."""

from __future__ import annotations

import json

from ...core import recall
from ...core.errors import BlenderStateError
from ...core.request import Request
from ...core.sentence import Sentence
from ...core.serialization import ARRAY_FIELDS, Arrays, Header, from_json, to_json
from ...core.wildcards import prompts_of
from .. import build_request, preferences
from ..adapters import adapters
from ..history import history, restore
from ..source import capture
from .properties import SDB_PG_variant

MORE_LIKE_THIS = 0.5
"""Strength of More Like This: the layout and the colours of the variant stay, what they are made of is drawn anew."""

LABELS = {"image": "source", "mask": "mask", "reference": "reference"}
READERS = {"image": capture.stored_bytes, "mask": capture.mask_pixels}

_newest: tuple[str, Request] | None = None
"""The request of the newest batch: its pixels may be of a render, which no image of the file holds."""


def remember(batch: str, request: Request) -> None:
    global _newest
    _newest = (batch, request)


def reroll(item: SDB_PG_variant) -> Request:
    """The request that made a variant and its batch, with new seeds. Raises SDBlenderError."""
    header, arrays = _stored(item)
    return _request(header, arrays, item)


def more_like(item: SDB_PG_variant) -> Request:
    """As many variations of a variant as were made with it: of its pixels, strokes of the artist included.

    An inpainted one is inpainted again under the same mask. The prompt is the one that was drawn for it. Raises
    SDBlenderError.
    """
    image = history.find_image(item)
    if image is None:
        raise BlenderStateError("The image of this variant is gone; lock its seed and generate it again.")
    header, arrays = _stored(item)
    result = _story(item).get("result")
    for name in ("prompt", "negative_prompt"):
        if isinstance(result, dict) and name in result:
            header[name] = result[name]
    if header.get("task") == "inpaint":
        arrays["image"] = capture.stored_bytes(image)
    else:
        arrays = {"image": capture.image_pixels(image)}
        height, width = arrays["image"].shape[:2]
        header["task"] = "image_to_image"
        header["sampling"] = header["sampling"] | {"width": width, "height": height}
    header["strength"], header["image_name"] = MORE_LIKE_THIS, image.name
    return _request(header, arrays, item)


def _stored(item: SDB_PG_variant) -> tuple[Header, Arrays]:
    """The request of a variant in parts; of its pixels those that are at hand without looking for them."""
    if _newest is not None and _newest[0] == item.batch:
        return to_json(_newest[1])
    header = {name: value for name, value in _story(item).items() if name not in recall.ABOUT}
    if not isinstance(header.get("sampling"), dict):
        raise BlenderStateError("The settings of this variant are damaged; use Generate instead.")
    if build_request.is_foreign(str(header.get("model", ""))):
        raise BlenderStateError(
            "The model of this variant is on the network; if you trust it, choose it in the preferences and generate."
        )
    if any(build_request.is_foreign(path) for path in adapters.paths_in(header)):
        raise BlenderStateError(
            "A LoRA of this variant is on the network; if you trust it, copy it to this computer and use Generate."
        )
    # Never of the file: a stranger's could send what a file of this computer holds.
    header["wildcards"] = preferences.read().wildcards_folder
    header["clip"] = preferences.read().clip_folder
    header["lora_folders"] = list(
        adapters.called_from(item.id_data, str(header.get("prompt"))).get("lora_folders", ())
    )
    return header, {}


def _request(header: Header, arrays: Arrays, item: SDB_PG_variant) -> Request:
    """The request with new seeds; pixels that are not at hand are looked for among the images of the file."""
    header["sampling"] = header["sampling"] | {"seed": build_request.draw_seed()}
    prints = _story(item).get("arrays")
    for name, wanted in (prints if isinstance(prints, dict) else {}).items():
        if name in arrays or name not in ARRAY_FIELDS:
            continue
        if header.get("task") == "text_to_image" and name != "reference":
            continue
        is_shown = name == "reference" or header["task"] == "image_to_image"
        reader = capture.image_pixels if is_shown else READERS[name]
        image = restore.find_image(wanted, reader, restore.called(str(header.get(f"{name}_name", ""))))
        if image is None:
            raise BlenderStateError(
                Sentence(
                    "The {labels} of this variant is no longer in the file as it was; use Generate instead.",
                    labels=LABELS[name],
                )
            )
        arrays[name] = reader(image)
    request = from_json(header, arrays)
    prompts_of(request)
    return request


def _story(item: SDB_PG_variant) -> Header:
    try:
        story = json.loads(item.settings)
    except ValueError:
        story = None
    if not isinstance(story, dict):
        raise BlenderStateError("The settings of this variant are damaged; use Generate instead.")
    return story
