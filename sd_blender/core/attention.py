# SPDX-License-Identifier: GPL-3.0-or-later
"""Attention in a prompt, in the notation that artists know: ``(word:1.2)``, ``(word)``, ``[word]``.

``(word)`` weighs 1.1, ``[word]`` 1/1.1, ``(word:1.2)`` what it says; nested weights multiply. A backslash makes the
bracket or backslash after it text. A bracket without its partner is text as well, and so is a weight without its
bracket: anything is a prompt, and one without pairs of brackets weighs 1 all over. ``BREAK`` ends what the text encoder
reads at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

MAX_WEIGHT = 3.0
"""A weight is kept from 0 to this, at every level of nesting; models show noise long before it."""

BREAK = "BREAK"
"""A run of its own, of weight 1: what comes after it begins another chunk."""

_BREAK = re.compile(r"\s*\bBREAK\b\s*")
_ROUND, _SQUARE = 1.1, 1 / 1.1
_PIECE = re.compile(
    r"(?P<escape>\\[\\()\[\]])"
    r"|(?P<open>[(\[])"
    r"|(?P<close>:\s*(?P<weight>[+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*\)|[)\]])"
    r"|(?P<text>[^\\()\[\]:]+|[\\:])"
)
_Pieces = list[re.Match[str]]


def parse_attention(prompt: str) -> list[tuple[str, float]]:
    """The prompt's text in runs of one weight each, without the notation. Takes any text; none is empty."""
    pieces = list(_PIECE.finditer(prompt))
    factors, closing = _pairs(pieces)
    weights = [1.0]
    runs: list[tuple[str, float]] = []
    for index, piece in enumerate(pieces):
        if index in factors:
            weights.append(_sane(weights[-1] * factors[index]))
        elif index in closing:
            weights.pop()
        else:
            text = piece[0][1] if piece.lastgroup == "escape" else piece[0]
            runs.append((text, weights[-1]))
    joined = [
        ("".join(text for text, _ in equal), weight)
        for weight, equal in groupby(runs, key=lambda run: run[1])
    ]
    return (
        joined if BREAK not in prompt else [run for text, weight in joined for run in _broken(text, weight)]
    )


def _broken(text: str, weight: float) -> Iterator[tuple[str, float]]:
    for number, part in enumerate(_BREAK.split(text)):
        if number:
            yield BREAK, 1.0
        if part:
            yield part, weight


def _pairs(pieces: _Pieces) -> tuple[dict[int, float], set[int]]:
    """The indices of the brackets that have a partner: the factor of each opening one, and the closing ones."""
    waiting: dict[str, list[int]] = {"(": [], "[": []}
    factors: dict[int, float] = {}
    closing: set[int] = set()
    for index, piece in enumerate(pieces):
        if piece.lastgroup == "open":
            waiting[piece[0]].append(index)
        elif piece.lastgroup == "close":
            square = piece[0] == "]"
            own, other = waiting["[" if square else "("], waiting["(" if square else "["]
            if not own:
                continue
            opening = own.pop()
            while other and other[-1] > opening:  # opened inside and not closed there: text
                other.pop()
            factors[opening] = _SQUARE if square else _sane(float(piece["weight"] or _ROUND))
            closing.add(index)
    return factors, closing


def _sane(weight: float) -> float:
    # Rounded, so that a word that is raised and lowered as often weighs exactly 1 again.
    return round(min(max(weight, 0.0), MAX_WEIGHT), 6)
