# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop that all trainings share: step, average, log, checkpoint, resume."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

from ..core.errors import BadResult
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
    extra: what else of the training changes along the way and is to survive.
    """

    network: Network
    optimizer: torch.optim.Optimizer
    average: checkpoints.MovingAverage
    path: Path
    budget: Budget
    checkpoint_seconds: float = 120.0
    extra: dict[str, Tensor] = field(default_factory=dict)
    step: int = 0
    seconds: float = 0.0

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one."""
        if state := checkpoints.load(self.path, next(self.network.parameters()).device):
            self.network.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.average.load_state_dict(state["average"])
            for name, value in self.extra.items():
                value.copy_(state["extra"][name])
            self.step, self.seconds = state["step"], state["seconds"]

    def save(self) -> None:
        checkpoints.save_atomic(
            self.path,
            {
                "model": self.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": self.average.state_dict(),
                "extra": self.extra,
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
        unread: Losses | None = None

        def read(losses: Losses | None, step: int) -> None:
            if losses is not None:
                values = {name: float(value) for name, value in losses.items()}
                self._refuse_nonsense(values, step)
                log.add(step, self.seconds, **values)
                bar.set_postfix({shown: f"{values[shown]:.3f}", "done": f"{progress:.0%}"}, refresh=False)

        desc = f"{title} ({parameter_count(self.network) / 1e6:.1f} M)"
        with tqdm(desc=desc, initial=self.step, mininterval=5, unit="step") as bar:
            while (progress := self.budget.progress(self.step, clock.seconds)) < 1 and self.step != stop_at:
                losses = take_step(self.step, progress)
                read(unread, self.step)
                unread = losses
                self.average.update(self.network)
                self.step += 1
                self.seconds = clock.seconds
                bar.update()
                saving = clock.due("checkpoint", self.checkpoint_seconds)
                showing = on_sheet is not None and clock.due("sheet", sheet_seconds)
                if saving or showing:
                    read(unread, self.step)
                    unread = None
                if saving:
                    self.save()
                if showing:
                    on_sheet(self.step)
            read(unread, self.step)
        self.save()

    def _refuse_nonsense(self, values: dict[str, float], step: int) -> None:
        if all(math.isfinite(value) for value in values.values()):
            return
        raise BadResult(
            f"The training broke at step {step} (a loss is no number); lower the learning rate and go on from "
            f"the last checkpoint, {self.path.name}.",
            details=str(values),
        )
