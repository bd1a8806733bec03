# SPDX-License-Identifier: GPL-3.0-or-later
"""Where noise comes from: a generator for each picture, on the processor, so that a seed means the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Noise:
    """Of a unit normal distribution, for pictures that are made together.

    seeds: of the n pictures; no picture depends on its neighbours. shape: (C, h, w) of the latents of one.
    """

    def __init__(self, seeds: Sequence[int], shape: tuple[int, int, int], device: torch.device) -> None:
        self._generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        self._shape = shape
        self._device = device

    def __call__(self) -> Tensor:
        """The next draw, (n, C, h, w), float32."""
        drawn = [torch.randn(1, *self._shape, generator=generator) for generator in self._generators]
        return torch.cat(drawn).to(self._device)
