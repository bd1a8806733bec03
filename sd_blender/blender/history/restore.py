# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a picture back into the scene, as many of them as this scene and this computer can take."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import bpy
import numpy as np

from ...core import recall
from ...core.errors import BlenderStateError, SDBlenderError
from ...core.recall import Recalled
from ...core.request import STARTER_MODEL
from ...core.serialization import fingerprint
from .. import build_request, preferences
from ..adapters import adapters
from ..prompts import prompts
from ..source import capture

MAX_FILE = 2**30
"""Bytes; the largest picture that we write is a quarter of it."""

SEARCH_SECONDS = 2.0
"""For the source among the images of the file; each is unpacked and compared to the last bit."""

MAX_SHOWN = 6
"""Names in one sentence."""


def apply(context: bpy.types.Context, recalled: Recalled) -> str:
    """Set what was recalled, and leave the rest as it is; returns one sentence on what could not be set, or "".

    The seed is locked, so that Generate makes the same picture and not another one.
    """
    settings = context.scene.sd_blender
    lost = list(recalled.lost)
    values = dict(recalled.values)
    task = values.pop("task")
    settings.task = task.upper()
    if task == "inpaint" and "strength" in values:
        values["inpaint_strength"] = values.pop("strength")
    if "tiling" in values:
        values["tiling"] = values["tiling"].upper()
    lost += _set_prompts(settings, values)
    lost += _set_ranking(settings, values, recalled.arrays.get("reference"))
    lost += adapters.put_back(context.scene, values.pop("loras", ()), values.pop("embeddings", ()))
    if "model" in values and not _set_model(settings, values.pop("model")):
        lost.append("model")
    unset = [name for name, value in values.items() if not _set(settings, name, value)]
    lost += [name.replace("_", " ") for name in unset]
    if "seed" in values and "seed" not in unset:
        settings.lock_seed = True
    if task != "text_to_image":
        lost += _set_sources(context, task, recalled)
    if not lost:
        return ""
    more = f" and {len(lost) - MAX_SHOWN} more" if len(lost) > MAX_SHOWN else ""
    return f"The settings are restored except for: {', '.join(lost[:MAX_SHOWN])}{more}; set these yourself."


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
    if "prompt" not in values:
        return []
    prompt = values.pop("prompt")
    negative_prompt = values.pop("negative_prompt", settings.negative_prompt)
    prompts.put_back(settings, prompt, negative_prompt)
    usual = folder in ("", preferences.read().wildcards_folder)
    return [] if usual or "__" not in prompt + negative_prompt else ["wildcards folder"]


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
    wanted = recalled.arrays.get("image")
    if image := find_image(wanted, read, settings.source_image):
        settings.source, settings.source_image = "IMAGE", image
    else:
        lost.append("source image")
    if task == "image_to_image":
        sides = [recalled.values.get("height"), recalled.values.get("width")]
        settings.use_source_size = wanted is not None and _sides(wanted) == sides
        return lost
    if mask := find_image(recalled.arrays.get("mask"), capture.mask_pixels, settings.mask_image):
        settings.mask_source, settings.mask_image = "IMAGE", mask
    else:
        lost.append("mask")
    return lost


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
    wanted: Any, read: Callable[[bpy.types.Image], np.ndarray], likely: bpy.types.Image | None
) -> bpy.types.Image | None:
    """The image whose pixels have this fingerprint."""
    if not isinstance(wanted, dict):
        return None
    until = time.monotonic() + SEARCH_SECONDS
    for image in _readable(likely):
        if time.monotonic() > until:
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


def _readable(likely: bpy.types.Image | None) -> Iterator[bpy.types.Image]:
    """Images, the likely one first. To read one that is not loaded would open a file that a stranger may have named."""
    if likely is not None:
        yield likely
    for image in bpy.data.images:
        at_hand = image.has_data or image.packed_file or image.source == "GENERATED"
        if image != likely and at_hand and image.type != "RENDER_RESULT":
            yield image


def read_file(path: str) -> Recalled:
    """The settings in a PNG file. Raises SDBlenderError."""
    try:
        if not os.path.isfile(path):
            raise BlenderStateError(f"There is no file {path}; choose another one.")
        if os.path.getsize(path) > MAX_FILE:
            raise BlenderStateError(f"{path} is too large to be a picture of ours; choose another file.")
        with open(path, "rb") as file:
            return recall.from_png(file.read())
    except OSError as error:
        reason = error.strerror or str(error)
        raise BlenderStateError(f"{path} cannot be read ({reason}); choose another file.") from error
