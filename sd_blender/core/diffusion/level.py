# SPDX-License-Identifier: GPL-3.0-or-later
"""A level of noise, in the one notation of this folder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Level:
    """A level of noise: x_t = signal x_0 + noise eps, signal^2 + noise^2 = 1.

    timestep: what the network is told, 0 .. T - 1, may lie between two.
    """

    timestep: float
    signal: float
    noise: float

    @classmethod
    def of_sigma(cls, sigma: float, timestep: float) -> Level:
        """The level at which the noise is ``sigma`` times the signal."""
        signal = 1 / math.sqrt(1 + sigma * sigma)
        return cls(float(timestep), signal, sigma * signal)

    @classmethod
    def of_abar(cls, abar: float, timestep: float) -> Level:
        return cls(float(timestep), math.sqrt(abar), math.sqrt(1 - abar))

    @property
    def abar(self) -> float:
        """What is left of the signal's variance, 0 .. 1."""
        return self.signal * self.signal

    @property
    def sigma(self) -> float:
        """Noise over signal; infinite where no signal is left."""
        return self.noise / self.signal if self.signal else math.inf

    @property
    def log_snr(self) -> float:
        """Half the logarithm of the ratio of signal to noise, lambda in the papers on solvers."""
        if not self.noise:
            return math.inf
        return math.log(self.signal / self.noise) if self.signal else -math.inf

    def mix(self, x0: Any, eps: Any) -> Any:
        """x_t of a picture and its noise: the forward process in one step."""
        return self.signal * x0 + self.noise * eps


CLEAN = Level(0.0, 1.0, 0.0)
"""The end of the reverse process."""
