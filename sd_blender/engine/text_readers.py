# SPDX-License-Identifier: GPL-3.0-or-later
"""What the U-Net is told of a text, one reader for each family of models.

Stable Diffusion 1.x and 2.x read the states of one text encoder. Stable Diffusion XL (Podell et al. 2023,
arXiv:2307.01952) reads those of two, side by side and from the last layer but one, and is told two things more: the
text as a whole, as the second encoder sums it up, and the sizes with which a picture came to be (section 2.2).

Whoever calls the U-Net or a pipeline hands on what it is given here, and need not know which family it is for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from ..core.geometry import Size
from ..core.wildcards import Prompts
from .families import STABLE_DIFFUSION, STABLE_DIFFUSION_XL, Family, tokenizer_of
from .prompt_encoding import TextEncoder, TextStates, count_tokens, encode, encode_plainly


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
    """What U-Nets of Stable Diffusion 1.x and 2.x are told of n texts. hidden: (n, tokens, width)."""

    hidden: Tensor

    def pipeline_arguments(self, prefix: str = "") -> dict[str, Tensor]:
        """By the names of diffusers' pipelines. prefix: "negative_" for what is guided away from."""
        return {f"{prefix}prompt_embeds": self.hidden}

    def unet_arguments(self, framings: Sequence[Framing]) -> dict[str, Any]:
        """By the names of the U-Net. framings: of the n pictures."""
        return {"encoder_hidden_states": self.hidden}

    def each(self, change: Callable[[Tensor], Tensor]) -> ReadText:
        """The same with every tensor changed."""
        return type(self)(**{f.name: change(getattr(self, f.name)) for f in fields(self)})


@dataclass(frozen=True)
class ReadPooledText(ReadText):
    """What U-Nets of Stable Diffusion XL are told. pooled: each text as a whole, (n, width of the projection)."""

    pooled: Tensor

    def pipeline_arguments(self, prefix: str = "") -> dict[str, Tensor]:
        return {**super().pipeline_arguments(prefix), f"{prefix}pooled_prompt_embeds": self.pooled}

    def unet_arguments(self, framings: Sequence[Framing]) -> dict[str, Any]:
        sizes = torch.tensor([framing.numbers for framing in framings], dtype=torch.float32)
        added = {"text_embeds": self.pooled, "time_ids": sizes.to(self.pooled.device)}
        return {**super().unet_arguments(framings), "added_cond_kwargs": added}


def joined(texts: Sequence[ReadText]) -> ReadText:
    """Several as one; they have as many tokens."""
    names = [field.name for field in fields(texts[0])]
    return type(texts[0])(**{name: torch.cat([getattr(text, name) for text in texts]) for name in names})


class TextReader:
    """Reads for Stable Diffusion 1.x and 2.x.

    encoders: with their tokenizers. zeros_for_empty: what an empty text is worth as the one that is guided away from:
    zeros, or what the encoders make of it.
    """

    penultimate = False

    def __init__(self, encoders: Sequence[TextEncoder], zeros_for_empty: bool = False) -> None:
        self.encoders = tuple(encoders)
        self.zeros_for_empty = zeros_for_empty

    def read(self, prompt: str, chunks: int, negative: bool = False) -> ReadText:
        """One prompt with its weights, in so many chunks. negative: it is what is guided away from."""
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


class PooledTextReader(TextReader):
    """Reads for Stable Diffusion XL. Of a prompt of several chunks the first speaks for the whole, without weights."""

    penultimate = True

    def _combine(self, read: Sequence[TextStates]) -> ReadText:
        projection = self.encoders[-1].network.text_projection
        pooled = projection(read[-1].ends.to(projection.weight.dtype)).float()
        return ReadPooledText(torch.cat([text.states for text in read], dim=-1), pooled)


READERS: dict[Family, type[TextReader]] = {
    STABLE_DIFFUSION: TextReader,
    STABLE_DIFFUSION_XL: PooledTextReader,
}


def make_reader(family: Family, components: dict[str, Any], zeros_for_empty: bool) -> TextReader:
    """components: loaded, by name; all tokenizers get one limit, that of the shortest."""
    kind = READERS[family]
    pairs = [(name, components[tokenizer_of(name)], components[name]) for name in family.text_encoders]
    # A tokenizer that was saved without its limit claims to have none.
    limit = min(min(t.model_max_length, n.config.max_position_embeddings) for _, t, n in pairs)
    for _, tokenizer, _ in pairs:
        tokenizer.model_max_length = limit
    encoders = [TextEncoder(*pair, penultimate=kind.penultimate) for pair in pairs]
    return kind(encoders, zeros_for_empty)


@dataclass(frozen=True)
class Conditioning:
    """What guides the U-Net: a text for each picture, and what it is guided away from, or None.

    guidance_scale: what is left to do of classifier-free guidance; 1 is the first text alone.
    """

    positive: ReadText
    negative: ReadText | None
    guidance_scale: float

    def arguments(self) -> dict[str, Any]:
        """By the names of diffusers' pipelines."""
        negative = self.negative.pipeline_arguments("negative_") if self.negative else {}
        return {**self.positive.pipeline_arguments(), **negative, "guidance_scale": self.guidance_scale}


def condition(reader: TextReader, prompts: Sequence[Prompts], guidance_scale: float) -> Conditioning:
    """For pictures that are made together; all of them need as many :func:`chunks_needed`."""
    chunks = max(chunks_needed(reader, words, guidance_scale) for words in prompts)
    wanted = [_texts(words, guidance_scale) for words in prompts]
    # Each text for itself: several in one batch round otherwise, and no picture may depend on its neighbours.
    read = {
        (text, negative): reader.read(text, chunks, negative)
        for text, negative in {text for texts in wanted for text in texts}
    }
    told = [joined([read[text] for text in column]) for column in zip(*wanted, strict=True)]
    negative = told[1] if len(told) == 2 else None
    return Conditioning(told[0], negative, 1.0 if negative is None else guidance_scale)


def chunks_needed(reader: TextReader, words: Prompts, guidance_scale: float) -> int:
    """The chunks of the longer of the two prompts, if guidance has a use for both."""
    texts = [text for text, _ in _texts(words, guidance_scale)]
    return max(count_tokens(e.tokenizer, text).chunks for e in reader.encoders for text in texts)


def _texts(words: Prompts, guidance_scale: float) -> tuple[tuple[str, bool], ...]:
    """The texts with which the U-Net is run, and whether each is the negative one.

    At w = 0 and 1 the formula is one of its two halves: half the work.
    """
    positive, negative = (words.prompt, False), (words.negative_prompt, True)
    if guidance_scale == 0:
        return (negative,)
    return (positive,) if guidance_scale == 1 else (positive, negative)
