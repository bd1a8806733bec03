# SPDX-License-Identifier: GPL-3.0-or-later
"""A U-Net of diffusers as the loop asks it: latents, level of noise and texts in, what it says out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.embeddings import get_timestep_embedding
from torch import Tensor

from ..core.diffusion.inpaint_channels import CHANNELS
from ..core.diffusion.level import Level
from ..core.diffusion.loop import Denoiser
from ..core.geometry import Size
from .deep_cache import DeepCache, is_reusable
from .device import dtype_of
from .memory import images_per_call
from .text_readers import Framing, ReadText, joined

_DEPTH = 2
"""Layers of the outermost block that are computed even where features are reused: with one the error is 1.4 times as
large, and the time is the same."""


class UNetDenoiser:
    """network: the U-Net. run: calls it; something that needs less memory may stand in for it for a time."""

    def __init__(self, network: UNet2DConditionModel) -> None:
        self.network = network
        self.run: Callable[..., Any] = network

    @property
    def channels(self) -> int:
        """That the U-Net takes, the latents' among them."""
        return int(self.network.config.in_channels)

    @property
    def reads_guidance(self) -> bool:
        """Whether it was distilled to be told w of classifier-free guidance (Meng et al. 2023, arXiv:2210.03142)."""
        return self.network.config.time_cond_proj_dim is not None

    @property
    def can_reuse(self) -> bool:
        """Whether features of it can be reused between steps."""
        return is_reusable(self.network)

    def widen(self) -> bool:
        """Run in float32 from now on; whether it ran in less before."""
        was_narrow = dtype_of(self.network) != torch.float32
        self.network.to(torch.float32)
        return was_narrow

    def images_at_once(self, cells: int, texts: int, count: int) -> int:
        """How many of ``count`` pictures to make together. cells: latents of one; texts: that it is asked with."""
        return images_per_call(self.network, cells, texts, count)

    def for_pictures(self, size: Size, guidance_scale: float, reuse: int = 1) -> Denoiser:
        """The same for one batch of pictures of ``size``, from noise to picture.

        Args:
            size: in pixels, which some networks are told.
            guidance_scale: w, told to a network that reads it.
            reuse: features are computed at every so many questions and reused in between; see :mod:`~.deep_cache`.
        """
        framing = Framing(original=size, top=0, left=0, target=size)
        run = self.run if reuse == 1 else DeepCache(self.network, reuse, _DEPTH, self.run)

        def ask(x: Tensor, level: Level, texts: Sequence[ReadText], inputs: dict[str, Any]) -> list[Tensor]:
            beside = [part.to(x).expand(len(x), -1, -1, -1) for part in inputs.get(CHANNELS, ())]
            seen = torch.cat([x, *beside], dim=1) if beside else x
            rows = len(texts) * len(x)
            named = joined(texts).unet_arguments([framing] * rows)
            if self.reads_guidance:
                named["timestep_cond"] = self._guidance_embedding(guidance_scale, rows)
            (said,) = run(torch.cat([seen] * len(texts)), level.timestep, return_dict=False, **named)
            return list(said.chunk(len(texts)))

        return ask

    def _guidance_embedding(self, guidance_scale: float, rows: int) -> Tensor:
        """Sines and cosines of w - 1, (rows, d), as Luo et al. 2023 (arXiv:2310.04378) train on."""
        scale = torch.full((rows,), (guidance_scale - 1) * 1000.0, device=self.network.device)
        return get_timestep_embedding(
            scale, self.network.config.time_cond_proj_dim, flip_sin_to_cos=False, downscale_freq_shift=1
        )
