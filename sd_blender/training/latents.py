# SPDX-License-Identifier: GPL-3.0-or-later
"""Textures as the denoiser sees them: encoded once, with what goes with them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm
from transformers import CLIPTokenizer

from . import checkpoints
from .padding import wrapped
from .schedule import to_tensor
from .textures.captions import Description, redraw_caption
from .vocabulary import tokenize


@dataclass(frozen=True)
class LatentSet:
    """latents: N x C x h x w float16, not yet scaled, periodic. descriptions: N.

    chances: how often each is drawn, N with sum 1, or None for all alike. tokens: N x V x 77, V captions of each; the
    first one is empty. guidance: N, how strongly the text is to be followed, where that is distilled.
    """

    latents: Tensor
    descriptions: Sequence[Description]
    chances: Tensor | None = None
    tokens: Tensor | None = None
    guidance: Tensor | None = None

    def to(self, device: torch.device) -> LatentSet:
        """With its tensors there: a GPU draws from its own memory."""
        there = {name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **there)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """The places of `count` samples; the same one may come twice. generator: lies where the latents do."""
        size, device = len(self.latents), self.latents.device
        if self.chances is None:
            return torch.randint(size, (count,), generator=generator, device=device)
        return torch.multinomial(self.chances, count, replacement=True, generator=generator)

    def rolled(self, places: Tensor, generator: torch.Generator) -> Tensor:
        """These samples, each moved on its torus by its own whole number of cells: other views of the same textures."""
        rows, columns = (
            (torch.arange(side, device=places.device) + _integers(side, (len(places), 1), generator)) % side
            for side in self.latents.shape[-2:]
        )
        moved = self.latents[places[:, None, None], :, rows[:, :, None], columns[:, None, :]]
        return moved.permute(0, 3, 1, 2).float()

    def captions(self, places: Tensor, empty: float, generator: torch.Generator) -> Tensor:
        """One caption of each of these samples, N x 77; a share of `empty` ones."""
        assert self.tokens is not None
        count, versions = len(places), self.tokens.shape[1]
        version = 1 + _integers(versions - 1, (count,), generator)
        left_empty = torch.rand(count, generator=generator, device=places.device) < empty
        return self.tokens[places, torch.where(left_empty, 0, version)].long()


def _integers(end: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randint(end, shape, generator=generator, device=generator.device)


def caption_tokens(
    descriptions: Sequence[Description], tokenizer: CLIPTokenizer, versions: int, rng: np.random.Generator
) -> Tensor:
    """N x (1 + versions) x 77 int16: nothing, and so many ways to say what a sample shows."""
    texts = [t for d in descriptions for t in ("", *(redraw_caption(d, rng) for _ in range(versions)))]
    return tokenize(tokenizer, texts).to(torch.int16).reshape(len(descriptions), 1 + versions, -1)


def chances(descriptions: Sequence[Description], wanting: Mapping[str, float]) -> Tensor:
    """How often to draw each sample. wanting: by material, 0 .. 1, how much it is still to be learned: a material at 1
    is drawn three times as often as one at 0.
    """
    weights = torch.tensor([1 + 2 * wanting.get(d.material, 0.0) for d in descriptions])
    return weights / weights.sum()


@torch.no_grad()
def encode(vae: AutoencoderKL, pixels: NDArray[np.uint8], batch: int = 32) -> Tensor:
    """Whole seamless tiles to the means of their latents, N x C x H/f x W/f float16, without a seam.

    bfloat16 is enough here (its rounding is far below the noise of the posterior) and several times as fast on a CPU.
    """
    device = next(vae.parameters()).device
    encoder = copy.deepcopy(vae).to(torch.bfloat16)
    parts = []
    with wrapped(encoder):
        for start in tqdm(range(0, len(pixels), batch), desc=f"latents {pixels.shape[1]} px", mininterval=2):
            tiles = to_tensor(pixels[start : start + batch], device).to(torch.bfloat16)
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

    latents: N x C x h x w (unscaled), pixels: the N x H x W x 3 tiles they encode. Returns `matrix` (C rows of 3) and
    `bias` (3): colour = latent @ matrix + bias, in -1 .. 1.
    """
    factor = pixels.shape[1] // latents.shape[2]
    small = F.avg_pool2d(to_tensor(pixels), factor).permute(0, 2, 3, 1).reshape(-1, 3).double()
    channels = latents.shape[1]
    inputs = (latents.double() * scale).permute(0, 2, 3, 1).reshape(-1, channels)
    inputs = torch.cat([inputs, torch.ones(len(inputs), 1, dtype=torch.float64)], dim=1)
    solution = torch.linalg.lstsq(inputs, small).solution
    return {"matrix": solution[:channels].tolist(), "bias": solution[channels].tolist()}
