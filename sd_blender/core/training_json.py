# SPDX-License-Identifier: GPL-3.0-or-later
"""Trainings as JSON, and refusals before slow work: one sentence each, with the field named."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from . import lora_tags
from .errors import InvalidRequest
from .request import SEED_LIMIT, Tiling
from .sentence import Sentence
from .serialization import (
    Header,
    check_version,
    parse_sampling,
    parse_tiling,
    refuse_unknown,
    sampling_to_json,
    version_for,
)
from .training_request import LAYERS, SUFFIX, TextualInversion, Training, TrainLora
from .validation import MAX_COUNT, check_integer, check_number, check_sampling, check_text

MAX_TRAINING_STEPS = 100_000

TASKS: dict[str, type[Training]] = {"train_lora": TrainLora, "textual_inversion": TextualInversion}
_TASK_NAMES = {task: name for name, task in TASKS.items()}
FIXED = ("task", "model", "trigger", "rank", "layers", "text_encoder", "vectors")
"""What a training that goes on has in common with the one that was left; everything else may be changed meanwhile."""


def training_to_json(request: Training) -> Header:
    """The request as a JSON object; :func:`training_from_json` is the inverse."""
    values = dataclasses.asdict(request)
    values |= {"tiling": request.tiling.value, "sampling": sampling_to_json(request.sampling)}
    return {"version": version_for(request.sampling), "task": _TASK_NAMES[type(request)], **values}


def training_from_json(header: Header) -> Training:
    """The validated request. Raises InvalidRequest for anything it does not know, rather than guess."""
    version = check_version(header)
    name = header.get("task")
    task = TASKS.get(name) if isinstance(name, str) else None
    if task is None:
        raise InvalidRequest("task", "The task of these settings is no training; update the add-on.")
    values: dict[str, Any] = {
        name: value for name, value in header.items() if name not in ("version", "task")
    }
    refuse_unknown(values, task, "")
    for needed in ("images", "output"):
        if needed not in values:
            raise InvalidRequest(
                needed,
                Sentence("These settings come without their {needed}; choose it again.", needed=needed),
            )
    if "tiling" in values:
        values["tiling"] = parse_tiling(values["tiling"])
    if "sampling" in values:
        values["sampling"] = parse_sampling(values["sampling"], version)
    request = task(**values)
    validate_training(request)
    return request


def validate_training(request: Training) -> None:
    """Raise :class:`~.errors.InvalidRequest` unless the request can be tried; the images are looked at later."""
    if type(request) not in _TASK_NAMES:
        raise InvalidRequest("task", "This is not a training; choose LoRA or textual inversion.")
    for name, label in (("images", "folder of images"), ("output", "file to save"), ("model", "model")):
        check_text(name, label, getattr(request, name))
        if not getattr(request, name).strip():
            raise InvalidRequest(name, Sentence("The {label} is not chosen; choose one.", label=label))
    if not request.output.endswith(SUFFIX) or os.path.basename(request.output) == SUFFIX:
        raise InvalidRequest(
            "output",
            Sentence("The file to save has no name ending in {suffix}; choose another name.", suffix=SUFFIX),
        )
    for name, label in (("trigger", "trigger word"), ("sample_prompt", "sample prompt")):
        check_text(name, label, getattr(request, name))
        if lora_tags.split(getattr(request, name))[1]:
            raise InvalidRequest(
                name,
                Sentence("The {label} calls a LoRA, which a training does not use; remove it.", label=label),
            )
    if not isinstance(request.tiling, Tiling):
        raise InvalidRequest("tiling", "The tiling is unknown; choose off, x, y or both.")
    if not isinstance(request.flip, bool):
        raise InvalidRequest("flip", "Flip is neither on nor off; set it again.")
    check_sampling(request.sampling)
    check_integer("size", "size", request.size, 64, 2048)
    check_integer("steps", "number of steps", request.steps, 1, MAX_TRAINING_STEPS)
    check_integer("batch", "batch", request.batch, 1, MAX_COUNT)
    check_integer("seed", "seed", request.seed, 0, SEED_LIMIT - 1)
    check_integer(
        "checkpoint_every", "steps between checkpoints", request.checkpoint_every, 1, MAX_TRAINING_STEPS
    )
    check_integer("sample_every", "steps between samples", request.sample_every, 1, MAX_TRAINING_STEPS)
    check_number("learning_rate", "learning rate", request.learning_rate, 1e-8, 1.0)
    check_number("caption_dropout", "share without captions", request.caption_dropout, 0.0, 1.0)
    if isinstance(request, TrainLora):
        _validate_lora(request)
    if isinstance(request, TextualInversion):
        _validate_token(request)


def _validate_lora(request: TrainLora) -> None:
    check_integer("rank", "rank", request.rank, 1, 256)
    if request.layers not in LAYERS:
        raise InvalidRequest(
            "layers", Sentence("The layers are unknown; choose {join}.", join=" or ".join(LAYERS))
        )
    if not isinstance(request.text_encoder, bool):
        raise InvalidRequest("text_encoder", "Text encoder is neither on nor off; set it again.")


def _validate_token(request: TextualInversion) -> None:
    check_integer("vectors", "number of vectors", request.vectors, 1, 16)
    check_text("initializer", "initial words", request.initializer)
    if not request.trigger.strip() or len(request.trigger.split()) > 1:
        raise InvalidRequest("trigger", "A textual inversion learns one word; give one as the trigger word.")
