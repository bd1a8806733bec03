# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the generated pictures as a whole lie from the originals: the Fréchet distance of features, as in FID
(Heusel et al. 2017, arXiv:1706.08500), with our own judge in place of Inception.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ..schedule import to_tensor
from ..textures import make_sample
from ..textures.captions import Description
from .classifier import NAMES, Classifier
from .measures import Prompt


def frechet_distance(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Of two sets of features, N x d and M x d, each taken as a normal distribution:

    |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2)). 0 for equal ones. N and M should be above d.
    """
    a, b = (np.asarray(x, dtype=np.float64) for x in (first, second))
    mean, c1, c2 = a.mean(0) - b.mean(0), np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values, vectors = np.linalg.eigh(c1)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    # The eigenvalues of C1 C2 are those of the symmetric root(C1) C2 root(C1).
    cross = np.sqrt(np.linalg.eigvalsh(root @ c2 @ root).clip(0)).sum()
    return float(mean @ mean + np.trace(c1) + np.trace(c2) - 2 * cross)


def originals(prompts: Sequence[Prompt], seed: int) -> NDArray[np.uint8]:
    """What the procedural textures show for the same prompts, N x 128 x 128 x 3."""
    described = [Description(NAMES[p.material], NAMES[p.material], p.colour) for p in prompts]
    return np.stack([make_sample(seed, i, 128, d).pixels for i, d in enumerate(described)])


@torch.no_grad()
def features(judge: Classifier, pixels: NDArray[np.uint8], batch: int = 64) -> NDArray[np.float32]:
    """What the judge looks at before it names a material, N x d."""
    parts = [judge.describe(to_tensor(pixels[i : i + batch])) for i in range(0, len(pixels), batch)]
    return torch.cat(parts).numpy()


def distances(
    judge: Classifier, pictures: NDArray[np.uint8], prompts: Sequence[Prompt], seed: int
) -> dict[str, float]:
    """Of the generated pictures to originals of the same prompts; `floor`: of two sets of originals to each other."""
    first, second = (features(judge, originals(prompts, seed + i)) for i in range(2))
    return {
        "generated": frechet_distance(features(judge, pictures), first),
        "floor": frechet_distance(second, first),
    }
