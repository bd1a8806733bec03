# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model makes beside what it was shown: figures say how often it is right, and this how it looks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .classifier import NAMES
from .frechet import originals
from .measures import Prompt

ASKED_FIRST = (
    *(
        "brick wall",
        "stone blocks",
        "cobblestone",
        "flagstone",
        "roof tiles",
        "ceramic tiles",
        "marble",
        "concrete",
    ),
    *("wood planks", "tree bark", "parquet", "leather", "woven fabric", "carpet", "camouflage", "fur"),
    *("sand", "gravel", "grass", "moss", "snow", "ice", "lava", "water"),
    *("fish scales", "brushed metal", "metal panels", "diamond plate", "soil", "rock", "asphalt", "mosaic"),
)
"""The materials that artists ask for first."""

COLUMNS = 8


def beside_originals(
    pictures: NDArray[np.uint8], prompts: Sequence[Prompt], seed: int
) -> list[NDArray[np.uint8]]:
    """Rows of ``COLUMNS`` procedural textures, each above a row of what was generated for the same words.

    pictures: N x 128 x 128 x 3, for prompts. seed: of the textures, held out. Of each material its first prompt.
    """
    places = {prompt.material: i for i, prompt in reversed(list(enumerate(prompts)))}
    chosen = [places[NAMES.index(name)] for name in ASKED_FIRST if NAMES.index(name) in places]
    shown = originals([prompts[i] for i in chosen], seed)
    rows: list[NDArray[np.uint8]] = []
    for start in range(0, len(chosen), COLUMNS):
        rows += [*shown[start : start + COLUMNS], *pictures[chosen[start : start + COLUMNS]]]
    return rows
