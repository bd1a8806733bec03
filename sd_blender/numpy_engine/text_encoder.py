# SPDX-License-Identifier: GPL-3.0-or-later
"""CLIP's text encoder (Radford et al. 2021, arXiv:2103.00020): a transformer in which no token sees those after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .attention import attend
from .layers import Linear, gelu, quick_gelu
from .normalisation import LayerNorm
from .weights import Array, Weights

ACTIVATIONS = {"quick_gelu": quick_gelu, "gelu": gelu}


class ClipLayer:
    """x + attention(x), then + W gelu(V x), each of the normalised x; text and picture tower are made of these."""

    def __init__(self, weights: Weights, config: Mapping[str, Any]) -> None:
        eps = config.get("layer_norm_eps", 1e-5)
        self._norms = [LayerNorm(weights.under(f"layer_norm{number}"), eps) for number in (1, 2)]
        attention = weights.under("self_attn")
        self._q, self._k, self._v, self._out = (
            Linear(attention.under(name)) for name in ("q_proj", "k_proj", "v_proj", "out_proj")
        )
        self._wide, self._narrow = Linear(weights.under("mlp.fc1")), Linear(weights.under("mlp.fc2"))
        self._activation = ACTIVATIONS[config.get("hidden_act", "quick_gelu")]
        self._heads = int(config["num_attention_heads"])

    def __call__(self, x: Array, mask: Array | None = None) -> Array:
        """(width, tokens) from (width, tokens)."""
        normal = self._norms[0](x)
        x = x + self._out(attend(self._q(normal), self._k(normal), self._v(normal), self._heads, mask))
        return x + self._narrow(self._activation(self._wide(self._norms[1](x))))


class TextEncoder:
    """From tokens to what a U-Net is told.

    weights: of transformers' CLIPTextModel. config: its configuration.
    """

    def __init__(self, weights: Weights, config: Mapping[str, Any]) -> None:
        weights = weights.under("text_model") if "text_model" in weights else weights
        self._tokens = weights["embeddings.token_embedding.weight"]
        self._positions = weights["embeddings.position_embedding.weight"]
        self._layers = [ClipLayer(part, config) for part in weights.each("encoder.layers")]
        self._norm = LayerNorm(weights.under("final_layer_norm"), config.get("layer_norm_eps", 1e-5))

    @property
    def limit(self) -> int:
        """Tokens that are read at once, the marks of start and end among them."""
        return len(self._positions)

    def __call__(self, ids: Sequence[int]) -> Array:
        """The states (tokens, width) of the last layer."""
        count = len(ids)
        x = (self._tokens[list(ids)] + self._positions[:count]).T
        # Column j is the token that looks, row i the one that is looked at.
        later = np.tri(count, k=-1, dtype=bool)
        mask = np.where(later, np.float32(-np.inf), np.float32(0))
        for layer in self._layers:
            x = layer(x, mask)
        return np.ascontiguousarray(self._norm(x).T)
