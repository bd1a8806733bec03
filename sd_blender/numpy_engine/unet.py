# SPDX-License-Identifier: GPL-3.0-or-later
"""The U-Net: noisy latents, how noisy they are and words in, what it finds in them out.

Ronneberger et al. 2015 (arXiv:1505.04597), Ho et al. 2020 (arXiv:2006.11239), Rombach et al. 2022 (arXiv:2112.10752).
Down a few levels, each of half the size and more channels; up again, where every block also sees what the block of the
same size had made on the way down. Between them, transformers in which places look at each other and at the words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .attention import SpatialTransformer, attend
from .convolution import Convolution, UpsamplingConvolution
from .layers import Linear, Setting, silu
from .normalisation import GroupNorm, LayerNorm
from .residual import ResidualBlock
from .weights import Array, Weights

_BLOCKS = {"DownBlock2D", "CrossAttnDownBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"}
_ONLY = {
    "act_fn": "silu",
    "center_input_sample": False,
    "class_embed_type": None,
    "dual_cross_attention": False,
    "encoder_hid_dim": None,
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "only_cross_attention": False,
    "resnet_out_scale_factor": 1.0,
    "resnet_skip_time_act": False,
    "time_cond_proj_dim": None,
    "time_embedding_type": "positional",
}
"""What is written out here, of all that a configuration of diffusers can ask for."""


def sinusoids(time: float, count: int, cosines_first: bool, shift: float) -> Array:
    """Cosines and sines of a time in ``count`` / 2 frequencies, from 1 down to about 1 / 10000: (count, 1)."""
    half = count // 2
    frequencies = np.exp(-math.log(10000) * np.arange(half, dtype=np.float32) / (half - np.float32(shift)))
    angles = np.float32(time) * frequencies
    parts = [np.cos(angles), np.sin(angles)]
    told: Array = np.concatenate(parts if cosines_first else parts[::-1]).astype(np.float32)
    return told[:, None]


class TimeEmbedding:
    """A small network over the sinusoids of the time."""

    def __init__(self, weights: Weights, config: Mapping[str, Any]) -> None:
        self._first, self._second = Linear(weights.under("linear_1")), Linear(weights.under("linear_2"))
        self._cosines_first = bool(config.get("flip_sin_to_cos", True))
        self._shift = float(config.get("freq_shift", 0))

    def __call__(self, time: float) -> Array:
        """(d, 1)."""
        told = sinusoids(time, self._first.weight.shape[1], self._cosines_first, self._shift)
        return self._second(silu(self._first(told)))


class PooledText:
    """The words as one vector, added to the time: their mean asks, by attention, what all of them say."""

    def __init__(self, weights: Weights, heads: int) -> None:
        self._before, self._after = LayerNorm(weights.under("norm1")), LayerNorm(weights.under("norm2"))
        self._position = weights["pool.positional_embedding"].T
        self._q, self._k, self._v = (
            Linear(weights.under(f"pool.{name}")) for name in ("q_proj", "k_proj", "v_proj")
        )
        self._project = Linear(weights.under("proj"))
        self._heads = heads

    def __call__(self, words: Array) -> Array:
        """(d, 1) from (width, tokens)."""
        words = self._before(words)
        asks = words.mean(axis=1, keepdims=True) + self._position
        heard = np.concatenate([asks, words], axis=1)
        pooled = attend(self._q(asks), self._k(heard), self._v(heard), self._heads)
        return self._after(self._project(pooled))


class UNet:
    """weights: of diffusers' UNet2DConditionModel. config: its configuration.

    Raises ValueError for a kind of U-Net that is not written out here.
    """

    def __init__(self, weights: Weights, config: Mapping[str, Any]) -> None:
        _refuse_others(config)
        widths = config["block_out_channels"]
        groups, eps = config.get("norm_num_groups", 32), config.get("norm_eps", 1e-5)
        # Of the name and of what it means diffusers says that it is a mistake which is too old to be mended.
        heads = config.get("num_attention_heads") or config.get("attention_head_dim", 8)
        heads = heads if isinstance(heads, list | tuple) else [heads] * len(widths)
        scale_shift = config.get("resnet_time_scale_shift", "default") == "scale_shift"

        def blocks(part: Weights) -> list[ResidualBlock]:
            return [ResidualBlock(each, groups, eps, scale_shift) for each in part.each("resnets")]

        def transformers(part: Weights, count: int) -> list[SpatialTransformer]:
            return [SpatialTransformer(each, count, groups) for each in part.each("attentions")]

        self.channels = int(config["in_channels"])
        self._time = TimeEmbedding(weights.under("time_embedding"), config)
        self._pooled = (
            PooledText(weights.under("add_embedding"), config.get("addition_embed_type_num_heads", 64))
            if config.get("addition_embed_type") == "text"
            else None
        )
        self._conv_in = Convolution(weights.under("conv_in"))
        self._down = [
            (blocks(part), transformers(part, count), _downsamplers(part))
            for part, count in zip(weights.each("down_blocks"), heads, strict=True)
        ]
        middle = weights.under("mid_block")
        self._middle = blocks(middle), transformers(middle, heads[-1])
        self._up = [
            (
                blocks(part),
                transformers(part, count),
                [UpsamplingConvolution(each.under("conv")) for each in part.each("upsamplers")],
            )
            for part, count in zip(weights.each("up_blocks"), heads[::-1], strict=True)
        ]
        self._norm_out = GroupNorm(weights.under("conv_norm_out"), groups, eps)
        self._conv_out = Convolution(weights.under("conv_out"))

    def __call__(self, x: Array, time: float, words: Array, setting: Setting) -> Array:
        """What it says of one picture, (C, h, w).

        Args:
            x: its noisy latents (C, h, w).
            time: the time step, 0 .. T - 1, may lie between two.
            words: states of the text encoder, (tokens, width).
            setting: see :class:`~.layers.Setting`.
        """
        words = np.ascontiguousarray(words.T)
        told = self._time(time)
        if self._pooled is not None:
            told = told + self._pooled(words)
        told = silu(told)
        x = self._conv_in(x, setting)
        seen = [x]
        for blocks, transformers, downsamplers in self._down:
            for index, block in enumerate(blocks):
                x = block(x, setting, told)
                if transformers:
                    x = transformers[index](x, words, setting)
                seen.append(x)
            for downsample in downsamplers:
                x = downsample(x, setting)
                seen.append(x)
        first, second = self._middle[0]
        x = second(self._middle[1][0](first(x, setting, told), words, setting), setting, told)
        for blocks, transformers, upsamplers in self._up:
            for index, block in enumerate(blocks):
                x = block(np.concatenate([x, seen.pop()]), setting, told)
                if transformers:
                    x = transformers[index](x, words, setting)
            for upsample in upsamplers:
                x = upsample(x, setting, *seen[-1].shape[1:])
        return self._conv_out(x, setting, self._norm_out.of(x, setting).then_silu(setting.cores))


def _downsamplers(part: Weights) -> list[Convolution]:
    return [Convolution(each.under("conv"), stride=2) for each in part.each("downsamplers")]


def _refuse_others(config: Mapping[str, Any]) -> None:
    kinds = {*config["down_block_types"], *config["up_block_types"]}
    other = [*sorted(kinds - _BLOCKS)]
    other += [name for name, value in _ONLY.items() if config.get(name, value) != value]
    if config.get("addition_embed_type") not in (None, "text"):
        other.append("addition_embed_type")
    if other:
        raise ValueError(f"a U-Net with another {', '.join(other)} is not written out in NumPy")
