# SPDX-License-Identifier: GPL-3.0-or-later
"""What a U-Net is told of a text. Each family of models has a reader; what is common to them is here.

Whoever calls the U-Net hands on what it is given here, and need not know which family it is for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from ..core.geometry import Size
from .prompt_encoding import TextEncoder, TextStates, count_tokens, encode, encode_plainly

_REMEMBERED = 32
"""Texts; one of Stable Diffusion XL takes 0.6 MB for each chunk."""


@dataclass(frozen=True)
class Framing:
    """How a picture was cut out. original: its size in pixels before anything was done to it. top, left: of the part
    that is seen, once it was scaled. target: the size of that part.
    """

    original: Size
    top: int
    left: int
    target: Size

    @property
    def numbers(self) -> tuple[int, ...]:
        """In the order in which Stable Diffusion XL takes them."""
        original, target = self.original, self.target
        return (original.height, original.width, self.top, self.left, target.height, target.width)


@dataclass(frozen=True)
class ReadText:
    """What a U-Net is told of n texts. hidden: the states of a text encoder, (n, tokens, width)."""

    hidden: Tensor

    def unet_arguments(self, framings: Sequence[Framing]) -> dict[str, Any]:
        """By the names of the U-Net. framings: of the n pictures."""
        return {"encoder_hidden_states": self.hidden}

    def each(self, change: Callable[[Tensor], Tensor]) -> ReadText:
        """The same with every tensor changed."""
        return type(self)(**{f.name: change(getattr(self, f.name)) for f in fields(self)})


def joined(texts: Sequence[ReadText]) -> ReadText:
    """Several as one; they have as many tokens."""
    names = [field.name for field in fields(texts[0])]
    return type(texts[0])(**{name: torch.cat([getattr(text, name) for text in texts]) for name in names})


class TextReader:
    """Reads for U-Nets that take the states of one text encoder.

    encoders: with their tokenizers. zeros_for_empty: what an empty text is worth as the one that is guided away from:
    zeros, or what the encoders make of it.
    """

    layer, is_normed = 1, True
    """What the U-Net was trained to be told; see :class:`~.prompt_encoding.TextEncoder`."""

    def __init__(self, encoders: Sequence[TextEncoder], zeros_for_empty: bool = False) -> None:
        self.encoders = tuple(encoders)
        self.zeros_for_empty = zeros_for_empty
        self._read: dict[tuple[object, ...], ReadText] = {}

    def at_layer(self, clip_skip: int) -> TextReader:
        """The same with other layers read, as ``Sampling.clip_skip`` counts them; 0 is itself.

        Of what is guided away from too, as AUTOMATIC1111 and ComfyUI do; diffusers reads the usual layer there.
        """
        if not clip_skip:
            return self
        reader = type(self)([replace(e, layer=clip_skip) for e in self.encoders], self.zeros_for_empty)
        reader._read = self._read
        return reader

    def read(self, prompt: str, chunks: int, negative: bool = False) -> ReadText:
        """One prompt with its weights, in so many chunks. negative: it is what is guided away from.

        What was read lately is remembered, from one job to the next.
        """
        key = (prompt, chunks, negative, *(encoder.layer for encoder in self.encoders))
        read = self._read.pop(key, None) or self._read_anew(prompt, chunks, negative)
        self._read[key] = read  # the latest last
        while len(self._read) > _REMEMBERED:
            del self._read[next(iter(self._read))]
        return read

    def chunks_of(self, prompt: str) -> int:
        """How many chunks it fills for the encoder that takes the most."""
        return max(count_tokens(encoder.tokenizer, prompt).chunks for encoder in self.encoders)

    def joined(self, texts: Sequence[ReadText]) -> ReadText:
        return joined(texts)

    def forget(self) -> None:
        """Read anew from now on: the encoders have changed."""
        self._read.clear()

    def _read_anew(self, prompt: str, chunks: int, negative: bool) -> ReadText:
        read = self._combine([encode(encoder, prompt, chunks) for encoder in self.encoders])
        return read.each(torch.zeros_like) if negative and self._is_nothing(prompt) else read

    def read_captions(self, captions: Sequence[str]) -> ReadText:
        """As they stand, each cut to one chunk; an empty one is what guidance subtracts. With gradients."""
        read = self._combine([encode_plainly(encoder, captions) for encoder in self.encoders])
        if not any(map(self._is_nothing, captions)):
            return read
        kept = torch.tensor([not self._is_nothing(text) for text in captions], device=read.hidden.device)
        return read.each(lambda values: values * kept.view(-1, *[1] * (values.ndim - 1)))

    def _is_nothing(self, text: str) -> bool:
        return self.zeros_for_empty and not text.strip()

    def _combine(self, read: Sequence[TextStates]) -> ReadText:
        return ReadText(read[0].states)
