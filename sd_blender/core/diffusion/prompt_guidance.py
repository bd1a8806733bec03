# SPDX-License-Identifier: GPL-3.0-or-later
"""From the words of pictures to what guides the network, also where the words change on the way.

The words of each step are told by :mod:`~..prompt_editing`. They are read as often as there are different ones, all of
them in as many chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from .. import prompt_editing
from ..wildcards import Prompts
from .guidance import ClassifierFreeGuidance, InInterval, Staged, Unguided
from .loop import Guidance

Interval = tuple[float, float]


class Reader(Protocol):
    """Makes of a text what the network is told."""

    def chunks_of(self, prompt: str) -> int:
        """How many chunks it fills."""

    def read(self, prompt: str, chunks: int, negative: bool) -> Any:
        """What the network is told of one prompt, in so many chunks. negative: it is what is guided away from."""

    def joined(self, texts: Sequence[Any]) -> Any:
        """What was read of the texts of pictures that are made together, as one."""


def stages_of(words: Prompts, evaluations: int, order: int) -> list[Prompts]:
    """The words of one picture at each evaluation of the U-Net. order: evaluations that are one step to the artist."""
    prompts = prompt_editing.texts(words.prompt, evaluations, order)
    negative_prompts = prompt_editing.texts(words.negative_prompt, evaluations, order)
    return [
        replace(words, prompt=prompt, negative_prompt=negative_prompt)
        for prompt, negative_prompt in zip(prompts, negative_prompts, strict=True)
    ]


def chunks_of(reader: Reader, words: Prompts, guidance_scale: float, evaluations: int, order: int) -> int:
    """The chunks of the longest of all the words that one picture will be made from."""
    stages = dict.fromkeys(stages_of(words, evaluations, order))
    return max(chunks_needed(reader, stage, guidance_scale) for stage in stages)


def guidance_of(
    reader: Reader,
    pictures: Sequence[Prompts],
    guidance_scale: float,
    evaluations: int,
    order: int,
    interval: Interval | None = None,
) -> Guidance:
    """What guides pictures that are made together through all their evaluations of the network.

    Args:
        reader: of the model.
        pictures: the words of each.
        guidance_scale, interval: see :func:`condition`.
        evaluations: of the network for a picture.
        order: of them, how many are a step to the artist.
    """
    staged = [
        tuple(moment) for moment in zip(*(stages_of(w, evaluations, order) for w in pictures), strict=True)
    ]
    chunks = max(chunks_needed(reader, words, guidance_scale) for moment in set(staged) for words in moment)
    read = {
        moment: condition(reader, moment, guidance_scale, chunks, interval)
        for moment in dict.fromkeys(staged)
    }
    if len(read) == 1:
        return read[staged[0]]
    begins = [index for index, moment in enumerate(staged) if not index or moment != staged[index - 1]]
    return Staged({index: read[staged[index]] for index in begins})


def condition(
    reader: Reader,
    prompts: Sequence[Prompts],
    guidance_scale: float,
    chunks: int = 0,
    interval: Interval | None = None,
) -> Guidance:
    """What guides pictures made together, each by its words.

    Args:
        reader: of the model.
        prompts: of each picture; all of them need as many :func:`chunks_needed`.
        guidance_scale: w of classifier-free guidance.
        chunks: that they get instead, 0 for those that they need.
        interval: of sigma, where they are guided; everywhere unless told.
    """
    chunks = chunks or max(chunks_needed(reader, words, guidance_scale) for words in prompts)
    wanted = [_texts(words, guidance_scale) for words in prompts]
    # Each text for itself: several in one batch round otherwise, and no picture may depend on its neighbours.
    read = {
        (text, negative): reader.read(text, chunks, negative)
        for text, negative in {text for texts in wanted for text in texts}
    }
    told = [reader.joined([read[text] for text in column]) for column in zip(*wanted, strict=True)]
    if len(told) == 1:
        return Unguided(told[0])
    guided = ClassifierFreeGuidance(negative=told[1], positive=told[0], scale=guidance_scale)
    return InInterval(guided, *interval) if interval else guided


def chunks_needed(reader: Reader, words: Prompts, guidance_scale: float) -> int:
    """The chunks of the longer of the two prompts, if guidance has a use for both."""
    return max(reader.chunks_of(text) for text, _ in _texts(words, guidance_scale))


def _texts(words: Prompts, guidance_scale: float) -> tuple[tuple[str, bool], ...]:
    """The texts with which the U-Net is run, and whether each is the negative one.

    At w = 0 and 1 the formula is one of its two halves: half the work.
    """
    positive, negative = (words.prompt, False), (words.negative_prompt, True)
    if guidance_scale == 0:
        return (negative,)
    return (positive,) if guidance_scale == 1 else (positive, negative)
