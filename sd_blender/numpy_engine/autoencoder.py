# SPDX-License-Identifier: GPL-3.0-or-later
"""The autoencoder (Kingma & Welling 2013; Rombach et al. 2022): pictures to a smaller place to work in, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .attention import PictureAttention
from .convolution import Convolution, UpsamplingConvolution
from .layers import Linear, Setting, pointwise
from .normalisation import GroupNorm
from .residual import ResidualBlock
from .weights import Array, Weights

_EPS = 1e-6


class Middle:
    """Two residual blocks, in most autoencoders with attention between them."""

    def __init__(self, weights: Weights, groups: int) -> None:
        self._blocks = [ResidualBlock(part, groups, _EPS) for part in weights.each("resnets")]
        self._attentions = [PictureAttention(part, groups) for part in weights.each("attentions")]

    def __call__(self, x: Array, setting: Setting) -> Array:
        x = self._blocks[0](x, setting)
        for attention in self._attentions:
            x = attention(x, setting)
        return self._blocks[1](x, setting)


class Encoder:
    """Levels of residual blocks, each of half the size of the one before; then mean and variance of the latents."""

    def __init__(self, weights: Weights, groups: int) -> None:
        self._conv_in = Convolution(weights.under("conv_in"))
        self._levels = [
            (
                [ResidualBlock(each, groups, _EPS) for each in part.each("resnets")],
                [Convolution(each.under("conv"), 2, before=0) for each in part.each("downsamplers")],
            )
            for part in weights.each("down_blocks")
        ]
        self._middle = Middle(weights.under("mid_block"), groups)
        self._norm_out = GroupNorm(weights.under("conv_norm_out"), groups, _EPS)
        self._conv_out = Convolution(weights.under("conv_out"))

    def __call__(self, x: Array, setting: Setting) -> Array:
        """(2 C, h, w) from (3, f h, f w)."""
        x = self._conv_in(x, setting)
        for blocks, downsamplers in self._levels:
            for block in blocks:
                x = block(x, setting)
            for downsample in downsamplers:
                x = downsample(x, setting)
        x = self._middle(x, setting)
        return self._conv_out(x, setting, self._norm_out.of(x, setting).then_silu(setting.cores))


class Decoder:
    """The same backwards."""

    def __init__(self, weights: Weights, groups: int) -> None:
        self._conv_in = Convolution(weights.under("conv_in"))
        self._middle = Middle(weights.under("mid_block"), groups)
        self._levels = [
            (
                [ResidualBlock(each, groups, _EPS) for each in part.each("resnets")],
                [UpsamplingConvolution(each.under("conv")) for each in part.each("upsamplers")],
            )
            for part in weights.each("up_blocks")
        ]
        self._norm_out = GroupNorm(weights.under("conv_norm_out"), groups, _EPS)
        self._conv_out = Convolution(weights.under("conv_out"))

    def __call__(self, x: Array, setting: Setting) -> Array:
        """(3, f h, f w) from (C, h, w)."""
        x = self._middle(self._conv_in(x, setting), setting)
        for blocks, upsamplers in self._levels:
            for block in blocks:
                x = block(x, setting)
            for upsample in upsamplers:
                x = upsample(x, setting, 2 * x.shape[1], 2 * x.shape[2])
        return self._conv_out(x, setting, self._norm_out.of(x, setting).then_silu(setting.cores))


class Autoencoder:
    """weights: of diffusers' AutoencoderKL. config: its configuration.

    channels: of the latents. side: pixels along one latent.
    """

    def __init__(self, weights: Weights, config: Mapping[str, Any]) -> None:
        groups = config.get("norm_num_groups", 32)
        self.channels = int(config["latent_channels"])
        self.side = 2 ** (len(config["block_out_channels"]) - 1)
        self._scale = np.float32(config.get("scaling_factor", 0.18215))
        self._encoder = Encoder(weights.under("encoder"), groups)
        self._decoder = Decoder(weights.under("decoder"), groups)
        self._quant, self._post_quant = (
            Linear(weights.under(name)) if name in weights else None
            for name in ("quant_conv", "post_quant_conv")
        )

    def encode(self, picture: Array, setting: Setting) -> tuple[Array, Array]:
        """Mean and deviation of the latents, (C, h, w) each, of variance about 1 altogether.

        picture: (3, H, W), -1 .. 1.
        """
        moments = self._encoder(picture, setting)
        if self._quant is not None:
            moments = pointwise(self._quant, moments, setting)
        mean, log_variance = np.split(moments, 2)
        # As far apart as diffusers lets them be.
        return self._scale * mean, self._scale * np.exp(log_variance.clip(-30, 20) / 2)

    def decode(self, latents: Array, setting: Setting) -> Array:
        """A picture (3, H, W), about -1 .. 1, from latents (C, h, w) as the loop leaves them."""
        latents = latents / self._scale
        if self._post_quant is not None:
            latents = pointwise(self._post_quant, latents, setting)
        return self._decoder(latents, setting)
