# SPDX-License-Identifier: GPL-3.0-or-later
"""CLIP score (Radford et al. 2021, arXiv:2103.00020; Hessel et al. 2021, arXiv:2104.08718): how well a picture fits a
prompt, or looks like another one. Two towers give vectors of one space; the score is their cosine, -1 .. 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.attention import parse_attention
from ..core.clip_tokens import ClipTokenizer
from ..core.request import ImageArray
from ..core.resampling import BICUBIC, Taps
from .blas import product
from .layers import Linear
from .normalisation import LayerNorm
from .text_encoder import ClipLayer, TextEncoder
from .weights import Array, Weights


class PictureTower:
    """A transformer over the patches of a picture, which are its tokens, and one more token that speaks for all."""

    def __init__(self, weights: Weights, config: Mapping[str, Any]) -> None:
        self.size = int(config["image_size"])
        self._side = int(config["patch_size"])
        kernel = weights["embeddings.patch_embedding.weight"]
        self._patch = kernel.reshape(len(kernel), -1)
        self._whole = weights["embeddings.class_embedding"][:, None]
        self._positions = weights["embeddings.position_embedding.weight"].T
        eps = config.get("layer_norm_eps", 1e-5)
        # The spelling is that of the files.
        self._before = LayerNorm(weights.under("pre_layrnorm"), eps)
        self._layers = [ClipLayer(part, config) for part in weights.each("encoder.layers")]
        self._after = LayerNorm(weights.under("post_layernorm"), eps)

    def __call__(self, picture: Array) -> Array:
        """(width, 1) from (3, size, size)."""
        count, side = self.size // self._side, self._side
        patches = picture.reshape(3, count, side, count, side).transpose(0, 2, 4, 1, 3)
        seen = product(self._patch, np.ascontiguousarray(patches).reshape(-1, count * count))
        x = self._before(np.concatenate([self._whole, seen], axis=1) + self._positions)
        for layer in self._layers:
            x = layer(x)
        return self._after(x[:, :1])


class ClipScorer:
    """Implements :class:`~..core.ranking.Scorer`.

    weights: of transformers' CLIPModel, which may lack the text tower. config, preprocessing: its configurations. text:
    the text tower, and the tokenizer with which it reads.
    """

    def __init__(
        self,
        weights: Weights,
        config: Mapping[str, Any],
        preprocessing: Mapping[str, Any],
        text: TextEncoder,
        tokenizer: ClipTokenizer,
    ) -> None:
        self._pictures = PictureTower(weights.under("vision_model"), config["vision_config"])
        self._project_picture = Linear(weights.under("visual_projection"))
        self._project_text = Linear(weights.under("text_projection"))
        self._mean, self._std = (
            np.array(preprocessing[name], np.float32)[:, None, None] for name in ("image_mean", "image_std")
        )
        self._text = text
        self._tokenizer = tokenizer

    def scores(
        self, pictures: Sequence[ImageArray], prompt: str | None = None, reference: ImageArray | None = None
    ) -> Array:
        """N cosines: with the prompt, with the reference, or the mean of the two."""
        wanted = [self.text_vector(prompt)] if prompt and prompt.strip() else []
        wanted += [self.picture_vector(reference)] if reference is not None else []
        vectors = np.stack([self.picture_vector(picture) for picture in pictures])
        found: Array = (vectors @ np.stack(wanted).T).mean(axis=1)
        return found

    def text_vector(self, prompt: str) -> Array:
        """(d,), of length 1. Weights such as (word:1.2) are left out; of a long prompt only the beginning is seen."""
        plain = "".join(text for text, _ in parse_attention(prompt))
        ids = self._tokenizer.whole([id for id, _, _ in self._tokenizer(plain)])
        states = self._text(ids)
        return _unit(self._project_text(states[ids.index(self._tokenizer.end)][:, None]))

    def picture_vector(self, pixels: ImageArray) -> Array:
        """(d,), of length 1, of a picture of any size, height x width x 3 or 4. Transparency is left out."""
        picture = pixels[..., :3].astype(np.float32).transpose(2, 0, 1) / 255
        fitted = (_fitted(picture, self._pictures.size) - self._mean) / self._std
        return _unit(self._project_picture(self._pictures(fitted.astype(np.float32))))


def _fitted(picture: Array, size: int) -> Array:
    """The shorter side resized to ``size``, the middle kept: (3, size, size)."""
    height, width = picture.shape[1:]
    scale = size / min(height, width)
    target = max(size, int(height * scale)), max(size, int(width * scale))
    if target != (height, width):
        down = Taps.of(height, target[0], BICUBIC).matrix(height).astype(np.float32)
        across = Taps.of(width, target[1], BICUBIC).matrix(width).astype(np.float32)
        picture = np.stack([product(product(down, row), across.T) for row in picture]).clip(0, 1)
    top, left = (target[0] - size) // 2, (target[1] - size) // 2
    return picture[:, top : top + size, left : left + size]


def _unit(vector: Array) -> Array:
    flat: Array = vector[:, 0] / np.linalg.norm(vector)
    return flat
