# SPDX-License-Identifier: GPL-3.0-or-later
"""From words to what the U-Net sees: prompts of any length, in chunks, with attention.

A CLIP text encoder reads 77 tokens, two of which mark the ends. A longer prompt is encoded in chunks of 75, each with
its marks, and the chunks are laid end to end, as AUTOMATIC1111's interface does: cross-attention takes a text of any
length. Words stay whole, and the prompt that has fewer chunks is filled up with the empty prompt, since guidance
computes both in one batch. A prompt of one chunk without weights gives to the last bit what diffusers gives.

A weight w moves a token's embedding along the line from what the empty prompt has in its place: empty + w (token -
empty). So ComfyUI does, and compel for weights above 1. AUTOMATIC1111's way, to multiply the embeddings and then to
restore their mean, divides by that mean, which is near zero in some text encoders: there the picture breaks (its pull
request 14874). Ours is a no-op at 1 and the empty prompt at 0 with any encoder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from ..core.attention import parse_attention
from ..core.wildcards import Prompts

MAX_CHUNKS = 8
"""600 tokens, some 450 words. What is beyond is cut, and told."""


class TokenCount(NamedTuple):
    """tokens: of the whole prompt. chunks: in which it is encoded, at least 1. cut: the words beyond, or ""."""

    tokens: int
    chunks: int
    cut: str


class _Token(NamedTuple):
    """run, start: where it stands in the runs of :func:`parse_attention`. word: the same for tokens of one word."""

    id: int
    weight: float
    run: int
    start: int
    word: int


_Chunk = list[_Token]


@dataclass(frozen=True)
class Conditioning:
    """What guides the U-Net: a text for each picture (n, tokens, width), and what it is guided away from, or None.

    guidance_scale: what is left to do of classifier-free guidance; 1 is the first text alone.
    """

    positive: Tensor
    negative: Tensor | None
    guidance_scale: float


def condition(
    tokenizer: CLIPTokenizer, encoder: CLIPTextModel, prompts: Sequence[Prompts], guidance_scale: float
) -> Conditioning:
    """For pictures that are made together; all of them need as many :func:`chunks_needed`."""
    chunks = max(chunks_needed(tokenizer, words, guidance_scale) for words in prompts)
    # Each text for itself: several in one batch round otherwise, and no picture may depend on its neighbours.
    encoded = {
        text: encode(tokenizer, encoder, text, chunks)
        for text in {text for words in prompts for text in _texts(words, guidance_scale)}
    }
    texts = [
        torch.cat([encoded[text] for text in column])
        for column in zip(*(_texts(words, guidance_scale) for words in prompts), strict=True)
    ]
    negative = texts[1] if len(texts) == 2 else None
    return Conditioning(texts[0], negative, 1.0 if negative is None else guidance_scale)


def chunks_needed(tokenizer: CLIPTokenizer, words: Prompts, guidance_scale: float) -> int:
    """The chunks of the longer of the two prompts, if guidance has a use for both."""
    return max(count_tokens(tokenizer, text).chunks for text in _texts(words, guidance_scale))


def _texts(words: Prompts, guidance_scale: float) -> tuple[str, ...]:
    """The texts with which the U-Net is run. At w = 0 and 1 the formula is one of its two halves: half the work."""
    if guidance_scale == 0:
        return (words.negative_prompt,)
    return (words.prompt,) if guidance_scale == 1 else (words.prompt, words.negative_prompt)


def count_tokens(tokenizer: CLIPTokenizer, prompt: str) -> TokenCount:
    """How long a prompt is, as it will be encoded; its wildcards count as they stand."""
    runs = parse_attention(prompt)
    chunks = _chunks(tokenizer, runs)
    kept, lost = chunks[:MAX_CHUNKS], chunks[MAX_CHUNKS:]
    cut = ""
    if lost:
        first = lost[0][0]
        rest = [text for text, _ in runs[first.run + 1 :]]
        cut = "".join([runs[first.run][0][first.start :], *rest]).strip()
    return TokenCount(sum(map(len, chunks)), len(kept), cut)


def encode(tokenizer: CLIPTokenizer, encoder: CLIPTextModel, prompt: str, chunks: int) -> Tensor:
    """One prompt as the U-Net sees it, (1, chunks * limit of the tokenizer, width)."""
    kept = _chunks(tokenizer, parse_attention(prompt))[:MAX_CHUNKS]
    hidden = _run(tokenizer, encoder, ([token.id for token in chunk] for chunk in kept))
    weights = torch.ones(hidden.shape[:2])
    for row, chunk in enumerate(kept):
        weights[row, 1 : len(chunk) + 1] = torch.tensor([token.weight for token in chunk])
    if len(kept) < chunks or bool((weights != 1).any()):
        empty = _run(tokenizer, encoder, [[]])
        weights = weights.to(hidden)[..., None]
        hidden = torch.where(weights == 1, hidden, torch.lerp(empty, hidden, weights))
        hidden = torch.cat([hidden, *[empty] * (chunks - len(kept))])
    return hidden.reshape(1, -1, hidden.shape[-1])


def _chunks(tokenizer: CLIPTokenizer, runs: Sequence[tuple[str, float]]) -> list[_Chunk]:
    """All tokens of a prompt, as many as fit into each chunk; at least one chunk. Words are split only if they must."""
    size = tokenizer.model_max_length - 2
    chunks: list[_Chunk] = [[]]
    for _, tokens in groupby(_tokens(tokenizer, runs), key=lambda token: (token.run, token.word)):
        word = list(tokens)
        if len(chunks[-1]) + len(word) > size >= len(word):
            chunks.append([])
        for token in word:
            if len(chunks[-1]) == size:
                chunks.append([])
            chunks[-1].append(token)
    return chunks


def _tokens(tokenizer: CLIPTokenizer, runs: Sequence[tuple[str, float]]) -> Iterable[_Token]:
    for run, (text, weight) in enumerate(runs):
        # Not verbose: the tokenizer would warn of texts that are too long for it.
        coded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        places = zip(coded.input_ids, coded.offset_mapping, coded.word_ids(), strict=True)
        for token, (start, _), word in places:
            yield _Token(token, weight, run, start, word)


def _run(tokenizer: CLIPTokenizer, encoder: CLIPTextModel, chunks: Iterable[Sequence[int]]) -> Tensor:
    """What the text encoder makes of chunks of token ids, (chunks, limit, width)."""
    rows = []
    for ids in chunks:
        row = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]
        rows.append(row + [tokenizer.pad_token_id] * (tokenizer.model_max_length - len(row)))
    hidden: Tensor = encoder(torch.tensor(rows, device=encoder.device))[0]
    return hidden
