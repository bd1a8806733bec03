# SPDX-License-Identifier: GPL-3.0-or-later
"""Best of N: of the pictures of a request those that fit its prompt, or a reference image, best.

A diffusion model draws some of its pictures badly, and a CLIP sees most of those; making more and keeping the best by
its score is the simplest guidance there is (rejection sampling; Ramesh et al. 2021, arXiv:2102.12092, section 2.6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..core.messages import GeneratedImage
from ..core.request import Request
from .clip_score import ClipScorer, best_of


def ranked(request: Request, images: Sequence[GeneratedImage], scorer: ClipScorer) -> list[GeneratedImage]:
    """The ``request.keep`` best, best first, each with its score: by the reference if there is one, else by the prompt
    that the picture itself was made from."""
    if request.reference is not None:
        scores = scorer.scores([image.pixels for image in images], reference=request.reference)
    else:
        scores = [scorer.scores([image.pixels], image.prompt)[0] for image in images]
    return [replace(images[i], score=float(scores[i])) for i in best_of(scores, request.keep)]
