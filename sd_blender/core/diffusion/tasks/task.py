# SPDX-License-Identifier: GPL-3.0-or-later
"""What every task has: a size to work at, where to begin, and how to finish."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ...geometry import Size
from ...request import ImageArray, Tiling
from ..latents import Encode
from ..loop import Array, Condition, Draw
from ..spacing import Trajectory


class Fit(Protocol):
    """Finds sizes that a model can make; see :class:`~...canvas.Grid`."""

    @property
    def latent(self) -> int: ...

    @property
    def side(self) -> int: ...

    def fit(self, size: Size, tiling: Tiling) -> Size: ...


@dataclass(frozen=True)
class Bench:
    """What a task begins with, for pictures that are made together.

    trajectory: from noise to picture. noise: the next draw for each of them, (n, C, h, w). encode: a picture's latents.
    array: the same numbers as latents are, on the same device. sees_mask: the network takes the mask and the masked
    picture beside the latents.
    """

    trajectory: Trajectory
    noise: Draw
    encode: Encode
    array: Callable[[NDArray[np.float32]], Array]
    sees_mask: bool


class Beginning(NamedTuple):
    """x: noisy latents (n, C, h, w) at the level where the trajectory starts. conditions: what the task asks for on the
    way.
    """

    x: Array
    conditions: Sequence[Condition] = ()


@dataclass(frozen=True)
class Task(ABC):
    """What the model is to make: a picture of ``size``, seamless along the axes of ``tiling``.

    strength: of the way from noise to a picture, the part that is gone; 1 is all of it.
    """

    size: Size
    tiling: Tiling

    @property
    def strength(self) -> float:
        return 1.0

    @abstractmethod
    def begin(self, bench: Bench) -> Beginning: ...

    @abstractmethod
    def finish(self, pixels: ImageArray) -> ImageArray:
        """The canvas, from what the model made: uint8, of ``size``, height x width x 3."""


def start(bench: Bench, x0: Array | None, eps: Array) -> Array:
    """The latents to begin with: of a picture with the noise of where the way starts, or of noise alone."""
    if x0 is None:
        return bench.trajectory.start_noise * eps
    return bench.trajectory.start.mix(x0, eps)
