# SPDX-License-Identifier: GPL-3.0-or-later
"""The autoencoder's training loop (Kingma & Welling 2013, arXiv:1312.6114; Rombach et al. 2022, arXiv:2112.10752).

A picture x (3 x H x W) becomes a normal distribution over latents z (C x H/f x W/f), and a draw of it a picture:

    q(z | x) = N( mu(x), sigma(x)^2 ),   z = mu + sigma eps,   eps ~ N(0, I),   x^ = decoder(z)

Minus the evidence's lower bound is what is minimised, with the distance of pictures for -log p(x | z):

    loss = distance(x^, x) + kl * KL( q(z | x) || N(0, I) )
    KL per latent number = (mu^2 + sigma^2 - 1 - log sigma^2) / 2

The divergence keeps near latents near in meaning and their spread bounded; its weight is small, since what is wanted is
a good copy, and the latents' scale is set to one afterwards by the scaling factor (`latents.scaling_factor`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from numpy.typing import NDArray

from . import checkpoints
from .loop import Losses, TrainingRun
from .models import Widths, make_vae, use_device
from .padding import wrapped
from .schedule import Budget, StepRandom, learning_rate, set_learning_rate, to_tensor

Tiles = Sequence[NDArray[np.uint8]]
"""Caches of different tile sizes, each N x H x W x 3."""


@dataclass(frozen=True)
class VaeOptions:
    """crop: pixels per side. whole: share of steps on whole seamless tiles with circular padding.

    decoder_only: the encoder stays as it is, and with it the latent space: a denoiser trained before remains valid.
    """

    widths: Widths = field(default_factory=Widths)
    budget: Budget = field(default_factory=Budget)
    batch: int = 8
    crop: int = 64
    whole: float = 0.15
    rate: float = 1e-3
    kl: float = 3e-4
    ema: float = 0.998
    seed: int = 7
    decoder_only: bool = False
    checkpoint_seconds: float = 120.0
    device: str = "auto"


def draw_tiles(tiles: Tiles, options: VaeOptions, random: StepRandom) -> tuple[NDArray[np.uint8], bool]:
    """One batch, N x H x W x 3, and whether it is whole tiles: those hold as many pixels as the crops."""
    rng = random.numpy
    cache = tiles[int(rng.integers(len(tiles)))]
    whole = bool(rng.random() < options.whole)
    if whole:
        cache = tiles[0]
        count = max(1, options.batch * options.crop**2 // cache.shape[1] ** 2)
        return cache[np.sort(rng.integers(len(cache), size=count))], True
    room = cache.shape[1] - options.crop + 1
    picks = zip(
        rng.integers(len(cache), size=options.batch), rng.integers(room, size=(options.batch, 2)), strict=True
    )
    return np.stack([cache[i, y : y + options.crop, x : x + options.crop] for i, (y, x) in picks]), False


def reconstruction_loss(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Absolute and squared error of the pixels; of their differences, which keeps edges; and of means over patches of
    4 and 16 pixels, which keeps colour: it is what group normalisation loses and pixels alone are slow to demand.
    """
    error = output - target
    slopes = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    patches = sum(F.avg_pool2d(error, k).abs().mean() for k in (4, 16))
    return error.abs().mean() + 2 * error.square().mean() + 0.5 * slopes + patches


def vae_losses(vae: AutoencoderKL, pixels: torch.Tensor, noise: torch.Generator) -> dict[str, torch.Tensor]:
    """The two terms of the variational bound: reconstruction, and divergence (per latent number) from the normal.

    noise: lies where the pixels do.
    """
    posterior = vae.encode(pixels).latent_dist
    eps = torch.randn(posterior.mean.shape, generator=noise, device=pixels.device)
    output = vae.decode(posterior.mean + posterior.std * eps).sample
    kl = 0.5 * (posterior.mean.square() + posterior.var - 1 - posterior.logvar).mean()
    return {
        "reconstruction": reconstruction_loss(output, pixels),
        "kl": kl,
        "mse": F.mse_loss(output, pixels).detach(),
    }


def train_vae(
    tiles: Tiles,
    folder: Path,
    options: VaeOptions,
    on_sheet: Callable[[AutoencoderKL, int], None] | None = None,
    stop_at: int | None = None,
    start: AutoencoderKL | None = None,
) -> AutoencoderKL:
    """Train until the budget is spent, resuming from `folder`/vae.pt (decoder.pt for the decoder alone). Returns the
    averaged model.

    on_sheet: called every few minutes with the averaged model. stop_at: leave early at this step, as if killed.
    start: whose weights to begin with, when there is no checkpoint yet.
    """
    device = use_device(options.device)
    torch.manual_seed(options.seed)
    vae = make_vae(options.widths).to(device, memory_format=torch.channels_last).train()
    if start:
        vae.load_state_dict(start.state_dict())
    if options.decoder_only:
        vae.encoder.requires_grad_(False)
        vae.quant_conv.requires_grad_(False)
    optimizer = torch.optim.AdamW(
        [p for p in vae.parameters() if p.requires_grad],
        lr=options.rate,
        betas=(0.9, 0.98),
        weight_decay=1e-4,
        fused=True,
    )
    average = checkpoints.MovingAverage(vae, options.ema)
    name = "decoder" if options.decoder_only else "vae"
    training = TrainingRun(
        vae, optimizer, average, folder / f"{name}.pt", options.budget, options.checkpoint_seconds
    )
    training.resume()

    def take_step(step: int, progress: float) -> Losses:
        set_learning_rate(optimizer, learning_rate(options.rate, step, progress))
        losses = _step(vae, optimizer, tiles, options, StepRandom.of(options.seed, step, device))
        return losses | {"psnr": -10 * torch.log10(losses["mse"] / 4)}

    def sheet(step: int) -> None:
        if on_sheet:
            on_sheet(averaged(vae, average, options), step)

    training.run(take_step, name, "psnr", on_sheet=sheet, stop_at=stop_at)
    return averaged(vae, average, options)


def _step(
    vae: AutoencoderKL,
    optimizer: torch.optim.Optimizer,
    tiles: Tiles,
    options: VaeOptions,
    random: StepRandom,
) -> dict[str, torch.Tensor]:
    drawn, whole = draw_tiles(tiles, options, random)
    device = next(vae.parameters()).device
    pixels = to_tensor(drawn, device).contiguous(memory_format=torch.channels_last)
    with wrapped(vae, on=whole), torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda"):
        losses = vae_losses(vae, pixels, random.torch)
    (losses["reconstruction"] + options.kl * losses["kl"]).backward()
    torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return {name: value.detach() for name, value in losses.items()}


def averaged(vae: AutoencoderKL, average: checkpoints.MovingAverage, options: VaeOptions) -> AutoencoderKL:
    """A copy with the averaged weights, for evaluation."""
    copy = make_vae(options.widths)
    copy.load_state_dict(average.shadow)
    return copy.to(next(vae.parameters()).device).eval().requires_grad_(False)
