# SPDX-License-Identifier: GPL-3.0-or-later
"""Textual inversions while pictures are made (Gal et al. 2022, arXiv:2208.01618): words that stand for learned vectors.

A file holds n vectors of the text encoder's width under the word, as diffusers saves it, or under ``emb_params``, as
AUTOMATIC1111 does, where the file's name is the word. For Stable Diffusion XL it holds n for each of the two text
encoders, under ``clip_l`` and ``clip_g``, and its name is the word too, unless it is one of ours, which tells its word.
The model's own vocabulary and weights are never touched.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
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
from ..core.sentence import Sentence
from ..core.tensor_header import WORD_KEY, base_of, told_of
from .families import FAMILIES, TEXT_ENCODER
from .guards import is_out_of_memory
from .model_family import named_family
from .text_readers import TextReader
from .weights_file import Shapes, read_shapes

ANONYMOUS = "emb_params"

_ENCODERS = {key: name for family in FAMILIES for name, key in family.embedding_keys.items()}


@dataclass(frozen=True)
class Word:
    """text: as it stands in prompts, in lower case. vectors: (n, width) for each text encoder, by component."""

    text: str
    vectors: Mapping[str, Tensor]

    def __len__(self) -> int:
        """How many vectors each text encoder reads."""
        return len(next(iter(self.vectors.values())))

    def to(self, device: torch.device) -> Word:
        return Word(self.text, {name: vectors.to(device) for name, vectors in self.vectors.items()})


def read_word(path: Path, widths: Mapping[str, int], model: Path) -> Word:
    """The word in a file, for text encoders of these widths, by component.

    Raises ModelNotFound or ModelRefused, naming the file.
    """
    if not path.is_file():
        raise ModelNotFound(
            Sentence("There is no embedding at {path}; choose another one or put it back there.", path=path)
        )
    keys = _keys(path, read_shapes(path), widths, model)
    try:
        with safe_open(path, framework="pt") as tensors:
            told = (tensors.metadata() or {}).get(WORD_KEY)
            vectors = {
                name: tensors.get_tensor(key).float().reshape(-1, widths[name]).clone()
                for name, key in keys.items()
            }
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        raise ModelRefused(
            Sentence("{path} cannot be read; download it again.", path=path), details=str(error)
        ) from error
    own = keys[TEXT_ENCODER]
    name = path.stem if own == ANONYMOUS or own in _ENCODERS else own
    return Word((told or name).lower(), vectors)


def _keys(path: Path, shapes: Shapes, widths: Mapping[str, int], model: Path) -> dict[str, str]:
    """The tensor for each text encoder. Raises ModelRefused for what is no word, or one for another model."""
    alike = all(len(shape) in (1, 2) and 0 not in shape for shape in shapes.values())
    counts = {1 if len(shape) == 1 else shape[0] for shape in shapes.values()}
    pair = shapes.keys() == _ENCODERS.keys()
    if not alike or len(counts) != 1 or not (pair or len(shapes) == 1):
        raise ModelRefused(Sentence("{path} is no textual inversion; choose another file.", path=path))
    keys = {_ENCODERS[key]: key for key in shapes} if pair else {TEXT_ENCODER: next(iter(shapes))}
    found = {name: shapes[key][-1] for name, key in keys.items()}
    if found != dict(widths):
        made_for = named_family(sum(found.values()), base_of(told_of(path)))
        has = named_family(sum(widths.values()))
        raise ModelRefused(
            Sentence(
                "The embedding {name} was made for {made_for}, and {name2} is {has}; choose an embedding "
                "for this model.",
                name=path.name,
                made_for=made_for,
                name2=model.name,
                has=has,
            )
        )
    return keys


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
            self._ids[added] = list(range(first, first + len(word)))

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


def knowing(reader: TextReader, words: Sequence[Word]) -> TextReader:
    """The same reader with tokenizers that know ``words``; what they stand for is told by :func:`speaking`."""
    encoders = [
        dataclasses.replace(e, tokenizer=WordTokenizer(e.tokenizer, words, e.network.config.vocab_size))
        for e in reader.encoders
    ]
    return type(reader)(encoders, reader.zeros_for_empty)


@contextmanager
def speaking(words: Sequence[Word], reader: TextReader) -> Iterator[None]:
    """Inside, the text encoders know the tokens that :class:`WordTokenizer` gives the ``words``; then as before."""
    with ExitStack() as stack:
        for encoder in reader.encoders if words else ():
            stack.enter_context(_speaking([word.vectors[encoder.name] for word in words], encoder.network))
        yield


@contextmanager
def _speaking(vectors: Sequence[Tensor], text_encoder: nn.Module) -> Iterator[None]:
    table = text_encoder.get_input_embeddings()
    size = len(table.weight)

    def look_up(ids: Tensor) -> Tensor:
        known = ids < size
        new = torch.cat(list(vectors)).to(table.weight)
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
        raise ModelRefused(Sentence("Two embeddings are called {text}; remove one of them.", text=repr(text)))
