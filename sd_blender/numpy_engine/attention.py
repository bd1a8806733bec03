# SPDX-License-Identifier: GPL-3.0-or-later
"""Attention (Vaswani et al. 2017, arXiv:1706.03762), and the transformer block of Stable Diffusion.

Every token asks (q = W_q x), every token has something to be asked for (k = W_k y) and something to say (v = W_v y):

    out = v softmax(k^T q / sqrt(d)),    column by column, for each head of d rows

In self-attention y is x; in cross-attention y are the words of the prompt.
"""

from __future__ import annotations

import numpy as np

from .blas import product
from .layers import Linear, Setting, gelu
from .normalisation import Affine, GroupNorm, LayerNorm
from .weights import Array, Weights

_SCORES = 2**17
"""Numbers that a core keeps of scores at once; of all places of a large picture with each other there are billions."""


def attend(q: Array, k: Array, v: Array, heads: int, mask: Array | None = None) -> Array:
    """(width, n) from q (width, n) and k, v (width, m).

    mask: (m, n), added to the scores; minus infinity where a token may not look.
    """
    out = np.empty_like(q)
    d = len(q) // heads
    for head in range(heads):
        own = slice(head * d, (head + 1) * d)
        out[own] = _one_head(q[own], np.ascontiguousarray(k[own].T), with_ones(v[own]), mask)
    return out


def with_ones(v: Array) -> Array:
    """One row more, which adds up the weights that softmax divides by, in the same product."""
    return np.concatenate([v, np.ones((1, v.shape[1]), np.float32)])


def _one_head(q: Array, k_transposed: Array, v: Array, mask: Array | None = None) -> Array:
    scores = product(k_transposed, q * np.float32(len(q) ** -0.5))
    if mask is not None:
        scores += mask
    scores -= scores.max(axis=0)
    np.exp(scores, out=scores)
    said = product(v, scores)
    said[:-1] /= said[-1]
    return said[:-1]


class SelfAttention:
    """Every place of a picture looks at every other one. All heads and all places at once would need memory for
    (places x places) numbers; each core takes one head and some of those that ask.
    """

    def __init__(self, weights: Weights, heads: int) -> None:
        self._q, self._k, self._v = (Linear(weights.under(name)) for name in ("to_q", "to_k", "to_v"))
        self._out = Linear(weights.under("to_out.0"))
        self._heads = heads

    def ask(self, x: Array, q: Array, k: Array, v: Array) -> None:
        """q, k and v of some columns ``x``, into what is given."""
        self._q(x, q), self._k(x, k), self._v(x, v)

    def answer(self, q: Array, k: Array, v: Array, setting: Setting) -> Array:
        """(width, n): what all places hear, before :meth:`out`."""
        heads, count = self._heads, q.shape[1]
        d = len(q) // heads
        keys = [np.ascontiguousarray(k[h * d : (h + 1) * d].T) for h in range(heads)]
        values = [with_ones(v[h * d : (h + 1) * d]) for h in range(heads)]
        heard = np.empty_like(q)

        def look(task: tuple[int, slice]) -> None:
            head, places = task
            own = slice(head * d, (head + 1) * d)
            heard[own, places] = _one_head(q[own, places], keys[head], values[head])

        pieces = setting.cores.slices(count, 64, max(64, _SCORES // count))
        setting.cores.each(look, [(head, places) for head in range(heads) for places in pieces])
        return heard

    def out(self, heard: Array) -> Array:
        return self._out(heard)


class CrossAttention:
    """Every place of a picture looks at the words."""

    def __init__(self, weights: Weights, heads: int) -> None:
        self._q, self._k, self._v = (Linear(weights.under(name)) for name in ("to_q", "to_k", "to_v"))
        self._out = Linear(weights.under("to_out.0"))
        self._heads = heads

    def read(self, words: Array) -> tuple[Array, Array]:
        """k and v of the words (width of the text encoder, tokens)."""
        return self._k(words), self._v(words)

    def __call__(self, x: Array, read: tuple[Array, Array]) -> Array:
        return self._out(attend(self._q(x), *read, self._heads))


class FeedForward:
    """Two linear layers with a gate between them: W (a gelu(b)), (a, b) = V x (Shazeer 2020, arXiv:2002.05202)."""

    def __init__(self, weights: Weights) -> None:
        self._in, self._out = Linear(weights.under("net.0.proj")), Linear(weights.under("net.2"))

    def __call__(self, x: Array) -> Array:
        wide, gate = np.split(self._in(x), 2)
        gated = gelu(gate)
        gated *= wide
        return self._out(gated)


class TransformerBlock:
    """x + self-attention(x), then + cross-attention(x, words), then + feed-forward(x), each of the normalised x.

    All but self-attention is done for each place by itself, so that a core takes some places through all of it.
    """

    def __init__(self, weights: Weights, heads: int) -> None:
        self._norms = [LayerNorm(weights.under(f"norm{number}")) for number in (1, 2, 3)]
        self._self = SelfAttention(weights.under("attn1"), heads)
        self._cross = CrossAttention(weights.under("attn2"), heads)
        self._feed_forward = FeedForward(weights.under("ff"))

    def __call__(self, x: Array, words: Array, setting: Setting) -> None:
        """x: (width, places), where it stands."""
        pieces = setting.cores.slices(x.shape[1], 64, 512)
        q, k, v = (np.empty_like(x) for _ in range(3))

        def ask(places: slice) -> None:
            self._self.ask(self._norms[0](x[:, places]), q[:, places], k[:, places], v[:, places])

        setting.cores.each(ask, pieces)
        heard = self._self.answer(q, k, v, setting)
        read = self._cross.read(words)

        def finish(places: slice) -> None:
            own = x[:, places]
            own += self._self.out(heard[:, places])
            own += self._cross(self._norms[1](own), read)
            own += self._feed_forward(self._norms[2](own))

        setting.cores.each(finish, pieces)


class SpatialTransformer:
    """Transformer blocks between two linear layers, added to the picture (Rombach et al. 2022, section 3.3)."""

    def __init__(self, weights: Weights, heads: int, groups: int) -> None:
        self._norm = GroupNorm(weights.under("norm"), groups, eps=1e-6)
        self._in, self._out = Linear(weights.under("proj_in")), Linear(weights.under("proj_out"))
        self._blocks = [TransformerBlock(part, heads) for part in weights.each("transformer_blocks")]

    def __call__(self, x: Array, words: Array, setting: Setting) -> Array:
        """(C, h, w) from x (C, h, w) and words (width, tokens)."""
        norm = self._norm.of(x, setting)
        places = self._enter(x, norm, setting)
        for block in self._blocks:
            block(places, words, setting)
        out = np.empty_like(x)
        flat, made = x.reshape(len(x), -1), out.reshape(len(x), -1)

        def leave(some: slice) -> None:
            self._out(places[:, some], made[:, some])
            made[:, some] += flat[:, some]

        setting.cores.each(leave, setting.cores.slices(flat.shape[1], 64, 2048))
        return out

    def _enter(self, x: Array, norm: Affine, setting: Setting) -> Array:
        flat = x.reshape(len(x), -1)
        places = np.empty((len(self._in.weight), flat.shape[1]), np.float32)

        def enter(some: slice) -> None:
            normal = flat[:, some].copy()
            norm(normal[:, None])
            self._in(normal, places[:, some])

        setting.cores.each(enter, setting.cores.slices(flat.shape[1], 64, 2048))
        return places


class PictureAttention:
    """Self-attention of one head over all places, added to the picture: the middle of most autoencoders."""

    def __init__(self, weights: Weights, groups: int, heads: int = 1) -> None:
        self._norm = GroupNorm(weights.under("group_norm"), groups, eps=1e-6)
        self._attention = SelfAttention(weights, heads)

    def __call__(self, x: Array, setting: Setting) -> Array:
        normal = x.copy()
        self._norm.of(x, setting)(normal)
        flat = normal.reshape(len(x), -1)
        q, k, v = (np.empty_like(flat) for _ in range(3))
        self._attention.ask(flat, q, k, v)
        said = self._attention.out(self._attention.answer(q, k, v, setting))
        return x + said.reshape(x.shape)
