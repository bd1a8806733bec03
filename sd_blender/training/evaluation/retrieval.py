# SPDX-License-Identifier: GPL-3.0-or-later
"""CLIP without further training (zero-shot): finding the caption of a picture, the picture of a caption, and a name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...engine.clip_score import ClipScorer
from ..textures.captions import redraw_caption
from ..textures.colours import COLOURS
from ..textures.dataset import describe_sample
from .classifier import NAMES, Labelled


def held_out_captions(seed: int, count: int) -> list[str]:
    """One caption for each of the first `count` samples of `seed`."""
    rng = np.random.default_rng((seed, count))
    return [redraw_caption(describe_sample(seed, i), rng) for i in range(count)]


def recall(similarity: NDArray[np.floating], captions: Sequence[str], k: int) -> tuple[float, float]:
    """Shares of pictures whose caption, and of captions whose picture, is among the k most similar.

    similarity: N x N, row i for picture i, column j for caption j. A caption in the very words of the right one counts
    as right: nobody could tell them apart.
    """
    texts = np.asarray(captions)
    same = texts[:, None] == texts[None, :]
    rows = np.argsort(-similarity, axis=1)[:, :k]
    columns = np.argsort(-similarity, axis=0)[:k].T
    return (
        float(np.take_along_axis(same, rows, 1).any(1).mean()),
        float(np.take_along_axis(same, columns, 1).any(1).mean()),
    )


def name_materials(scorer: ClipScorer, vectors: Tensor) -> NDArray[np.int64]:
    """The likeliest material of each picture, N indices into NAMES. vectors: N x d of the pictures.

    Each name is tried in every colour and in none, and the chances that the softmax gives these texts are added up: a
    bare name alone is drowned by what the picture's colour says.
    """
    texts = [f"{colour} {name}".strip() for name in NAMES for colour in ("", *COLOURS)]
    logits = scorer.clip.logit_scale.exp() * vectors @ scorer.text_vectors(texts).T
    chances = logits.view(len(vectors), len(NAMES), -1).logsumexp(-1)
    return chances.argmax(1).cpu().numpy()


def zero_shot(scorer: ClipScorer, held_out: Labelled, captions: Sequence[str]) -> dict[str, float]:
    """Recall at 1 and 5 both ways, and how often the right one of all materials is named.

    held_out: N pictures that training never saw, and captions their N captions. Many captions say nearly the same
    ("red brick wall", "brick wall, dark red"): `equal_captions` counts those that another one repeats word for word,
    and `of_kind_*` takes any caption of the same material for right.
    """
    pictures = scorer.pixel_vectors(list(held_out.pixels))
    similarity = (pictures @ scorer.text_vectors(captions).T).cpu().numpy()
    named = name_materials(scorer, pictures)
    figures: dict[str, float] = {
        "pairs": len(captions),
        "equal_captions": len(captions) - len(set(captions)),
        "named": float((named == held_out.labels).mean()),
        "logit_scale": float(scorer.clip.logit_scale.exp()),
    }
    kinds = [NAMES[label] for label in held_out.labels]
    for k in (1, 5):
        figures[f"text_at_{k}"], figures[f"image_at_{k}"] = recall(similarity, captions, k)
        figures[f"of_kind_text_at_{k}"], figures[f"of_kind_image_at_{k}"] = recall(similarity, kinds, k)
    return figures
