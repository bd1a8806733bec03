# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model's own CLIP says: retrieval on held-out pairs, scores of generated pictures, what ranking gains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray

from ...engine.clip_files import find_clip
from ...engine.clip_score import ClipScorer, best_of
from ..cache import HELD_OUT_SEED
from .classifier import Classifier, Labelled, classify
from .frechet import originals
from .measures import NAMES, Prompt, generate_all
from .retrieval import held_out_captions, zero_shot


def scores_of_own(
    scorer: ClipScorer, pictures: NDArray[np.uint8], prompts: Sequence[Prompt]
) -> tuple[float, float]:
    """The mean CLIP score, 100 cos, of pictures with their own prompts, and with those of other materials."""
    texts = scorer.text_vectors([p.text for p in prompts])
    cosines = 100 * (scorer.pixel_vectors(list(pictures)) @ texts.T).cpu().numpy()
    kinds = np.array([p.material for p in prompts])
    return float(np.diag(cosines).mean()), float(cosines[kinds[:, None] != kinds[None]].mean())


def gain_of_ranking(
    scorer: ClipScorer,
    pipeline: StableDiffusionPipeline,
    judge: Classifier,
    count: int,
    steps: int,
    guidance: float,
    seed: int = 10_000,
) -> dict[str, float]:
    """One prompt per material, `count` pictures each: shares that the judge takes for the material, of the first
    picture, of the one with the highest CLIP score, and of all prompts those of which any picture is right."""
    prompts = [Prompt(name, i, "") for i, name in enumerate(NAMES)]
    repeated = [p for p in prompts for _ in range(count)]
    made = generate_all(pipeline, repeated, steps=steps, guidance=guidance, seed=seed)
    right = (classify(judge, made) == np.array([p.material for p in repeated])).reshape(-1, count)
    groups = made.reshape(-1, count, *made.shape[1:])
    best = [best_of(scorer.scores(list(g), p.text), 1)[0] for g, p in zip(groups, prompts, strict=True)]
    return {
        "best_of": count,
        "first_material": float(right[:, 0].mean()),
        "best_material": float(right[np.arange(len(right)), best].mean()),
        "any_material": float(right.any(1).mean()),
    }


def measure(
    model: Path,
    pipeline: StableDiffusionPipeline,
    judge: Classifier,
    held_out: Labelled,
    pictures: NDArray[np.uint8],
    prompts: Sequence[Prompt],
    best: int = 0,
    steps: int = 20,
    guidance: float = 1.5,
) -> dict[str, float] | None:
    """Every figure of the card about CLIP, or None for a model without one.

    held_out: the first samples of HELD_OUT_SEED. pictures: generated for prompts. best: how many to rank, 0 for none.
    """
    folder = find_clip(model)
    if folder is None:
        return None
    scorer = ClipScorer.load(folder)
    own, others = scores_of_own(scorer, pictures, prompts)
    figures = zero_shot(scorer, held_out, held_out_captions(HELD_OUT_SEED, len(held_out.labels)))
    figures |= {"score": own, "score_others": others}
    figures["score_originals"] = scores_of_own(scorer, originals(prompts, HELD_OUT_SEED + 2), prompts)[0]
    if best > 1:
        figures |= gain_of_ranking(scorer, pipeline, judge, best, steps, guidance)
    return figures
