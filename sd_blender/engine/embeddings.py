# SPDX-License-Identifier: GPL-3.0-or-later
"""Textual inversions while pictures are made (Gal et al. 2022, arXiv:2208.01618): words that stand for learned vectors.

A file holds n vectors of the text encoder's width under the word, as diffusers saves it, or under ``emb_params``, as
AUTOMATIC1111 does, where the file's name is the word. The model's own vocabulary and weights are never touched.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from tokenizers import AddedToken
from torch import Tensor, nn
from transformers import CLIPTokenizer

from ..core.errors import ModelNotFound, ModelRefused
from .model_family import named_family
from .weights_file import read_shapes

ANONYMOUS = "emb_params"
_XL = {"clip_l", "clip_g"}


@dataclass(frozen=True)
class Word:
    """text: as it stands in prompts, in lower case. vectors: (n, width of the text encoder)."""

    text: str
    vectors: Tensor


def read_word(path: Path, width: int, model: Path) -> Word:
    """The word in a file, for a text encoder of this width. Raises ModelNotFound or ModelRefused, naming the file."""
    if not path.is_file():
        raise ModelNotFound(f"There is no embedding at {path}; choose another one or put it back there.")
    shapes = read_shapes(path)
    if shapes.keys() >= _XL:
        raise ModelRefused(
            f"{path} is an embedding for Stable Diffusion XL; choose one for Stable Diffusion 1.x or 2.x."
        )
    if len(shapes) != 1 or any(len(shape) not in (1, 2) or 0 in shape for shape in shapes.values()):
        raise ModelRefused(f"{path} is no textual inversion; choose another file.")
    ((name, shape),) = shapes.items()
    if shape[-1] != width:
        raise ModelRefused(
            f"The embedding {path.name} was made for {named_family(shape[-1])}, and {model.name} is "
            f"{named_family(width)}; choose an embedding for this model."
        )
    try:
        with safe_open(path, framework="pt") as tensors:
            vectors = tensors.get_tensor(name).float().reshape(-1, width).clone()
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise ModelRefused(f"{path} cannot be read; download it again.", details=str(error)) from error
    return Word((path.stem if name == ANONYMOUS else name).lower(), vectors)


class WordTokenizer:
    """A tokenizer that also knows ``words``; each becomes as many tokens as it has vectors, after the vocabulary."""

    def __init__(self, tokenizer: CLIPTokenizer, words: Sequence[Word], vocabulary: int) -> None:
        """vocabulary: the text encoder's, from whose end on the new tokens are counted."""
        self._tokenizer = copy.deepcopy(tokenizer)
        self._tokenizer.add_tokens([AddedToken(w.text, single_word=True, normalized=True) for w in words])
        self._ids: dict[int, list[int]] = {}
        for word in words:
            first = vocabulary + sum(map(len, self._ids.values()))
            added = self._tokenizer.convert_tokens_to_ids(word.text)
            self._ids[added] = list(range(first, first + len(word.vectors)))

    def __getattr__(self, name: str) -> Any:
        if name == "_tokenizer":  # while it is copied
            raise AttributeError(name)
        return getattr(self._tokenizer, name)

    def __call__(self, text: str, **options: Any) -> _Coded:
        """As the tokenizer itself for one text without special tokens; the tokens of a word share its place."""
        coded = self._tokenizer(text, **{**options, "return_offsets_mapping": True})
        places, word_ids = coded["offset_mapping"], coded.word_ids()
        ids, offsets, words = [], [], []
        for index, token in enumerate(coded["input_ids"]):
            expanded = self._ids.get(token, [token])
            ids += expanded
            offsets += [places[index]] * len(expanded)
            # An added token belongs to no word of the tokenizer's; it is one of its own.
            word = word_ids[index] if token not in self._ids else -1 - index
            words += [word] * len(expanded)
        return _Coded(ids, offsets, words)


@dataclass(frozen=True)
class _Coded:
    """What :mod:`~.prompt_encoding` reads of what a tokenizer returns."""

    input_ids: list[int]
    offset_mapping: list[tuple[int, int]]
    words: list[int | None]

    def word_ids(self) -> list[int | None]:
        return self.words


@contextmanager
def speaking(words: Sequence[Word], text_encoder: nn.Module) -> Iterator[None]:
    """Inside, the text encoder knows the tokens that :class:`WordTokenizer` gives the ``words``; then as before."""
    if not words:
        yield
        return
    table = text_encoder.get_input_embeddings()
    size = len(table.weight)

    def look_up(ids: Tensor) -> Tensor:
        known = ids < size
        new = torch.cat([word.vectors for word in words]).to(table.weight)
        old = F.embedding(ids.where(known, torch.zeros_like(ids)), table.weight)
        return torch.where(known[..., None], old, F.embedding((ids - size).clamp(min=0), new))

    table.forward = look_up
    try:
        yield
    finally:
        del table.forward


def refuse_same_words(words: Sequence[Word]) -> None:
    """Raise ModelRefused where two files teach the same word."""
    texts = [word.text for word in words]
    for text in chain(t for t in texts if texts.count(t) > 1):
        raise ModelRefused(f"Two embeddings are called {text!r}; remove one of them.")
