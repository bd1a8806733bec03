# SPDX-License-Identifier: GPL-3.0-or-later
"""How long to train, the learning rate along the way, and randomness that survives a restart.

rate(step, progress) = peak * min(1, (step + 1) / warm_up) * (floor + (1 - floor) (1 + cos(pi progress)) / 2)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True)
class Budget:
    """The planned end: a number of minutes (over all resumed runs), or of steps, which is reproducible."""

    minutes: float = 30.0
    steps: int | None = None

    def progress(self, step: int, seconds: float) -> float:
        """0 at the start, 1 or more at the end."""
        return step / self.steps if self.steps else seconds / (60 * self.minutes)


def learning_rate(peak: float, step: int, progress: float, warm_up: int = 200, floor: float = 0.03) -> float:
    """Linear warm-up over steps, then half a cosine over the budget down to `floor` of the peak."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return peak * min(1.0, (step + 1) / warm_up) * (floor + (1 - floor) * cosine)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


@dataclass(frozen=True)
class StepRandom:
    """All randomness of one step, a function of (seed, step): a resumed run draws what an unbroken one would."""

    numpy: np.random.Generator
    torch: torch.Generator

    @classmethod
    def of(cls, seed: int, step: int, device: torch.device | str = "cpu") -> StepRandom:
        """device: where the tensors are drawn; another kind of device draws others."""
        rng = np.random.default_rng((seed, step))
        return cls(rng, torch.Generator(device).manual_seed(int(rng.integers(2**62))))


def to_tensor(pixels: NDArray[np.uint8], device: torch.device | str = "cpu") -> torch.Tensor:
    """N x H x W x 3 uint8 to N x 3 x H x W float32 in -1 .. 1."""
    tensor = torch.from_numpy(np.array(pixels))
    if torch.device(device).type == "cuda":  # from pinned memory it goes while the GPU works
        tensor = tensor.pin_memory().to(device, non_blocking=True)
    return tensor.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
