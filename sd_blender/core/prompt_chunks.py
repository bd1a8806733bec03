# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts of any length as a text encoder reads them: in chunks, each of as many tokens as it takes at once.

Words stay whole unless they are longer than a chunk, and BREAK begins another one. What a token is, a tokenizer says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from .attention import BREAK, parse_attention
from .clip_tokens import MAX_CHUNKS, TokenCount


class Token(NamedTuple):
    """run, start: where it stands in the runs of :func:`~.attention.parse_attention`. word: the same for tokens of one
    word.
    """

    id: int
    weight: float
    run: int
    start: int
    word: int


Tokenize = Callable[[str], Iterable[tuple[int, int, int]]]
"""Of a text, for each token its id, where it begins, and the number of its word."""

_BREAK = -1
"""Stands for no token of a vocabulary: another chunk begins."""


def chunked(tokenize: Tokenize, prompt: str, size: int) -> list[list[Token]]:
    """All tokens of a prompt with their weights, at most ``size`` in each chunk; at least one chunk."""
    chunks: list[list[Token]] = [[]]
    tokens = _tokens(tokenize, parse_attention(prompt))
    for _, group in groupby(tokens, key=lambda token: (token.run, token.word)):
        word = list(group)
        if word[0].id == _BREAK:
            chunks.append([])
            continue
        if len(chunks[-1]) + len(word) > size >= len(word):
            chunks.append([])
        for token in word:
            if len(chunks[-1]) == size:
                chunks.append([])
            chunks[-1].append(token)
    return chunks


def count_tokens(tokenize: Tokenize, prompt: str, size: int) -> TokenCount:
    """How long a prompt is, as it will be read; its wildcards count as they stand."""
    chunks = chunked(tokenize, prompt, size)
    kept, lost = chunks[:MAX_CHUNKS], chunks[MAX_CHUNKS:]
    first = next(
        (token for chunk in lost for token in chunk), None
    )  # a chunk may be empty between two BREAKs
    cut = ""
    if first is not None:
        runs = parse_attention(prompt)
        rest = [text for text, _ in runs[first.run + 1 :]]
        cut = "".join([runs[first.run][0][first.start :], *rest]).strip()
    return TokenCount(sum(map(len, chunks)), len(kept), cut)


def _tokens(tokenize: Tokenize, runs: Sequence[tuple[str, float]]) -> Iterator[Token]:
    for run, (text, weight) in enumerate(runs):
        if text == BREAK:
            if run < len(runs) - 1:
                yield Token(_BREAK, weight, run, 0, 0)
            continue
        for id, start, word in tokenize(text):
            yield Token(id, weight, run, start, word)
