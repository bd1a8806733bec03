# SPDX-License-Identifier: GPL-3.0-or-later
"""The reverse process, written out: from x_t one step towards x_0, with noise or without.

If x_0 were known, the step back would be a normal distribution in closed form (Ho et al. 2020, equations 6 and 7):

    q(x_{t-1} | x_t, x_0) = N( mu(x_t, x_0), beta~_t I )
    mu(x_t, x_0) = sqrt(abar_{t-1}) beta_t / (1 - abar_t) x_0 + sqrt(alpha_t) (1 - abar_{t-1}) / (1 - abar_t) x_t
    beta~_t = (1 - abar_{t-1}) / (1 - abar_t) beta_t

The network's x_0 takes its place: DDPM. DDIM (Song et al. 2020, arXiv:2010.02502, equation 12) keeps only what the
network calls noise, draws sigma of fresh noise, and may skip as many steps as it likes:

    x_s = sqrt(abar_s) x_0 + sqrt(1 - abar_s - sigma^2) eps + sigma z,
    sigma = eta sqrt(beta~),  eta = 0 deterministic, eta = 1 as random as DDPM

Both are here to be read beside the bound on the likelihood; pictures are made with :mod:`~..core.diffusion`, which does
the same for every sampler. Steps count from 0; `s` is the step that is gone to, -1 for x_0. Where steps are skipped,
alpha is abar_t / abar_s.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .forward_process import ForwardProcess


@dataclass(frozen=True)
class ReverseProcess:
    """Steps back along the schedule of `forward`."""

    forward: ForwardProcess

    def abar(self, t: int) -> Tensor:
        """abar_t, and 1 for -1: nothing but signal."""
        return self.forward.alphas_cumprod[t] if t >= 0 else torch.ones((), dtype=torch.float64)

    def posterior_variance(self, t: int, s: int) -> Tensor:
        """beta~, of q(x_s | x_t, x_0); 0 for s = -1."""
        before, here = self.abar(s), self.abar(t)
        return (1 - before) / (1 - here) * (1 - here / before)

    def posterior_mean(self, x_0: Tensor, x_t: Tensor, t: int, s: int) -> Tensor:
        """mu(x_t, x_0), of q(x_s | x_t, x_0)."""
        before, here = self.abar(s), self.abar(t)
        alpha = here / before
        of_original = before.sqrt() * (1 - alpha) / (1 - here)
        of_noisy = alpha.sqrt() * (1 - before) / (1 - here)
        return of_original.to(x_0) * x_0 + of_noisy.to(x_t) * x_t

    def ddpm_step(self, x_0: Tensor, x_t: Tensor, t: int, s: int, z: Tensor) -> Tensor:
        """A draw of p(x_s | x_t). x_0: as the network predicts it. z: standard normal."""
        variance = self.posterior_variance(t, s)
        return self.posterior_mean(x_0, x_t, t, s) + variance.sqrt().to(z) * z

    def ddim_step(
        self, x_0: Tensor, eps: Tensor, t: int, s: int, eta: float = 0.0, z: Tensor | None = None
    ) -> Tensor:
        """x_0, eps: as the network predicts them. z: standard normal, needed where eta is not 0."""
        before, sigma = self.abar(s), eta * self.posterior_variance(t, s).sqrt()
        x_s = before.sqrt().to(x_0) * x_0 + (1 - before - sigma**2).clamp(min=0).sqrt().to(eps) * eps
        return x_s if z is None else x_s + sigma.to(z) * z
