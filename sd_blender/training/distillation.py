# SPDX-License-Identifier: GPL-3.0-or-later
"""What distillations share (Hinton et al. 2015, arXiv:1503.02531): a student that starts as its teacher, the finished
denoiser, and learns on drawn batches to say by itself what the teacher says with help. What that is, the loss knows.

Both are one U-Net each; the text encoder stays as it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTokenizer

from . import checkpoints
from .forward_process import ForwardProcess
from .latents import LatentSet
from .loop import Losses, TrainingRun
from .models import quick_precision, use_device
from .padding import wrapped
from .schedule import Budget, StepRandom, learning_rate, set_learning_rate
from .train_unet import PROCESS, Batch, Networks, UnetOptions, draw_batch


@dataclass(frozen=True)
class Lesson:
    """What a step is about. empty: the tokens of the empty prompt, 1 x 77. All of it lies where the batch does."""

    batch: Batch
    empty: Tensor
    generator: torch.Generator
    process: ForwardProcess


@dataclass(frozen=True)
class Distillation(ABC):
    """A kind of it has a `name`, after which its files are called, and a `loss`. unet: how batches are drawn."""

    name: ClassVar[str]
    unet: UnetOptions = field(default_factory=UnetOptions)
    budget: Budget = field(default_factory=lambda: Budget(steps=600))
    rate: float = 1e-4
    ema: float = 0.99
    seed: int = 17
    checkpoint_seconds: float = 300.0

    @abstractmethod
    def loss(self, student: Networks, teacher: Networks, lesson: Lesson) -> Tensor:
        """One number: how far the student is from saying what it should."""


def guided(
    unet: UNet2DConditionModel, x: Tensor, t: Tensor, text: Tensor, empty: Tensor, w: float | Tensor
) -> Tensor:
    """v with classifier-free guidance: v(empty) + w (v(text) - v(empty)), N x C x h x w. text: N x 77 x d; empty: of
    the empty prompt, 1 x 77 x d; w: one number, or N x 1 x 1 x 1.
    """
    both = torch.cat([text, empty.expand_as(text)])
    v, free = unet(x.repeat(2, 1, 1, 1), t.repeat(2), encoder_hidden_states=both).sample.float().chunk(2)
    return free + w * (v - free)


def distil(
    sets: Sequence[LatentSet],
    tokenizer: CLIPTokenizer,
    scale: float,
    folder: Path,
    kind: Distillation,
    teacher: Networks,
    on_sheet: Callable[[Networks, int], None] | None = None,
    stop_at: int | None = None,
) -> Networks:
    """Distil until the budget is spent, resuming from `folder`/NAME.pt. Returns the averaged student.

    teacher: where the student starts. scale: the autoencoder's scaling factor. on_sheet: called every few minutes with
    the averaged student. stop_at: leave early at this step, as if killed.
    """
    device = use_device(kind.unet.device)
    teacher = teacher.to(device).eval().requires_grad_(False)
    student = _copy(teacher, tokenizer, kind).to(device).train()
    student.text_encoder.requires_grad_(False)
    for networks in (teacher, student):
        networks.unet.to(memory_format=torch.channels_last)
        networks.attend_by_products()
    optimizer = torch.optim.AdamW(
        student.unet.parameters(), lr=kind.rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True
    )
    average = checkpoints.MovingAverage(student, kind.ema)
    training = TrainingRun(
        student, optimizer, average, folder / f"{kind.name}.pt", kind.budget, kind.checkpoint_seconds
    )
    training.resume()
    sets, process = [latents.to(device) for latents in sets], PROCESS.to(device)
    empty = tokenizer([""], padding="max_length", return_tensors="pt").input_ids.to(device)

    def take_step(step: int, progress: float) -> Losses:
        random = StepRandom.of(kind.seed, step, device)
        set_learning_rate(optimizer, learning_rate(kind.rate, step, progress, warm_up=50))
        batch = draw_batch(sets, scale, kind.unet, random)
        with (
            wrapped(student.unet, teacher.unet, on=batch.periodic),
            quick_precision(device),
        ):
            loss = kind.loss(student, teacher, Lesson(batch, empty, random.torch, process))
        loss.backward()
        nn.utils.clip_grad_norm_(student.unet.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return {"loss": loss.detach()}

    def averaged() -> Networks:
        copy = _copy(student, tokenizer, kind)
        copy.load_state_dict(average.shadow)
        return copy.to(device).eval().requires_grad_(False)

    training.run(
        take_step,
        kind.name,
        on_sheet=lambda step: on_sheet(averaged(), step) if on_sheet else None,
        sheet_seconds=kind.unet.sheet_seconds,
        stop_at=stop_at,
    )
    return averaged()


def _copy(networks: Networks, tokenizer: CLIPTokenizer, kind: Distillation) -> Networks:
    copy = Networks(len(tokenizer), kind.unet.widths)
    copy.load_state_dict(networks.state_dict())
    return copy
