# SPDX-License-Identifier: GPL-3.0-or-later
"""The variational bound of diffusion, term by term, and why its simple form is enough (Ho et al. 2020, equation 5).

    -log p(x_0) <= E_q[ L_T + sum over t of L_{t-1} + L_0 ]
    L_T     = KL( q(x_T | x_0) || N(0, I) )                     how much of x_0 is left in the noise; nothing to learn
    L_{t-1} = KL( q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t) )   each step back against what it should be
    L_0     = -log p(x_0 | x_1)

With p(x_{t-1} | x_t) of the same variance sigma^2, L_{t-1} is a weighted distance of two noises (equation 12):

    L_{t-1} = beta_t^2 / (2 sigma_t^2 alpha_t (1 - abar_t)) || eps - eps_theta ||^2

and the simple loss leaves the weight out, which makes better pictures: the weight favours the faintest noise. All terms
are in nats, summed over a sample. Steps count from 0: t = 0 is the paper's t = 1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .reverse_process import ReverseProcess


def kl_normal(mean: Tensor, variance: Tensor, other_mean: Tensor, other_variance: Tensor) -> Tensor:
    """KL( N(mean, variance) || N(other_mean, other_variance) ) of each number, in nats."""
    ratio = variance / other_variance
    return 0.5 * (ratio - 1 - ratio.log() + (mean - other_mean) ** 2 / other_variance)


def model_variance(process: ReverseProcess, t: int) -> Tensor:
    """sigma_t^2 = beta_t, the larger of the two that Ho et al. tried: right for data that are themselves normal."""
    return process.forward.betas[t]


def prior_term(process: ReverseProcess, x_0: Tensor) -> Tensor:
    """L_T of N samples N x ..., N."""
    abar = process.abar(len(process.forward.betas) - 1).to(x_0)
    one = torch.ones((), dtype=x_0.dtype)
    return kl_normal(abar.sqrt() * x_0, 1 - abar, 0 * one, one).flatten(1).sum(1)


def denoising_term(process: ReverseProcess, x_0: Tensor, x_t: Tensor, t: int, predicted: Tensor) -> Tensor:
    """L_{t-1} for t of 1 or more. x_0: the sample. predicted: what the network takes it for, seeing x_t. Returns N."""
    should = process.posterior_mean(x_0, x_t, t, t - 1)
    does = process.posterior_mean(predicted, x_t, t, t - 1)
    variance = process.posterior_variance(t, t - 1).to(x_0)
    return kl_normal(should, variance, does, model_variance(process, t).to(x_0)).flatten(1).sum(1)


def reconstruction_term(process: ReverseProcess, x_0: Tensor, predicted: Tensor) -> Tensor:
    """L_0, for real numbers: minus the log density of x_0 about the last prediction. Returns N."""
    variance = model_variance(process, 0).to(x_0)
    errors = (x_0 - predicted) ** 2 / variance
    return 0.5 * (errors + variance.log() + math.log(2 * math.pi)).flatten(1).sum(1)


def noise_weight(process: ReverseProcess, t: int, variance: Tensor) -> Tensor:
    """What || eps - eps_theta ||^2 has in front of it in L_{t-1}. variance: sigma_t^2."""
    alpha, abar = process.forward.alphas[t], process.abar(t)
    return (1 - alpha) ** 2 / (2 * variance * alpha * (1 - abar))


def simple_loss(said: Tensor, target: Tensor) -> Tensor:
    """L_simple: the mean squared distance of what the network says and what it should say, both N x ..."""
    return ((said - target) ** 2).mean()
