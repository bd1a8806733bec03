# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network's output says of the picture and of its noise, for the three things that networks are trained to say.

With x_t = signal x_0 + noise eps held, each of x_0, eps and v = signal eps - noise x_0 (Salimans & Ho 2022,
arXiv:2202.00512) follows from each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .level import Level

_LEAST_SIGNAL = 1e-4
"""Signal below which eps says nothing of x_0; dividing by less would make numbers out of nothing."""


@dataclass(frozen=True)
class Estimate:
    """What is known at a ``level`` of noise.

    x: the noisy latents x_t, (n, C, h, w). x0: the picture that was found in them, eps: its noise, both like ``x``.
    prediction: what the network says, a key of :data:`PREDICTIONS`.
    """

    level: Level
    x: Any
    x0: Any
    eps: Any
    prediction: str = "epsilon"

    @classmethod
    def of_output(cls, output: Any, x: Any, level: Level, prediction: str) -> Estimate:
        return cls(level, x, *PREDICTIONS[prediction](output, x, level), prediction)

    @property
    def output(self) -> Any:
        """What the network would have said to be understood like this."""
        if self.prediction == "v_prediction":
            return self.level.signal * self.eps - self.level.noise * self.x0
        return self.x0 if self.prediction == "sample" else self.eps

    def moved(self, move: Any) -> Estimate:
        """The same latents with another picture in them, ``x0 + move``."""
        noise = max(self.level.noise, _LEAST_SIGNAL)
        eps = self.eps - self.level.signal / noise * move
        return replace(self, x0=self.x0 + move, eps=eps)

    def at(self, level: Level) -> Any:
        """The same picture with the same noise at another level: the way of DDIM and of Euler."""
        return level.mix(self.x0, self.eps)


def _from_eps(eps: Any, x: Any, level: Level) -> tuple[Any, Any]:
    return (x - level.noise * eps) / max(level.signal, _LEAST_SIGNAL), eps


def _from_v(v: Any, x: Any, level: Level) -> tuple[Any, Any]:
    return level.signal * x - level.noise * v, level.noise * x + level.signal * v


def _from_x0(x0: Any, x: Any, level: Level) -> tuple[Any, Any]:
    return x0, (x - level.signal * x0) / max(level.noise, _LEAST_SIGNAL)


PREDICTIONS: Mapping[str, Callable[[Any, Any, Level], tuple[Any, Any]]] = {
    "epsilon": _from_eps,
    "v_prediction": _from_v,
    "sample": _from_x0,
}
"""By the names of diffusers, x_0 and eps from what a network says."""
