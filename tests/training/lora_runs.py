# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to train on tiny models, the running of them, and what came of it, as values to compare."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from safetensors.torch import load_file

from sd_blender.core.messages import Progress
from sd_blender.core.request import Sampling
from sd_blender.core.training_request import TextualInversion, TrainLora
from sd_blender.training.lora.run import train

from .lora_images import save_images

STEPS = 6


def lora_request(tmp_path: Path, model: Path, **changes: object) -> TrainLora:
    values = {
        "images": str(save_images(tmp_path / "images")),
        "output": str(tmp_path / "out" / "stripes.safetensors"),
        "model": str(model),
        "trigger": "zx",
        "size": 64,
        "steps": STEPS,
        "batch": 2,
        "rank": 2,
        "layers": "all",
        "text_encoder": True,
        "learning_rate": 1e-2,
        "checkpoint_every": 2,
        "sample_every": 3,
        "sampling": Sampling(width=64, height=64, steps=2, scheduler="DDIM"),
    }
    return TrainLora(**{**values, **changes})


def word_request(lora: TrainLora) -> TextualInversion:
    """A textual inversion of what both have in common."""
    common = {
        f.name: getattr(lora, f.name) for f in dataclasses.fields(TextualInversion) if hasattr(lora, f.name)
    }
    return TextualInversion(**{**common, "trigger": "zyx", "vectors": 3, "initializer": "red"})


class Messages(list):
    """What was reported. stop: cancel once a message satisfies it."""

    def __init__(self, stop=lambda message: False):
        super().__init__()
        self.stop, self.cancelled = stop, False

    def __call__(self, message):
        self.append(message)
        self.cancelled = self.cancelled or self.stop(message)

    def of(self, kind):
        return [message for message in self if isinstance(message, kind)]


def run(request, messages=None):
    messages = Messages() if messages is None else messages
    return train("job", request, messages, lambda: messages.cancelled, "cpu", "float32")


def elsewhere(request, name):
    return dataclasses.replace(
        request, output=str(Path(request.output).parents[1] / name / "stripes.safetensors")
    )


def learned(request):
    return load_file(request.output)


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def after(step):
    return lambda message: isinstance(message, Progress) and message.step == step
