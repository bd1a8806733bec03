# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop that all trainings share: step, average, log, checkpoint, resume."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

from ..core.errors import BadResult
from ..core.sentence import Sentence
from . import checkpoints
from .models import parameter_count
from .schedule import Budget

Network = TypeVar("Network", bound=nn.Module)
Losses = Mapping[str, "float | Tensor"]
"""What a step is logged by; a tensor holds one number, which may still be on its way."""


@dataclass
class TrainingRun(Generic[Network]):
    """A network, its optimizer and the moving average of its weights; what a checkpoint holds, with step and seconds.

    path: of the checkpoint; the loss log lies beside it, as .jsonl. checkpoint_seconds: how much a kill may lose.
    """

    network: Network
    optimizer: torch.optim.Optimizer
    average: checkpoints.MovingAverage
    path: Path
    budget: Budget
    checkpoint_seconds: float = 120.0
    step: int = 0
    seconds: float = 0.0

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one."""
        if state := checkpoints.load(self.path, next(self.network.parameters()).device):
            self.network.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.average.load_state_dict(state["average"])
            self.step, self.seconds = state["step"], state["seconds"]

    def save(self) -> None:
        checkpoints.save_atomic(
            self.path,
            {
                "model": self.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": self.average.state_dict(),
                "step": self.step,
                "seconds": self.seconds,
            },
        )

    def run(
        self,
        take_step: Callable[[int, float], Losses],
        title: str,
        shown: str = "loss",
        log_every: int = 20,
        on_sheet: Callable[[int], None] | None = None,
        sheet_seconds: float = 240.0,
        stop_at: int | None = None,
    ) -> None:
        """Train until the budget is spent, from where `resume` left off; save at the end.

        take_step: does one step, given its number and the progress 0 .. 1, and returns what to log; `shown` stands in
        the progress bar. on_sheet: called every sheet_seconds. stop_at: leave early at this step, as if killed.
        Raises BadResult when the loss is no number any more; the last checkpoint stays. Losses are read one step late:
        whoever waits for those of the step just begun lets a GPU stand idle.
        """
        clock = checkpoints.Stopwatch(self.seconds)
        log = checkpoints.LossLog(self.path.with_suffix(".jsonl"), log_every)
        unread: Losses = {}
        desc = f"{title} ({parameter_count(self.network) / 1e6:.1f} M)"
        with tqdm(desc=desc, initial=self.step, mininterval=5, unit="step") as bar:
            while (progress := self.budget.progress(self.step, clock.seconds)) < 1 and self.step != stop_at:
                losses = take_step(self.step, progress)
                self._read(unread, log)
                unread = losses
                self.average.update(self.network)
                self.step += 1
                self.seconds = clock.seconds
                bar.update()
                bar.set_postfix({shown: log.latest(shown), "done": f"{progress:.0%}"}, refresh=False)
                saving = clock.due("checkpoint", self.checkpoint_seconds)
                showing = on_sheet is not None and clock.due("sheet", sheet_seconds)
                if saving or showing:
                    self._read(unread, log)
                    unread = {}
                if saving:
                    self.save()
                if showing:
                    on_sheet(self.step)
            self._read(unread, log)
        self.save()

    def _read(self, losses: Losses, log: checkpoints.LossLog) -> None:
        """Log what the last finished step has to say, if that was not read before."""
        values = {name: float(value) for name, value in losses.items()}
        if not all(math.isfinite(value) for value in values.values()):
            raise BadResult(
                Sentence(
                    "The training broke at step {step} (a loss is no number); lower the learning rate and go "
                    "on from the last checkpoint, {name}.",
                    step=self.step,
                    name=self.path.name,
                ),
                details=str(values),
            )
        if values:
            log.add(self.step, self.seconds, **values)
