# SPDX-License-Identifier: GPL-3.0-or-later
"""A CLIP tokenizer with a vocabulary of its own, learned from captions by byte-pair encoding (Sennrich et al. 2016)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import CLIPTokenizer

from .models import TOKENS
from .textures import MATERIALS
from .textures.captions import EXTRA, SHADES, SIZES
from .textures.colours import COLOURS, SYNONYMS
from .textures.weathering import WEATHERING

START, END = "<|startoftext|>", "<|endoftext|>"
OTHER_WORDS = """
a an the of with and on in at by for from to over under between very some many no not without
texture seamless tileable tiling pattern surface material background wallpaper closeup macro detailed detail photo
photograph realistic photorealistic render rendered high quality resolution highly sharp soft blurry noisy flat matte
glossy shiny old new ancient medieval modern rustic vintage weathered aged broken clean fresh dry burnt frozen painted
bright colourful colorful warm cold light medium big little thick thin wide narrow round square long short vertical
horizontal diagonal random regular irregular natural artificial fantasy game asset albedo diffuse roughness normal map
wall floor ground roof ceiling door window street road path garden forest beach desert mountain river sea lake sky cloud
stone rock brick wood metal iron steel copper bronze gold silver brass glass plastic rubber paper cloth cotton silk
velvet wool leather skin clay mud dirt earth sand snow ice water fire smoke oil paint rust moss lichen ivy leaf flower
plant tree branch root bamboo straw hay bone shell crystal gem pearl ceramic porcelain tile marble granite slate
limestone concrete cement plaster asphalt gravel pebble cobble beige cream ivory tan golden cyan magenta crimson
scarlet maroon olive lime mint navy indigo violet lavender rose salmon coral peach amber
""".split()  # noqa: SIM905
"""Words of the trade beyond the data set's: they cost few tokens, though the model has not seen them."""


def corpus(captions: Iterable[str]) -> list[str]:
    """The captions, and often enough every word that a prompt may hold for it to become few tokens."""
    words = [*COLOURS, *WEATHERING, *(w for m in MATERIALS for w in m.names), *EXTRA]
    words += [w for group in (SIZES, SHADES, SYNONYMS) for values in group.values() for w in values]
    return [*captions, *words * 20, *OTHER_WORDS * 8]


def tokenize(tokenizer: CLIPTokenizer, texts: Sequence[str]) -> Tensor:
    """N x 77, padded and cut. The same as the tokenizer's own padding, which takes thirty times as long."""
    rows = tokenizer(list(texts)).input_ids  # told to cut, it would remember, and be exported so
    filled = np.full((len(rows), TOKENS), tokenizer.pad_token_id)
    for row, ids in zip(filled, rows, strict=True):
        row[: len(ids)] = ids if len(ids) <= TOKENS else [*ids[: TOKENS - 1], ids[-1]]
    return torch.from_numpy(filled)


def train_tokenizer(captions: Iterable[str], size: int = 1600) -> CLIPTokenizer:
    """Learn merges and lay the vocabulary out as CLIP's: 256 bytes, 256 word-final bytes, merges, start, end.

    Every byte is there in both forms, so any text in any script has tokens.
    """
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    clip = CLIPTokenizer().backend_tokenizer  # words must be split while learning as they will be in use
    learner.normalizer, learner.pre_tokenizer = clip.normalizer, clip.pre_tokenizer
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner.train_from_iterator(
        corpus(captions),
        trainers.BpeTrainer(
            vocab_size=size - len(alphabet) - 2,
            initial_alphabet=alphabet,
            end_of_word_suffix="</w>",
            min_frequency=4,
            show_progress=False,
        ),
    )
    merges = [tuple(merge) for merge in json.loads(learner.to_str())["model"]["merges"]]
    words = [*alphabet, *(a + "</w>" for a in alphabet)]
    seen = set(words)
    words += [w for w in ("".join(m) for m in merges) if not (w in seen or seen.add(w))]
    vocabulary = {w: i for i, w in enumerate([*words, START, END])}
    return CLIPTokenizer(
        vocab=vocabulary,
        merges=merges,
        bos_token=START,
        eos_token=END,
        unk_token=END,
        pad_token=END,
        model_max_length=TOKENS,
    )
