# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop: noise, predict, compare, step; and every so many steps a checkpoint and a sample picture."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.errors import BadResult, CannotSave, ModelRefused
from ...core.sentence import Sentence
from ...core.training_folder import TrainingFolder
from ...core.training_request import Training
from ...engine.cancel import cancellable
from ...engine.device import dtype_of, free_memory
from ...engine.guards import is_out_of_memory
from ...engine.tiling import tiled
from ..schedule import StepRandom, learning_rate, set_learning_rate
from ..train_unet import stratified_steps
from . import checkpoint
from .base_model import BaseModel
from .examples import Examples
from .learners import Learner
from .memory_plan import Plan, too_large

WARM_UP = 0.1
"""Share of the steps over which the learning rate rises, at most 100 of them."""
CLIP = 1.0
"""Largest norm of the gradient: one odd picture must not undo what the others taught."""


@dataclass
class TrainingLoop:
    """One training on its way. plan may be exchanged for a more frugal one. captions: of each image.

    points: the curve so far. unsaved: the part of it that is not on the disk.
    """

    base: BaseModel
    learner: Learner
    examples: Examples
    captions: list[str]
    request: Training
    folder: TrainingFolder
    plan: Plan
    metadata: dict[str, str]
    is_cancelled: Callable[[], bool]
    step: int = 0
    points: list[tuple[int, float]] = field(default_factory=list)
    unsaved: list[tuple[int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.optimizer = torch.optim.AdamW(
            self.learner.parameters, lr=self.request.learning_rate, weight_decay=1e-2
        )
        half = dtype_of(self.base.loaded.unet) == torch.float16
        # Small gradients would vanish in half precision; the scale rises as long as nothing overflows.
        self.scaler = torch.amp.GradScaler(self.base.loaded.device.type, enabled=half)
        self.first_step = self.saved_step = 0
        self.proven_step = -1

    def resume(self) -> None:
        """Go on from the folder's checkpoint if there is one. Raises ModelRefused when it does not fit."""
        saved = checkpoint.load(self.folder.checkpoint)
        if saved is None:
            return
        try:
            self.learner.load(saved.learned)
            checkpoint.restore(self.optimizer, saved.optimizer)
        except (KeyError, RuntimeError, ValueError) as error:
            if is_out_of_memory(error):
                raise
            raise ModelRefused(
                Sentence(
                    "The checkpoint {checkpoint} does not fit this model; choose another name, or delete its "
                    "folder to begin anew.",
                    checkpoint=self.folder.checkpoint,
                ),
                details=str(error),
            ) from error
        self.step = self.first_step = self.saved_step = saved.step
        # What a killed run had logged beyond its last checkpoint is done again.
        self.points = [point for point in self.folder.read_losses() if point[0] <= saved.step]
        text = "".join(_line(point) for point in self.points)
        checkpoint.write_whole(self.folder.losses, text.encode("ascii"))

    def one_step(self) -> float:
        """Take one step of the optimiser and return the loss. Raises BadResult for one that is no number.

        A step that runs out of memory is taken again in a more frugal way; with none left OutOfMemory is raised.
        """
        while True:
            try:
                loss = self._try_step()
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                details = str(error)
            # Outside the except block, where the traceback no longer holds the tensors.
            self.optimizer.zero_grad(set_to_none=True)
            free_memory()
            frugal = self.plan.smaller()
            if frugal is None:
                raise too_large(self.request.size, details)
            self.plan = frugal
        self.step += 1
        self.points.append((self.step, loss))
        self.unsaved.append((self.step, loss))
        return loss

    def _try_step(self) -> float:
        request = self.request
        warm_up = max(1, min(100, round(WARM_UP * request.steps)))
        rate = learning_rate(request.learning_rate, self.step, self.step / request.steps, warm_up)
        set_learning_rate(self.optimizer, rate)
        with torch.enable_grad(), cancellable(self.is_cancelled, self.base.loaded.unet):
            total = self._pass(lambda loss: self.scaler.scale(loss).backward())
        self._update()
        return total

    def _pass(self, each: Callable[[Tensor], None]) -> float:
        """The loss of the next step. each: given that of every part of it. Raises BadResult for no number."""
        random, request = StepRandom.of(self.request.seed, self.step), self.request
        latents, views = self.examples.draw(request.batch, random)
        dropped = random.numpy.random(len(views)) < request.caption_dropout
        images = [self.examples.images[view] for view in views]
        captions = ["" if drop else self.captions[i] for i, drop in zip(images, dropped, strict=True)]
        framings = [self.examples.framings[view] for view in views]
        t = stratified_steps(len(views), random.torch)
        eps = torch.randn(latents.shape, generator=random.torch)
        unet = self.base.loaded.unet
        _set_checkpointing(unet, self.plan.checkpointing)
        total = 0.0
        with tiled(request.tiling, unet):
            for start in range(0, len(views), self.plan.together):
                part = slice(start, start + self.plan.together)
                text = self.learner.read(captions[part]).unet_arguments(framings[part])
                loss = self._loss(latents[part], t[part], eps[part], text) / len(views)
                total += loss.item()
                self._require_finite(total)
                each(loss)
        return total

    def _loss(self, latents: Tensor, t: Tensor, eps: Tensor, text: dict[str, Any]) -> Tensor:
        """The sum over pictures of their mean squared errors. text: what the U-Net is told, by its own names."""
        base, device = self.base, self.base.loaded.device
        noisy = base.process.q_sample(latents, t, eps).to(device)
        target = base.process.target(base.prediction_type, latents, t, eps).to(device)
        (predicted,) = base.loaded.unet(noisy, t.to(device), **text, return_dict=False)
        return F.mse_loss(predicted.float(), target) * len(latents)

    def _update(self) -> None:
        self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.learner.parameters, CLIP)
        if not self.scaler.is_enabled():
            self._require_finite(float(norm))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)

    def _require_finite(self, value: float) -> None:
        if math.isfinite(value):
            return
        if self.saved_step == self.step:
            self._go_back()
        kept = (
            Sentence("step {saved_step} is kept", saved_step=self.saved_step)
            if self.saved_step
            else "nothing was saved yet"
        )
        raise BadResult(
            Sentence(
                "The loss is not a number at step {step}, so training stopped and {kept}; train again "
                "with a lower learning rate.",
                step=self.step + 1,
                kept=kept,
            )
        )

    def prove(self) -> None:
        """Look at the loss with what the last step made. Raises BadResult for one that is no number."""
        if self.proven_step == self.step:
            return
        with torch.no_grad(), cancellable(self.is_cancelled, self.base.loaded.unet):
            self._pass(lambda loss: None)
        self.proven_step = self.step

    def _go_back(self) -> None:
        """What was saved has no sound loss. What was saved before it has: the training went on from there.

        What an earlier run saved stays if it is all there is: it may be the precision of this run that breaks it.
        """
        with suppress(OSError):  # the loss is the worse news
            if self.folder.earlier_checkpoint.is_file():
                os.replace(self.folder.earlier_checkpoint, self.folder.checkpoint)
            elif self.saved_step > self.first_step:
                self.folder.checkpoint.unlink()
        self.saved_step = self.folder.steps_done()

    def save(self) -> None:
        """Write the checkpoint and the curve. Raises CannotSave; the checkpoint of before is there then.

        The one of before is kept beside it, since only the next step shows what this one is worth.
        """
        if self.saved_step == self.step:
            return
        checkpoint.keep(self.folder.checkpoint, self.folder.earlier_checkpoint)
        checkpoint.save(
            self.folder.checkpoint, self.step, self.learner.state(), self.optimizer, self.metadata
        )
        self.saved_step = self.step
        try:
            with self.folder.losses.open("a", encoding="ascii") as file:
                file.writelines(_line(point) for point in self.unsaved)
        except OSError as error:
            raise CannotSave(
                Sentence(
                    "{losses} cannot be saved ({strerror}); make room on that disk, then train again, which "
                    "goes on from the last checkpoint.",
                    losses=self.folder.losses,
                    strerror=error.strerror,
                )
            ) from error
        self.unsaved = []

    def recent_loss(self) -> float:
        """The mean of the last tenth of the curve, NaN before the first step."""
        last = [loss for _, loss in self.points[-max(1, len(self.points) // 10) :]]
        return sum(last) / len(last) if last else math.nan


class CurveReports:
    """Gathers points so that fast steps do not flood whoever listens: at most one message in ``interval`` seconds."""

    def __init__(self, send: Callable[[tuple[tuple[int, float], ...]], None], interval: float = 0.5) -> None:
        self._send, self._interval = send, interval
        self._points: list[tuple[int, float]] = []
        self._next = 0.0

    def add(self, *points: tuple[int, float]) -> None:
        self._points += points
        if self._points and time.monotonic() >= self._next:
            self.flush()

    def flush(self) -> None:
        if self._points:
            self._send(tuple(self._points))
        self._points, self._next = [], time.monotonic() + self._interval


def _line(point: tuple[int, float]) -> str:
    return json.dumps([point[0], round(point[1], 6)]) + "\n"


def _set_checkpointing(unet: torch.nn.Module, on: bool) -> None:
    unet.train(on)  # the blocks recompute only then; there is no dropout that would wake up
    if on and not unet.is_gradient_checkpointing:
        unet.enable_gradient_checkpointing()
    elif not on and unet.is_gradient_checkpointing:
        unet.disable_gradient_checkpointing()
