# SPDX-License-Identifier: GPL-3.0-or-later
"""The forward process: how much signal and noise are left at each of the T time steps a model was trained on.

Ho, Jain & Abbeel 2020 (arXiv:2006.11239): q(x_t | x_0) is normal with mean sqrt(abar_t) x_0 and variance 1 - abar_t,
where abar_t is the product of 1 - beta up to t.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .estimate import PREDICTIONS
from .level import Level

SIGMA_MAX = 128.0
"""Noise over signal where samplers start that cannot begin without any signal. A known colour then comes out within
half a percent (within 4 % with PNDM, which is not made for it); starting at 15, as Stable Diffusion 1.x does, it comes
out 3 % paler."""

_LEAST_ABAR = 2.0**-24
"""What diffusers takes for no signal where it would be divided by: sigma is 4096 then."""


@dataclass(frozen=True)
class NoiseSchedule:
    """abar: of each of the T time steps, falling. prediction: what the network was trained to say, a key of
    :data:`~.estimate.PREDICTIONS`.
    """

    abar: tuple[float, ...]
    prediction: str = "epsilon"

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> NoiseSchedule:
        """From a scheduler's configuration, in the names and with the defaults of diffusers.

        Raises ValueError for a kind of betas or of prediction that is not known here.
        """
        if config.get("trained_betas") is not None:
            betas = np.array(config["trained_betas"], np.float32)
        else:
            kind = config.get("beta_schedule", "linear")
            if kind not in _BETAS:
                raise ValueError(f"no beta_schedule is called {kind}")
            first, last = config.get("beta_start", 0.0001), config.get("beta_end", 0.02)
            betas = _BETAS[kind](float(first), float(last), int(config.get("num_train_timesteps", 1000)))
        # Products in double precision of what single precision holds, as torch computes them.
        abar = np.cumprod(1 - betas, dtype=np.float64)
        prediction = config.get("prediction_type", "epsilon")
        if prediction not in PREDICTIONS:
            raise ValueError(f"no prediction_type is called {prediction}")
        schedule = cls(tuple(abar.tolist()), prediction)
        return schedule.ending_at(0.0) if config.get("rescale_betas_zero_snr") else schedule

    @property
    def length(self) -> int:
        """T, the time steps that the model was trained on."""
        return len(self.abar)

    @property
    def ends_without_signal(self) -> bool:
        return self.abar[-1] == 0

    def ending_at(self, abar: float) -> NoiseSchedule:
        """The same with so much signal left at the last time step.

        Lin et al. 2023 (arXiv:2305.08891), algorithm 1, where it is 0: sqrt(abar) is shifted and scaled so that the
        first stays.
        """
        signal, last = np.sqrt(self.abar), math.sqrt(abar)
        signal = last + (signal - signal[-1]) * (signal[0] - last) / (signal[0] - signal[-1])
        return replace(self, abar=tuple((signal**2).tolist()))

    def with_some_signal(self) -> NoiseSchedule:
        """The same where none may be without signal: the last time step gets as little as single precision can hold."""
        return replace(self, abar=(*self.abar[:-1], max(self.abar[-1], _LEAST_ABAR)))

    def level(self, timestep: float) -> Level:
        """Of a time step; between two trained ones sigma is interpolated, as diffusers does."""
        if float(timestep).is_integer():
            return Level.of_abar(self.abar[int(timestep)], timestep)
        return Level.of_sigma(float(np.interp(timestep, np.arange(self.length), self.sigmas)), timestep)

    @cached_property
    def sigmas(self) -> NDArray[np.float64]:
        """Noise over signal at each time step, rising."""
        abar = np.array(self.abar)
        with np.errstate(divide="ignore"):
            sigmas: NDArray[np.float64] = np.sqrt((1 - abar) / abar)
        return sigmas

    def timestep_of(self, sigma: float) -> float:
        """Where the noise is ``sigma`` times the signal; between two time steps the logarithm is interpolated."""
        steps = np.arange(self.length)
        return float(np.interp(math.log(max(sigma, 1e-10)), np.log(self.sigmas), steps))


def _linear(first: float, last: float, length: int) -> NDArray[np.float32]:
    return np.linspace(first, last, length, dtype=np.float32)


def _scaled_linear(first: float, last: float, length: int) -> NDArray[np.float32]:
    """Of latent diffusion (Rombach et al. 2022): linear in the square root."""
    return np.linspace(first**0.5, last**0.5, length, dtype=np.float32) ** 2


def _cosine(first: float, last: float, length: int) -> NDArray[np.float32]:
    """Nichol & Dhariwal 2021 (arXiv:2102.09672)."""
    steps = np.arange(length + 1) / length
    abar = np.cos((steps + 0.008) / 1.008 * math.pi / 2) ** 2
    betas: NDArray[np.float64] = np.minimum(1 - abar[1:] / abar[:-1], 0.999)
    return betas.astype(np.float32)


_BETAS: Mapping[str, Callable[[float, float, int], NDArray[np.float32]]] = {
    "linear": _linear,
    "scaled_linear": _scaled_linear,
    "squaredcos_cap_v2": _cosine,
}
