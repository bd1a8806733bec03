# SPDX-License-Identifier: GPL-3.0-or-later
"""Textures as the denoiser sees them: encoded once, with what goes with them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from . import checkpoints
from .models import FACTOR
from .padding import wrapped
from .schedule import to_tensor
from .textures.captions import Description


@dataclass(frozen=True)
class LatentSet:
    """latents: N x 4 x h x w float16, not yet scaled, periodic. descriptions: N.

    chances: how often each is drawn, N with sum 1, or None for all alike.
    """

    latents: Tensor
    descriptions: Sequence[Description]
    chances: NDArray[np.float64] | None = None

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """The places of `count` samples, in order; the same one may come twice."""
        return np.sort(rng.choice(len(self.latents), size=count, p=self.chances))


def chances(descriptions: Sequence[Description], wanting: Mapping[str, float]) -> NDArray[np.float64]:
    """How often to draw each sample. wanting: by material, 0 .. 1, how much it is still to be learned: a material at 1
    is drawn three times as often as one at 0.
    """
    weights = np.array([1 + 2 * wanting.get(d.material, 0.0) for d in descriptions])
    return weights / weights.sum()


@torch.no_grad()
def encode(vae: AutoencoderKL, pixels: NDArray[np.uint8], batch: int = 32) -> Tensor:
    """Whole seamless tiles to the means of their latents, N x 4 x H/4 x W/4 float16, without a seam.

    bfloat16 is enough here (its rounding is far below the noise of the posterior) and several times as fast on a CPU.
    """
    device = next(vae.parameters()).device
    encoder = copy.deepcopy(vae).to(torch.bfloat16)
    parts = []
    with wrapped(encoder):
        for start in tqdm(range(0, len(pixels), batch), desc=f"latents {pixels.shape[1]} px", mininterval=2):
            tiles = to_tensor(pixels[start : start + batch]).to(device, torch.bfloat16)
            parts.append(encoder.encode(tiles).latent_dist.mean.to(torch.float16).cpu())
    return torch.cat(parts)


def cached_latents(path: Path, vae: AutoencoderKL, pixels: NDArray[np.uint8]) -> Tensor:
    """`encode`, kept in a file; the file is for one autoencoder, and whoever trains a new one removes it."""
    if state := checkpoints.load(path):
        return state["latents"]
    latents = encode(vae, pixels, batch=max(1, 32 * 128**2 // pixels.shape[1] ** 2))
    checkpoints.save_atomic(path, {"latents": latents})
    return latents


def scaling_factor(latents: Tensor) -> float:
    """What makes the latents' standard deviation one (Rombach et al. 2022, appendix G)."""
    return 1 / float(latents.float().std())


def fit_preview(latents: Tensor, pixels: NDArray[np.uint8], scale: float) -> dict[str, list]:
    """The linear map from scaled latents to colours that is best in the least squares.

    latents: N x 4 x h x w (unscaled), pixels: the N x H x W x 3 tiles they encode. Returns `matrix` (4 rows of 3) and
    `bias` (3): colour = latent @ matrix + bias, in -1 .. 1.
    """
    small = F.avg_pool2d(to_tensor(pixels), FACTOR).permute(0, 2, 3, 1).reshape(-1, 3).double()
    inputs = (latents.double() * scale).permute(0, 2, 3, 1).reshape(-1, 4)
    inputs = torch.cat([inputs, torch.ones(len(inputs), 1, dtype=torch.float64)], dim=1)
    solution = torch.linalg.lstsq(inputs, small).solution
    return {"matrix": solution[:4].tolist(), "bias": solution[4].tolist()}
