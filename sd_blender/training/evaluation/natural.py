# SPDX-License-Identifier: GPL-3.0-or-later
"""How prompts are followed that people might type: held-out phrases, which no text encoder was trained on.

The same judge says which material it sees. Each phrase means one material here, though a garden wall may be of brick
or of stone, so that no model can have all of it right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray

from ..language.phrases import GERMAN, NAMED, PLACE, THING, entries, write_phrase
from .classifier import NAMES, Classifier, classify
from .measures import Prompt, generate_all

KINDS = {"named": (NAMED, GERMAN), "not_named": (THING, PLACE)}
"""Phrases that name their material as shops and artists do, and those that name a thing or a place."""


@dataclass(frozen=True)
class Judged:
    """share: of the pictures that show the material which is meant. wrong: prompts that failed, and what was seen."""

    share: float
    wrong: dict[str, str]


def natural_prompts(kind: str, count: int, seed: int = 5) -> list[Prompt]:
    """`count` held-out phrases of a kind, of as many materials as there are, always the same; half of them with words
    around them.
    """
    rng = np.random.default_rng((seed, *kind.encode()))
    by_material: dict[str, list] = {}
    for name in KINDS[kind]:
        for entry in entries(name, held_out=True):
            by_material.setdefault(entry.means.material, []).append(entry)
    queues = [rng.permutation(np.array(found, object)).tolist() for found in by_material.values()]
    chosen = []
    while len(chosen) < count and any(queues):
        chosen += [queue.pop() for queue in queues if queue]
    phrases = [write_phrase(entry, rng, much=float(k % 2)) for k, entry in enumerate(chosen[:count])]
    return [Prompt(p.text, NAMES.index(p.means.material), p.means.colour or "") for p in phrases]


def judge(pictures: NDArray[np.uint8], prompts: Sequence[Prompt], classifier: Classifier) -> Judged:
    """pictures: one per prompt."""
    seen = classify(classifier, pictures)
    wrong = {p.text: NAMES[s] for p, s in zip(prompts, seen, strict=True) if s != p.material}
    return Judged(1 - len(wrong) / len(prompts), wrong)


def measure(
    pipeline: StableDiffusionPipeline, classifier: Classifier, count: int, **sampling: float
) -> dict[str, object]:
    """Of each kind: the number of prompts, the share that was followed, and those that were not."""
    figures: dict[str, object] = {}
    for kind in KINDS:
        prompts = natural_prompts(kind, count)
        found = judge(generate_all(pipeline, prompts, **sampling), prompts, classifier)
        figures[kind] = {"prompts": len(prompts), "material": found.share, "wrong": found.wrong}
    return figures
