# SPDX-License-Identifier: GPL-3.0-or-later
"""From words to what the U-Net is told: prompts of any length, in chunks, with attention.

A weight w moves a token's state along the line from what the empty prompt has in its place: empty + w (token - empty).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.clip_tokens import MAX_CHUNKS, ClipTokenizer, TokenCount
from ..core.prompt_chunks import chunked, count_tokens
from .text_encoder import TextEncoder
from .weights import Array

_REMEMBERED = 32
"""Texts."""


class TextReader:
    """Implements :class:`~..core.diffusion.prompt_guidance.Reader`."""

    def __init__(self, tokenizer: ClipTokenizer, encoder: TextEncoder) -> None:
        self.tokenizer = tokenizer
        self._encoder = encoder
        self._read: dict[tuple[str, int], Array] = {}

    def count(self, prompt: str) -> TokenCount:
        return count_tokens(self.tokenizer, prompt, self.tokenizer.limit - 2)

    def chunks_of(self, prompt: str) -> int:
        return self.count(prompt).chunks

    def joined(self, texts: Sequence[Array]) -> Array:
        """Pictures are made one at a time here."""
        (text,) = texts
        return text

    def read(self, prompt: str, chunks: int, negative: bool) -> Array:
        """States (chunks x tokens of a chunk, width). What was read lately is remembered."""
        key = (prompt, chunks)
        read = self._read.pop(key, None)
        self._read[key] = read = self._read_anew(prompt, chunks) if read is None else read
        while len(self._read) > _REMEMBERED:
            del self._read[next(iter(self._read))]
        return read

    def _read_anew(self, prompt: str, chunks: int) -> Array:
        kept = chunked(self.tokenizer, prompt, self.tokenizer.limit - 2)[:MAX_CHUNKS]
        states = [self._states([token.id for token in chunk]) for chunk in kept]
        weighted = any(token.weight != 1 for chunk in kept for token in chunk)
        if weighted or len(kept) < chunks:
            empty = self._states([])
            for read, chunk in zip(states, kept, strict=True):
                for place, token in enumerate(chunk, 1):
                    if token.weight != 1:
                        read[place] = empty[place] + np.float32(token.weight) * (read[place] - empty[place])
            states += [empty] * (chunks - len(kept))
        return np.concatenate(states)

    def _states(self, ids: Sequence[int]) -> Array:
        return self._encoder(self.tokenizer.whole(ids))
