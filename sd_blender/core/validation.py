# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals before slow work: one sentence each, with the field named.

A request may come from the panel, a file or a stranger's .blend, so types are checked as well as ranges.
"""

from __future__ import annotations

import numpy as np

from . import masks
from .choices import DISTILLED_SCHEDULERS, KARRAS, MAX_CLIP_SKIP
from .choices import MAX_SIDE as MAX_SIDE
from .choices import MIN_SIDE as MIN_SIDE
from .errors import InvalidRequest
from .request import (
    SCHEDULERS,
    SEED_LIMIT,
    SPACINGS,
    SPEEDS,
    ImageArray,
    ImageToImage,
    Inpaint,
    Lora,
    Request,
    Sampling,
    TextToImage,
    Tiling,
)
from .sentence import Sentence

MAX_SOURCE_SIDE = 16384
MAX_STEPS = 1000
MAX_GUIDANCE = 100.0
MAX_COUNT = 64
MAX_PROMPT = 10_000
MAX_FEATHER = 256
MAX_CONTEXT = 2048
MAX_ADAPTERS = 16
MAX_FOLDERS = 100
MAX_LORA_WEIGHT = 4.0


def validate(request: Request) -> None:
    """Raise :class:`~.errors.InvalidRequest` unless the request can be run as it stands."""
    if not isinstance(request, TextToImage):
        raise InvalidRequest("task", "This is not a request for a picture; make one with the panel.")
    check_text("prompt", "prompt", request.prompt)
    check_text("negative_prompt", "negative prompt", request.negative_prompt)
    if not request.prompt.strip() and not isinstance(request, Inpaint):
        raise InvalidRequest("prompt", "The prompt is empty; describe the texture you want.")
    if not isinstance(request.model, str) or not request.model.strip() or "\0" in request.model:
        raise InvalidRequest("model", "No model is chosen; choose the starter model or a model folder.")
    check_text("wildcards", "folder of wildcards", request.wildcards)
    if not isinstance(request.tiling, Tiling):
        raise InvalidRequest("tiling", "The tiling is unknown; choose off, x, y or both.")
    check_sampling(request.sampling)
    _check_adapters(request)
    _check_ranking(request)
    if request.sampling.clip_guidance_scale and not request.prompt.strip():
        raise InvalidRequest(
            "clip_guidance_scale", "CLIP Guidance needs a prompt; describe the texture, or set it to 0."
        )
    for name in ("image_name", "mask_name"):
        check_text(name, "name of an image", getattr(request, name, ""))
    if isinstance(request, ImageToImage):
        _check_image("image", "source", request.image, 1, MAX_SOURCE_SIDE)
        _check_strength(request.strength)
    if isinstance(request, Inpaint):
        _check_inpaint(request)


def _check_adapters(request: TextToImage) -> None:
    for name, kind in (("loras", Lora), ("embeddings", str)):
        items = getattr(request, name)
        if not isinstance(items, tuple) or not all(isinstance(item, kind) for item in items):
            raise InvalidRequest(
                name, Sentence("The {name} are not a list of files; choose them again.", name=name)
            )
        if len(items) > MAX_ADAPTERS:
            raise InvalidRequest(
                name,
                Sentence(
                    "There are {items} {name}; use at most {max_adapters}.",
                    items=len(items),
                    name=name,
                    max_adapters=MAX_ADAPTERS,
                ),
            )
    for path in (*(lora.path for lora in request.loras), *request.embeddings):
        field = "embeddings" if path in request.embeddings else "loras"
        check_text(field, "path of a LoRA or embedding", path)
        if not path.strip():
            raise InvalidRequest(field, "A LoRA or embedding has no file; choose one or remove it.")
    if not isinstance(request.lora_folders, tuple) or len(request.lora_folders) > MAX_FOLDERS:
        raise InvalidRequest("lora_folders", "The LoRA folders are not a list of folders; choose them again.")
    for folder in request.lora_folders:
        check_text("lora_folders", "path of a LoRA folder", folder)
    for lora in request.loras:
        check_number("loras", "weight of a LoRA", lora.weight, -MAX_LORA_WEIGHT, MAX_LORA_WEIGHT)


def _check_ranking(request: TextToImage) -> None:
    check_integer("keep", "number of images to keep", request.keep, 0, request.sampling.count)
    check_text("clip", "CLIP folder", request.clip)
    if request.reference is not None:
        _check_image("reference", "reference", request.reference, 1, MAX_SOURCE_SIDE)
    elif request.keep and not request.prompt.strip():
        raise InvalidRequest(
            "keep", "Keep Best needs a prompt or a reference image to judge by; give one, or set it to 0."
        )


def check_text(name: str, label: str, text: str) -> None:
    if not isinstance(text, str):
        raise InvalidRequest(name, Sentence("The {label} is not text; type it again.", label=label))
    if len(text) > MAX_PROMPT:
        raise InvalidRequest(
            name,
            Sentence(
                "The {label} is longer than {max_prompt} characters; shorten it.",
                label=label,
                max_prompt=MAX_PROMPT,
            ),
        )
    if "\0" in text:
        raise InvalidRequest(name, Sentence("The {label} holds null characters; type it again.", label=label))


def check_sampling(sampling: Sampling) -> None:
    """As :func:`validate`, for the sampling alone."""
    if not isinstance(sampling, Sampling):
        raise InvalidRequest("sampling", "The sampling settings are missing; reset them in the panel.")
    check_integer("width", "width", sampling.width, MIN_SIDE, MAX_SIDE)
    check_integer("height", "height", sampling.height, MIN_SIDE, MAX_SIDE)
    check_integer("steps", "number of steps", sampling.steps, 1, MAX_STEPS)
    check_integer("seed", "seed", sampling.seed, 0, SEED_LIMIT - 1)
    check_integer("count", "number of images", sampling.count, 1, MAX_COUNT)
    for name in ("guidance_scale", "clip_guidance_scale", "classifier_guidance_scale"):
        label = name.replace("_", " ").replace("clip", "CLIP")
        check_number(name, label, getattr(sampling, name), 0.0, MAX_GUIDANCE)
    if sampling.scheduler not in SCHEDULERS:
        raise InvalidRequest(
            "scheduler",
            Sentence(
                "The scheduler {shown} is unknown; choose one of {join}.",
                shown=repr(_shown(sampling.scheduler)),
                join=", ".join(SCHEDULERS),
            ),
        )
    if sampling.spacing not in SPACINGS:
        raise InvalidRequest(
            "spacing",
            Sentence(
                "The spacing {shown} is unknown; choose one of {join}.",
                shown=repr(_shown(sampling.spacing)),
                join=", ".join(SPACINGS),
            ),
        )
    if refusal := spacing_refusal(sampling.scheduler, sampling.spacing):
        raise InvalidRequest("spacing", refusal)
    if sampling.speed not in SPEEDS:
        raise InvalidRequest(
            "speed",
            Sentence(
                "The speed {shown} is unknown; choose one of {join}.",
                shown=repr(_shown(sampling.speed)),
                join=", ".join(SPEEDS),
            ),
        )
    check_integer("clip_skip", "clip skip", sampling.clip_skip, 0, MAX_CLIP_SKIP)


def spacing_refusal(scheduler: str, spacing: str) -> str:
    """Why a scheduler cannot take its steps so, in a sentence that says what to choose; "" where it can."""
    if scheduler in DISTILLED_SCHEDULERS and spacing not in ("auto", "leading"):
        return Sentence(
            "{scheduler} takes its steps from the schedule that its models were distilled on; set Spacing to "
            "Model's Own, or choose another scheduler.",
            scheduler=scheduler,
        )
    if scheduler.endswith(KARRAS) and spacing not in ("auto", "karras"):
        return Sentence(
            "{scheduler} has the spacing of Karras in its name; choose {plain} for another one, or set Spacing to "
            "Model's Own.",
            scheduler=scheduler,
            plain=scheduler.removesuffix(KARRAS),
        )
    return ""


def check_integer(name: str, label: str, value: int, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidRequest(
            name,
            Sentence(
                "The {label} is {shown}; set it from {low} to {high}.",
                label=label,
                shown=_shown(value),
                low=low,
                high=high,
            ),
        )


def check_number(name: str, label: str, value: float, low: float, high: float) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # A comparison takes any whole number, and NaN fails it; converting 10**400 to a float would raise.
    if not number or not low <= value <= high:
        raise InvalidRequest(
            name,
            Sentence(
                "The {label} is {shown}; set it from {low} to {high}.",
                label=label,
                shown=_shown(value),
                low=f"{low:g}",
                high=f"{high:g}",
            ),
        )


def _shown(value: object) -> str:
    try:
        return str(value)[:40]
    except (ValueError, RecursionError):  # thousands of digits, or of brackets
        return Sentence("a huge {value}", value=type(value).__name__)


def _check_strength(strength: float) -> None:
    check_number("strength", "strength", strength, 0.0, 1.0)
    if strength == 0:
        raise InvalidRequest("strength", "A strength of 0 changes nothing; raise it above 0.")


def _check_image(name: str, label: str, image: ImageArray, low: int, high: int) -> None:
    if (
        not isinstance(image, np.ndarray)
        or image.dtype != np.uint8
        or image.ndim != 3
        or image.shape[2] not in (3, 4)
    ):
        raise InvalidRequest(
            name,
            Sentence("The {label} is not an RGB or RGBA image of 8 bits; choose another image.", label=label),
        )
    height, width = image.shape[:2]
    if not (low <= height <= high and low <= width <= high):
        raise InvalidRequest(
            name,
            Sentence(
                "The {label} image is {width} x {height} pixels; each side must be from {low} to {high}.",
                label=label,
                width=width,
                height=height,
                low=low,
                high=high,
            ),
        )


def _check_inpaint(request: Inpaint) -> None:
    _check_image("image", "source", request.image, MIN_SIDE, MAX_SIDE)
    _check_strength(request.strength)
    check_integer("feather", "feather", request.feather, 0, MAX_FEATHER)
    check_integer("context", "context", request.context, 0, MAX_CONTEXT)
    if not isinstance(request.crop_to_mask, bool):
        raise InvalidRequest("crop_to_mask", "Crop to mask is neither on nor off; set it again.")
    mask = request.mask
    if not isinstance(mask, np.ndarray) or mask.dtype != np.float32 or mask.ndim != 2:
        raise InvalidRequest("mask", "The mask is not a picture in grey; make a new mask and paint it.")
    if mask.shape != request.image.shape[:2]:
        raise InvalidRequest(
            "mask",
            Sentence(
                "The mask is {shape} x {shape2} pixels and the image {shape3} x {shape4}; make a mask of "
                "the image's size.",
                shape=mask.shape[1],
                shape2=mask.shape[0],
                shape3=request.image.shape[1],
                shape4=request.image.shape[0],
            ),
        )
    if not (np.isfinite(mask).all() and mask.min() >= 0 and mask.max() <= 1):
        raise InvalidRequest(
            "mask", "The mask holds values outside 0 to 1; make a new mask and paint it again."
        )
    if mask.max() < masks.BLACK:
        raise InvalidRequest("mask", "The mask is empty; paint white where the image should change.")
    if mask.min() > masks.WHITE:
        raise InvalidRequest(
            "mask",
            "The mask covers the whole image, so nothing would be kept; use Image to Image, or paint less.",
        )
