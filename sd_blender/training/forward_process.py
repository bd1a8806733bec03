# SPDX-License-Identifier: GPL-3.0-or-later
"""The forward process of diffusion, written out (Ho et al. 2020, arXiv:2006.11239).

One step adds a little noise and shrinks the signal, as a Markov chain:

    q(x_t | x_{t-1}) = N( sqrt(alpha_t) x_{t-1}, (1 - alpha_t) I ),      alpha_t = 1 - beta_t

and t steps at once have a closed form with abar_t = alpha_1 alpha_2 .. alpha_t:

    q(x_t | x_0) = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps,              eps ~ N(0, I)

Steps count from 0 in code: index T - 1 is the last, noisiest one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

T = 1000


def scaled_linear_betas(start: float = 0.00085, end: float = 0.012, steps: int = T) -> Tensor:
    """Stable Diffusion's schedule: square roots of beta on a line."""
    return torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float64) ** 2


def rescale_zero_terminal_snr(betas: Tensor) -> Tensor:
    """Shift and scale sqrt(abar) so that the last step is pure noise (Lin et al. 2023, arXiv:2305.08891, algorithm 1).

    Otherwise the mean colour leaks through the last step, and sampling, which starts from pure noise, never finds it.
    """
    root = (1 - betas).cumprod(0).sqrt()
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    abar = root**2
    alphas = torch.cat([abar[:1], abar[1:] / abar[:-1]])
    return 1 - alphas


@dataclass(frozen=True)
class ForwardProcess:
    """The noise schedule and what follows from it. betas: T values in 0 .. 1."""

    betas: Tensor

    @classmethod
    def zero_terminal_snr(cls) -> ForwardProcess:
        return cls(rescale_zero_terminal_snr(scaled_linear_betas()))

    def to(self, device: torch.device | str) -> ForwardProcess:
        """With its schedule there: step numbers on a GPU are then looked up without waiting for them."""
        return ForwardProcess(self.betas.to(device))

    @property
    def alphas(self) -> Tensor:
        return 1 - self.betas

    @property
    def alphas_cumprod(self) -> Tensor:
        """abar, T values."""
        return self.alphas.cumprod(0)

    def snr(self, t: Tensor) -> Tensor:
        """Signal-to-noise ratio abar / (1 - abar) at steps t; 0 at the last step of a rescaled schedule."""
        abar = self.alphas_cumprod[t.to(self.betas.device)]
        return abar / (1 - abar)

    def _coefficients(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        abar = self.alphas_cumprod[t.to(self.betas.device)].view(-1, *[1] * (like.ndim - 1))
        return abar.sqrt().to(like), (1 - abar).sqrt().to(like)

    def q_step(self, x: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """One Markov step: a draw of q(x_t | x_{t-1}). x, eps: N x ...; t: N step numbers."""
        alpha = self.alphas[t.to(self.betas.device)].view(-1, *[1] * (x.ndim - 1))
        return alpha.sqrt().to(x) * x + (1 - alpha).sqrt().to(x) * eps

    def q_sample(self, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """All steps at once: a draw of q(x_t | x_0). x_0, eps: N x ...; t: N step numbers 0 .. T - 1."""
        signal, noise = self._coefficients(t, x_0)
        return signal * x_0 + noise * eps

    def velocity(self, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """v = sqrt(abar) eps - sqrt(1 - abar) x_0 (Salimans & Ho 2022, arXiv:2202.00512)."""
        signal, noise = self._coefficients(t, x_0)
        return signal * eps - noise * x_0

    def target(self, prediction_type: str, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """What the network should say. `epsilon` gives the simple loss || eps - eps_theta ||^2 of Ho et al.;
        `v_prediction` is the one that still says something where there is no signal left, as at the last step here;
        `sample` is x_0 itself.
        """
        _check(prediction_type)
        if prediction_type == "epsilon":
            return eps
        return self.velocity(x_0, t, eps) if prediction_type == "v_prediction" else x_0

    def original(self, prediction_type: str, output: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """The x_0 that follows from what the network says of x_t.

        Undefined for `epsilon` where no signal is left: every x_0 gives the same x_t there.
        """
        _check(prediction_type)
        signal, noise = self._coefficients(t, x_t)
        if prediction_type == "epsilon":
            return (x_t - noise * output) / signal
        return signal * x_t - noise * output if prediction_type == "v_prediction" else output

    def noise(self, prediction_type: str, output: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """The eps that follows from what the network says of x_t."""
        _check(prediction_type)
        signal, noise = self._coefficients(t, x_t)
        if prediction_type == "sample":
            return (x_t - signal * output) / noise
        return noise * x_t + signal * output if prediction_type == "v_prediction" else output


PREDICTION_TYPES = ("epsilon", "v_prediction", "sample")


def _check(prediction_type: str) -> None:
    if prediction_type not in PREDICTION_TYPES:
        raise ValueError(f"prediction type {prediction_type!r} is none of {', '.join(PREDICTION_TYPES)}")
