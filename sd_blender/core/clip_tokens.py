# SPDX-License-Identifier: GPL-3.0-or-later
"""The byte-pair encoding of CLIP's tokenizer: how long a prompt is to a model, and which tokens it is.

A word is taken apart into its bytes, and pairs of neighbours are joined as long as the model's list of merges has one,
the earliest of the list first (Sennrich et al. 2016, arXiv:1508.07909). What is left are its tokens.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from .attention import BREAK, parse_attention

CHUNK = 75
"""Tokens that a text encoder reads at once; two more are the marks of begin and end."""

MAX_CHUNKS = 8
"""600 tokens, some 450 words. What is beyond is cut, and told."""

MAX_BYTES = 64 * 2**20
"""Of a tokenizer's file; those that there are have a few."""

# Words as CLIP splits them. \w without digits is nearly \p{L}; a digit is a word of its own. The first two are tokens.
_WORD = re.compile(
    r"<\|startoftext\|>|<\|endoftext\|>|(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\W\d_]+|\d|(?:[^\s\w]|_)+"
)
_MARKS = frozenset({"<|startoftext|>", "<|endoftext|>"})
_END = "</w>"
_MAX_CACHED = 10_000


class TokenCount(NamedTuple):
    """tokens: of the whole prompt. chunks: in which it is read, at least 1. cut: the words beyond, or ""."""

    tokens: int
    chunks: int
    cut: str


class TokenCounter:
    """merges: pairs of pieces, the most important first."""

    def __init__(self, merges: list[tuple[str, str]]) -> None:
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._counts: dict[str, int] = {}

    @classmethod
    def of_folder(cls, folder: Path) -> TokenCounter:
        """Of a tokenizer's folder, from tokenizer.json or merges.txt. Raises OSError or ValueError."""
        whole, merges = folder / "tokenizer.json", folder / "merges.txt"
        if whole.is_file():
            listed = json.loads(_read(whole))["model"]["merges"]
            pairs = [tuple(pair.split(" ")) if isinstance(pair, str) else tuple(pair) for pair in listed]
        else:
            lines = _read(merges).splitlines()
            pairs = [
                tuple(line.split()) for line in lines if line.strip() and not line.startswith("#version")
            ]
        if not all(len(pair) == 2 and all(isinstance(piece, str) for piece in pair) for pair in pairs):
            raise ValueError(f"{folder} holds no list of pairs")
        return cls([(first, second) for first, second in pairs])

    def count(self, prompt: str) -> TokenCount:
        """Of a prompt with its brackets and weights, which are no words; wildcards count as they stand."""
        runs = parse_attention(prompt)
        tokens, chunks, room = 0, 1, CHUNK
        cut: tuple[int, int] | None = None
        for run, (text, _) in enumerate(runs):
            if text == BREAK:
                chunks, room = chunks + (run < len(runs) - 1), CHUNK
                continue
            for start, word in _words(text):
                count = self._count(word)
                if count > room and count <= CHUNK:  # words are split only if they must
                    chunks, room = chunks + 1, CHUNK
                while count > room:
                    tokens, count = tokens + room, count - room
                    chunks, room = chunks + 1, CHUNK
                tokens, room = tokens + count, room - count
                if chunks > MAX_CHUNKS and cut is None:
                    cut = run, start
        rest = ""
        if cut is not None:
            run, start = cut
            rest = "".join([runs[run][0][start:], *(text for text, _ in runs[run + 1 :])]).strip()
        return TokenCount(tokens, min(chunks, MAX_CHUNKS), rest)

    def _count(self, word: str) -> int:
        if word not in self._counts:
            if len(self._counts) > _MAX_CACHED:
                self._counts.clear()
            self._counts[word] = len(self.pieces(word))
        return self._counts[word]

    def pieces(self, word: str) -> list[str]:
        """The tokens of a word, as the vocabulary writes them."""
        if word in _MARKS:
            return [word]
        letters = [_letters()[byte] for byte in word.encode("utf-8", "replace")]
        pieces = [*letters[:-1], letters[-1] + _END]
        while len(pieces) > 1:
            ranks = [self._ranks.get(pair, len(self._ranks)) for pair in pairwise(pieces)]
            best = min(ranks)
            if best == len(self._ranks):
                break
            at = ranks.index(best)
            pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
        return pieces


class ClipTokenizer:
    """Texts as the numbers of their tokens.

    counter: takes words apart. vocabulary: the number of each piece. limit: tokens that are read at once. start, end,
    pad: the numbers of the marks, and of what fills up.
    """

    def __init__(self, counter: TokenCounter, vocabulary: Mapping[str, int], limit: int, pad: str) -> None:
        self._counter = counter
        self._vocabulary = vocabulary
        self.limit = limit
        self.start, self.end = (vocabulary[mark] for mark in ("<|startoftext|>", "<|endoftext|>"))
        self.pad = vocabulary[pad]

    @classmethod
    def of_folder(cls, folder: Path) -> ClipTokenizer:
        """Of a tokenizer's folder. Raises OSError, KeyError, or ValueError."""
        config = json.loads(_read(folder / "tokenizer_config.json"))
        whole = folder / "tokenizer.json"
        if whole.is_file():
            read = json.loads(_read(whole))
            added = {token["content"]: token["id"] for token in read.get("added_tokens", ())}
            vocabulary = {**read["model"]["vocab"], **added}
        else:
            vocabulary = json.loads(_read(folder / "vocab.json"))
        pad = config.get("pad_token", "<|endoftext|>")
        pad = pad["content"] if isinstance(pad, dict) else pad
        return cls(TokenCounter.of_folder(folder), vocabulary, int(config["model_max_length"]), pad)

    def __call__(self, text: str) -> list[tuple[int, int, int]]:
        """For each token its number, where its word begins, and the number of its word; without marks."""
        return [
            (self._vocabulary.get(piece, self.end), start, number)
            for number, (start, word) in enumerate(_words(unicodedata.normalize("NFC", text)))
            for piece in self._counter.pieces(word)
        ]

    def whole(self, ids: Sequence[int]) -> list[int]:
        """As the text encoder reads them: between the marks, cut and filled up to its limit."""
        row = [self.start, *ids[: self.limit - 2], self.end]
        return row + [self.pad] * (self.limit - len(row))


def _words(text: str) -> Iterator[tuple[int, str]]:
    for match in _WORD.finditer(text):
        yield match.start(), match[0] if match[0] in _MARKS else match[0].lower()


@cache
def _letters() -> list[str]:
    """A printable letter for each byte, as the lists of merges write them (GPT-2's table)."""
    printable = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    letters = {byte: chr(byte) for byte in printable}
    others = [byte for byte in range(256) if byte not in letters]
    letters.update({byte: chr(256 + n) for n, byte in enumerate(others)})
    return [letters[byte] for byte in range(256)]


def _read(path: Path) -> str:
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} is too large to be a tokenizer's")
    return path.read_text(encoding="utf-8")
