# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a picture back into the scene, as many of them as this scene and this computer can take."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import bpy
import numpy as np

from ...core import importance, lora_tags, recall
from ...core.errors import BlenderStateError, SDBlenderError
from ...core.recall import Recalled
from ...core.request import STARTER_MODEL
from ...core.sentence import Sentence
from ...core.serialization import fingerprint
from ...core.validation import MAX_LORA_WEIGHT
from .. import build_request, preferences, seeds
from ..adapters import adapters
from ..prompts import prompts
from ..source import capture

MAX_FILE = 2**30
"""Bytes; the largest picture that we write is a quarter of it."""

SEARCH_SECONDS = 2.0
"""For the source among the images of the file; each is unpacked and compared to the last bit."""

NAMES = ("image_name", "mask_name")
"""What images were called, which helps to find them and is no setting."""

MAX_SHOWN = 6
"""Names in one sentence, unless there are more that change the picture much."""


def apply(context: bpy.types.Context, recalled: Recalled) -> str:
    """Set what was recalled, and leave the rest as it is; returns one sentence on what could not be set, or "".

    The seed is locked, so that Generate makes the same picture and not another one.
    """
    settings = context.scene.sd_blender
    lost = list(recalled.lost)
    values = {name: value for name, value in recalled.values.items() if name not in NAMES}
    task = values.pop("task")
    settings.task = task.upper()
    if task == "inpaint" and "strength" in values:
        values["inpaint_strength"] = values.pop("strength")
    if "tiling" in values:
        values["tiling"] = values["tiling"].upper()
    lost += _set_prompts(settings, values)
    lost += _set_ranking(settings, values, recalled.arrays.get("reference"))
    lost += _set_adapters(context.scene, values, recalled.calls)
    if "model" in values and not _set_model(settings, values.pop("model")):
        lost.append("model")
    if "seed" in values:
        seeds.write(settings, values.pop("seed"))
        settings.lock_seed = True
    unset = [name for name, value in values.items() if not _set(settings, name, value)]
    lost += [name.replace("_", " ") for name in unset]
    if task != "text_to_image":
        lost += _set_sources(context, task, recalled)
    if not lost:
        return ""
    lost, shown = list(importance.in_order(lost)), importance.shown(lost, MAX_SHOWN)
    more = Sentence(" and {lost} more", lost=len(lost) - len(shown)) if len(lost) > len(shown) else ""
    return Sentence(
        "The settings are restored except for: {join}{more}; set these yourself.",
        join=Sentence.joined(", ", shown),
        more=more,
    )


def _set(settings: Any, name: str, value: Any) -> bool:
    """Set a property, unless this panel lacks it or it takes less than a request does."""
    known = settings.bl_rna.properties.get(name)
    if known is None:
        return False
    if known.type in ("INT", "FLOAT") and not known.hard_min <= value <= known.hard_max:
        return False
    setattr(settings, name, value)
    return True


def _set_prompts(settings: Any, values: dict[str, Any]) -> list[str]:
    """Set both prompts, and the style in which they are the same; returns what they need and is not as it was."""
    folder = values.pop("wildcards", "")
    values.pop("lora_folders", None)  # those of this computer are
    if "prompt" not in values:
        return []
    prompt = values.pop("prompt")
    negative_prompt = values.pop("negative_prompt", settings.negative_prompt)
    prompts.put_back(settings, prompt, negative_prompt)
    usual = folder in ("", preferences.read().wildcards_folder)
    return [] if usual or "__" not in prompt + negative_prompt else ["wildcards folder"]


def _set_adapters(
    scene: bpy.types.Scene, values: dict[str, Any], calls: Iterable[lora_tags.Call]
) -> list[str]:
    """Use the LoRAs and embeddings that are told by their paths or names; returns what is not as it was."""
    loras, words = list(values.pop("loras", ())), list(values.pop("embeddings", ()))
    lost = [
        call.label
        for call in lora_tags.split(scene.sd_blender.prompt)[1]
        if not adapters.find(scene, call)[0]
    ]
    for call in calls:
        path, note = adapters.find(scene, call)
        if not path:
            lost.append(call.label)
            continue
        lost += [note] if note else []
        if call.is_word:
            words.append(path)
            continue
        told = call.weight is not None and abs(call.weight) <= MAX_LORA_WEIGHT  # false for no number too
        lost += [] if told else [f"weight of {call.label}"]
        loras.append({"path": path, "weight": call.weight if told else 1.0})
    return lost + adapters.put_back(scene, loras, words)


def _set_model(settings: Any, folder: str) -> bool:
    """Set a folder that is on this computer; empty stands for the usual one."""
    if folder == (preferences.read().model_folder or STARTER_MODEL):
        settings.model = ""
        return True
    if folder == bpy.path.abspath(settings.model):
        return True
    if folder != STARTER_MODEL and (build_request.is_foreign(folder) or not os.path.isdir(folder)):
        return False
    settings.model = folder
    return True


def _set_sources(context: bpy.types.Context, task: str, recalled: Recalled) -> list[str]:
    """Choose the images whose pixels are those of the request; returns what is not in this file as it was."""
    settings = context.scene.sd_blender
    lost = []
    read = capture.image_pixels if task == "image_to_image" else capture.stored_bytes
    wanted, name = recalled.arrays.get("image"), recalled.values.get("image_name", "")
    if image := find_image(wanted, read, called(name), settings.source_image):
        settings.source, settings.source_image = "IMAGE", image
    else:
        lost.append("source image")
    if task == "image_to_image":
        sides = [recalled.values.get("height"), recalled.values.get("width")]
        settings.use_source_size = wanted is not None and _sides(wanted) == sides
        return lost
    wanted, name = recalled.arrays.get("mask"), recalled.values.get("mask_name", "")
    likely = [called(name), settings.mask_image, context.tool_settings.image_paint.stencil_image]
    if mask := find_image(wanted, capture.mask_pixels, *likely):
        settings.mask_source, settings.mask_image = "IMAGE", mask
    elif mask := find_image(wanted, _inverted, *likely):
        paint = context.tool_settings.image_paint
        settings.mask_source, paint.stencil_image, paint.invert_stencil = "STENCIL", mask, True
    else:
        lost.append("mask")
    return lost


def _inverted(image: bpy.types.Image) -> np.ndarray:
    """The mask that an image is as the inverted stencil of Texture Paint."""
    return 1.0 - capture.mask_pixels(image)


def called(name: str) -> bpy.types.Image | None:
    """The image of this name, if it is in the memory or packed; a stranger may have named any."""
    image = bpy.data.images.get(name) if name else None
    return image if image is not None and _is_at_hand(image) else None


def _set_ranking(settings: Any, values: dict[str, Any], wanted: dict[str, Any] | None) -> list[str]:
    """Choose the image that the textures were compared with; returns what is not as it was. Nothing said: keep all."""
    values.setdefault("keep", 0)
    folder = values.pop("clip", "")
    lost = [] if folder in ("", preferences.read().clip_folder) else ["CLIP folder"]
    settings.reference = find_image(wanted, capture.image_pixels, settings.reference)
    return lost if settings.reference or wanted is None else [*lost, "reference image"]


def _sides(wanted: dict[str, Any]) -> list:
    """Height and width of an array, as its fingerprint tells them."""
    shape = wanted.get("shape")
    return shape[:2] if isinstance(shape, list) else []


def find_image(
    wanted: Any, read: Callable[[bpy.types.Image], np.ndarray], *likely: bpy.types.Image | None
) -> bpy.types.Image | None:
    """The image whose pixels have this fingerprint; the likely ones are looked at however long it takes."""
    if not isinstance(wanted, dict):
        return None
    until = time.monotonic() + SEARCH_SECONDS
    for image in _readable(*likely):
        if time.monotonic() > until and image not in likely:
            break
        width, height = image.size
        if [height, width] != _sides(wanted):
            continue
        try:
            if fingerprint(read(image)) == wanted:
                return image
        except SDBlenderError:
            continue
    return None


def _readable(*likely: bpy.types.Image | None) -> Iterator[bpy.types.Image]:
    """Images, the likely ones first. To read one that is not loaded would open a file that a stranger may name."""
    yield from dict.fromkeys(image for image in likely if image is not None)
    for image in bpy.data.images:
        if image not in likely and _is_at_hand(image):
            yield image


def _is_at_hand(image: bpy.types.Image) -> bool:
    has_pixels = image.has_data or image.packed_file or image.source == "GENERATED"
    return bool(has_pixels) and image.type != "RENDER_RESULT"


def read_file(path: str) -> Recalled:
    """The settings in a PNG, JPEG or WebP file. Raises SDBlenderError."""
    try:
        if not os.path.isfile(path):
            raise BlenderStateError(Sentence("There is no file {path}; choose another one.", path=path))
        if os.path.getsize(path) > MAX_FILE:
            raise BlenderStateError(
                Sentence("{path} is too large to be a picture of ours; choose another file.", path=path)
            )
        with open(path, "rb") as file:
            return recall.from_picture(file.read())
    except OSError as error:
        reason = error.strerror or str(error)
        raise BlenderStateError(
            Sentence("{path} cannot be read ({reason}); choose another file.", path=path, reason=reason)
        ) from error
