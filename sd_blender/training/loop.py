# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop that all trainings share: step, average, log, checkpoint, resume."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import nn
from tqdm import tqdm

from ..core.errors import BadResult
from . import checkpoints
from .models import parameter_count
from .schedule import Budget

Network = TypeVar("Network", bound=nn.Module)


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
        take_step: Callable[[int, float], dict[str, float]],
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
        Raises BadResult when the loss is no number any more; the last checkpoint stays.
        """
        clock = checkpoints.Stopwatch(self.seconds)
        log = checkpoints.LossLog(self.path.with_suffix(".jsonl"), log_every)
        desc = f"{title} ({parameter_count(self.network) / 1e6:.1f} M)"
        with tqdm(desc=desc, initial=self.step, mininterval=5, unit="step") as bar:
            while (progress := self.budget.progress(self.step, clock.seconds)) < 1 and self.step != stop_at:
                values = take_step(self.step, progress)
                self._refuse_nonsense(values)
                self.average.update(self.network)
                self.step += 1
                self.seconds = clock.seconds
                log.add(self.step, self.seconds, **values)
                bar.update()
                bar.set_postfix({shown: f"{values[shown]:.3f}", "done": f"{progress:.0%}"}, refresh=False)
                if clock.due("checkpoint", self.checkpoint_seconds):
                    self.save()
                if on_sheet and clock.due("sheet", sheet_seconds):
                    on_sheet(self.step)
        self.save()

    def _refuse_nonsense(self, values: dict[str, float]) -> None:
        if all(math.isfinite(value) for value in values.values()):
            return
        raise BadResult(
            f"The training broke at step {self.step} (a loss is no number); lower the learning rate and go on from "
            f"the last checkpoint, {self.path.name}.",
            details=str(values),
        )
