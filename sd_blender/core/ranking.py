# SPDX-License-Identifier: GPL-3.0-or-later
"""Best of N: of the pictures of a request those that fit its prompt, or a reference image, best.

A diffusion model draws some of its pictures badly, and a CLIP sees most of those; making more and keeping the best by
its score is the simplest guidance there is (rejection sampling; Ramesh et al. 2021, arXiv:2102.12092, section 2.6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .lora_tags import split
from .messages import GeneratedImage
from .prompt_editing import final
from .request import ImageArray, Request


class Scorer(Protocol):
    """A CLIP."""

    def scores(
        self, pictures: Sequence[ImageArray], prompt: str | None = None, reference: ImageArray | None = None
    ) -> NDArray[np.float32]:
        """How well each picture fits the prompt, or the reference: cosines, -1 .. 1."""


def judged(request: Request, image: GeneratedImage, scorer: Scorer) -> GeneratedImage:
    """The picture with its score: by the reference if there is one, else by the prompt that it was made from itself."""
    if request.reference is not None:
        score = scorer.scores([image.pixels], reference=request.reference)[0]
    else:
        score = scorer.scores([image.pixels], final(split(image.prompt)[0]))[0]
    return replace(image, score=float(score))
