# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints that survive being killed at any moment, moving averages of weights, and the loss log."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn


def save_atomic(path: Path, state: dict[str, Any]) -> None:
    """Write beside the file and rename, so that a checkpoint is whole or absent, also when the disk is full."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    try:
        torch.save(state, part)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def load(path: Path, device: torch.device | str = "cpu") -> dict[str, Any] | None:
    """The checkpoint, or None when there is none yet. Holds tensors and plain values only."""
    return torch.load(path, map_location=device, weights_only=True) if path.exists() else None


class MovingAverage:
    """Exponential moving average of weights; young averages forget faster, so that short runs gain too."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.shadow = {k: v.detach().clone() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        state = module.state_dict()
        names = [name for name, value in state.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.shadow[n] for n in names], [state[n] for n in names], 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "shadow": self.shadow}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps, self.shadow = state["steps"], state["shadow"]


class LossLog:
    """One JSON object per line: step, seconds of training, and the losses averaged since the last line."""

    def __init__(self, path: Path, every: int = 20) -> None:
        self.path, self.every = path, every
        self.sums: dict[str, float] = {}
        self.last: dict[str, float] = {}
        self.count = 0
        path.parent.mkdir(parents=True, exist_ok=True)

    def add(self, step: int, seconds: float, **losses: float) -> None:
        self.last = losses
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1
        if step % self.every == 0:
            means = {name: round(total / self.count, 6) for name, total in self.sums.items()}
            with self.path.open("a") as file:
                file.write(json.dumps({"step": step, "seconds": round(seconds, 1), **means}) + "\n")
            self.sums, self.count = {}, 0

    def latest(self, name: str) -> str:
        """The last value of a loss, for people."""
        return f"{self.last[name]:.3f}" if name in self.last else ""


class Stopwatch:
    """Training time over all resumed runs, and when the next periodic job is due.

    longest: seconds that one reading may add. A step is shorter; a computer that slept, or a process that was halted
    and goes on, must not find its budget spent.
    """

    def __init__(self, spent: float = 0.0, longest: float = 60.0) -> None:
        self.spent, self.longest = spent, longest
        self.read = time.monotonic()
        self.last: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        """Seconds of training until now; to be read at every step."""
        now = time.monotonic()
        self.spent += min(now - self.read, self.longest)
        self.read = now
        return self.spent

    def due(self, job: str, every: float) -> bool:
        """True once per `every` seconds for this job, counted from the first time it is asked."""
        now = time.monotonic()
        last = self.last.setdefault(job, now)
        if now - last < every:
            return False
        self.last[job] = now
        return True
