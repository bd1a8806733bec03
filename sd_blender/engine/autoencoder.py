# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures as latents and back (Kingma & Welling 2013; Rombach et al. 2022), with an autoencoder of diffusers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from ..core.diffusion.latents import LatentDistribution, Values
from .device import dtype_of


class Autoencoder:
    """network: the autoencoder. run_encoder, run_decoder: call its two halves; something that needs less memory may
    stand in for them for a time.
    """

    def __init__(self, network: AutoencoderKL) -> None:
        self.network = network
        self.run_encoder: Callable[..., Any] = network.encoder
        self.run_decoder: Callable[..., Any] = network.decoder

    @property
    def channels(self) -> int:
        """Of the latents."""
        return int(self.network.config.latent_channels)

    @property
    def side(self) -> int:
        """Pixels along one latent."""
        return int(2 ** (len(self.network.config.block_out_channels) - 1))

    def widen(self) -> bool:
        """Run in float32 from now on; whether it ran in less before."""
        was_narrow = dtype_of(self.network) != torch.float32
        self.network.to(torch.float32)
        return was_narrow

    def encode(self, values: Values) -> LatentDistribution:
        """values: see :func:`~..core.diffusion.latents.values_of`; whole latents in width and height."""
        # Stacked: an axis that is only added has no length, and layers would take it for another layout.
        pixels = torch.from_numpy(np.stack([values])).permute(0, 3, 1, 2).to(self.network.device)
        moments = self.run_encoder(pixels)
        if self.network.quant_conv is not None:
            moments = self.network.quant_conv(moments)
        mean, log_variance = moments.chunk(2, dim=1)
        scale = self.network.config.scaling_factor
        # As far apart as diffusers lets them be.
        return LatentDistribution(scale * mean, scale * (log_variance.clamp(-30, 20) / 2).exp())

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures (n, 3, H, W), about -1 .. 1, from latents (n, C, h, w) as the loop leaves them."""
        latents = latents / self.network.config.scaling_factor
        if self.network.post_quant_conv is not None:
            latents = self.network.post_quant_conv(latents)
        picture: Tensor = self.run_decoder(latents)
        return picture
