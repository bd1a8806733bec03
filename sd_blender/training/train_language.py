# SPDX-License-Identifier: GPL-3.0-or-later
"""The text encoder's second lesson: how people write. The denoiser stays as it is, and its words with it.

The denoiser was shown plain captions and knows what their states h(c) (77 x d) look like. A student of the encoder is
asked to make of a phrase p, as people type them, the states that its teacher makes of the plain caption c of what is
meant, from the phrase's end on; so a denoiser, and a CLIP, that read the teacher read the student:

    loss = mean over positions i >= end(p) of || h_student(p)_i - h_teacher(c)_max(i, end(c)) ||^2 / variance

Before the phrase's end attention is causal and no more can be asked than a guess, with little weight. A share of each
batch are plain captions and the empty text, which must stay what they are at every position.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from . import checkpoints
from .language.phrases import GERMAN, NAMED, PLACE, THING, Phrase, entries, plain, write_phrase
from .loop import TrainingRun
from .schedule import Budget, StepRandom, learning_rate, set_learning_rate
from .textures import MATERIALS
from .textures.captions import redraw_caption
from .textures.dataset import describe

KINDS = {NAMED: 0.33, THING: 0.3, PLACE: 0.27, GERMAN: 0.1}
LENGTHS, SHARES = (16, 24, 40, 77), (0.45, 0.35, 0.13, 0.07)
"""Tokens of a batch. The states behind a text depend on where they are: at times all 77 are looked at."""


@dataclass(frozen=True)
class LanguageOptions:
    """batch: texts a step. captions: the share of them that are plain captions. before: the weight of what stands
    before a phrase's end.
    """

    budget: Budget = field(default_factory=lambda: Budget(steps=6000))
    batch: int = 128
    captions: float = 0.25
    before: float = 0.1
    rate: float = 1e-3
    ema: float = 0.995
    seed: int = 23
    checkpoint_seconds: float = 120.0


@dataclass(frozen=True)
class Asked:
    """What a student is asked for: `states` (N x L x d) of the texts `tokens` (N x L), weighted (N x L)."""

    tokens: Tensor
    states: Tensor
    weights: Tensor


def draw_phrase(rng: np.random.Generator, fits: Callable[[str], bool]) -> Phrase:
    """One that is not held out and fits; of every other, the material is drawn before the phrase."""
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    chosen = entries(kind, held_out=False)
    if rng.random() < 0.5:
        material = MATERIALS[int(rng.integers(len(MATERIALS)))].name
        chosen = [entry for entry in chosen if entry.means.material == material] or chosen
    entry = chosen[int(rng.integers(len(chosen)))]
    for much in (1.0 if rng.random() < 0.75 else 0.0, 1.0, 0.5, 0.5):
        phrase = write_phrase(entry, rng, much)
        if fits(phrase.text):
            return phrase
    return write_phrase(entry, rng, 0.0)


def draw_texts(
    tokenizer: CLIPTokenizer, options: LanguageOptions, length: int, rng: np.random.Generator
) -> tuple[list[str], list[str]]:
    """N texts, and the plain captions of what they mean; those that are captions themselves mean themselves."""
    texts, captions = [""], [""]
    for k in range(1, options.batch):
        if k < options.captions * options.batch:
            described = describe(MATERIALS[int(rng.integers(len(MATERIALS)))], rng)
            texts.append(redraw_caption(described, rng))
            captions.append(texts[-1])
        else:
            phrase = draw_phrase(rng, lambda text: len(tokenizer(text).input_ids) <= length)
            texts.append(phrase.text)
            captions.append(plain(phrase.means))
    return texts, captions


@torch.no_grad()
def asked_of(
    teacher: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    texts: Sequence[str],
    captions: Sequence[str],
    length: int,
    before: float,
) -> Asked:
    """What the teacher says of the captions, where the texts end and later."""
    words, plainly = (
        tokenizer(list(t), padding="max_length", truncation=True, max_length=length, return_tensors="pt")
        for t in (texts, captions)
    )
    states = teacher(plainly.input_ids).last_hidden_state
    place = torch.arange(length)
    text_end, caption_end = (w.attention_mask.sum(1, keepdim=True) - 1 for w in (words, plainly))
    itself = torch.tensor([t == c for t, c in zip(texts, captions, strict=True)])[:, None]
    source = torch.where(itself | (place == 0), place, torch.maximum(place, caption_end))
    weights = torch.where(itself | (place == 0) | (place >= text_end), 1.0, before)
    return Asked(words.input_ids, states.gather(1, source[..., None].expand_as(states)), weights)


def language_loss(student: CLIPTextModel, asked: Asked) -> Tensor:
    """The weighted mean square, as a share of the variance of what is asked for."""
    off = (student(asked.tokens).last_hidden_state - asked.states).square().mean(-1)
    return (off * asked.weights).sum() / asked.weights.sum() / asked.states.var()


def train_language(
    teacher: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    folder: Path,
    options: LanguageOptions,
    stop_at: int | None = None,
) -> CLIPTextModel:
    """Train until the budget is spent, resuming from `folder`/language.pt. Returns the averaged student.

    stop_at: leave early at this step, as if killed.
    """
    torch.manual_seed(options.seed)
    teacher = teacher.eval().requires_grad_(False)
    student = copy.deepcopy(teacher).requires_grad_(True).train()
    optimizer = torch.optim.AdamW(
        student.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True
    )
    average = checkpoints.MovingAverage(student, options.ema)
    training = TrainingRun(
        student, optimizer, average, folder / "language.pt", options.budget, options.checkpoint_seconds
    )
    training.resume()

    def take_step(step: int, progress: float) -> dict[str, Tensor]:
        rng = StepRandom.of(options.seed, step).numpy
        set_learning_rate(optimizer, learning_rate(options.rate, step, progress, warm_up=100))
        length = int(rng.choice(LENGTHS, p=SHARES))
        texts, captions = draw_texts(tokenizer, options, length, rng)
        loss = language_loss(student, asked_of(teacher, tokenizer, texts, captions, length, options.before))
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return {"loss": loss.detach()}

    training.run(take_step, "language", stop_at=stop_at)
    averaged = copy.deepcopy(teacher)
    averaged.load_state_dict(average.shadow)
    return averaged
