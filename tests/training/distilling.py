# SPDX-License-Identifier: GPL-3.0-or-later
"""What distillations are tested on: a tiny teacher, latents that are noise, and a denoiser that knows."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
from transformers import CLIPTokenizer

from sd_blender.training.latents import LatentSet, caption_tokens
from sd_blender.training.models import TINY
from sd_blender.training.textures.dataset import describe_sample
from sd_blender.training.train_unet import PROCESS, Networks
from sd_blender.training.vocabulary import train_tokenizer


def small_tokenizer() -> CLIPTokenizer:
    return train_tokenizer(["red brick wall", "moss"])


def small_teacher(tokenizer: CLIPTokenizer) -> Networks:
    torch.manual_seed(1)
    return Networks(len(tokenizer), TINY).eval()


def small_set(tokenizer: CLIPTokenizer, guidance: torch.Tensor | None = None) -> LatentSet:
    described = [describe_sample(1, i) for i in range(4)]
    tokens = caption_tokens(described, tokenizer, 2, np.random.default_rng(0))
    return LatentSet(
        noise(4, TINY.latents, 32, 32, seed=2).half(), described, tokens=tokens, guidance=guidance
    )


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class Knowing:
    """A denoiser that knows the only picture there is, and with an empty text says something else."""

    def __init__(self, picture: torch.Tensor, wrong: float = 0.0) -> None:
        self.picture, self.wrong = picture, wrong

    def text_encoder(self, tokens: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(last_hidden_state=tokens.float()[..., None])

    def unet(self, x: torch.Tensor, t: torch.Tensor, encoder_hidden_states: torch.Tensor) -> SimpleNamespace:
        empty = (encoder_hidden_states.flatten(1).sum(1) == 0).float().view(-1, 1, 1, 1)
        abar = PROCESS.alphas_cumprod[t].view(-1, 1, 1, 1).float()
        v = (abar.sqrt() * x - self.picture) / (1 - abar).sqrt()
        return SimpleNamespace(sample=v + self.wrong + 7 * empty)
