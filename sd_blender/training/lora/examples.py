# SPDX-License-Identifier: GPL-3.0-or-later
"""Views as latents, encoded once: the autoencoder, which needs the most memory, is then put aside.

What is kept is the posterior N(mean, std^2) of each view, from which every step draws anew (Kingma & Welling 2014).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...core.diffusion.latents import LatentDistribution, values_of
from ...core.errors import BadResult
from ...core.request import ImageArray, Tiling
from ...core.training_request import Training
from ...engine.autoencoder import Autoencoder
from ...engine.device import dtype_of
from ...engine.guards import is_out_of_memory
from ...engine.memory_ladder import saving_memory
from ...engine.models import LoadedModel
from ...engine.text_readers import Framing
from ...engine.tiling import tiled
from ..schedule import StepRandom
from .images import Source, read_pixels
from .memory_plan import too_large
from .views import make_views

VIEWS = {"cuda": 8, "mps": 4, "cpu": 4}
MOST = 2048
"""Views of all images together; where there are many images, each needs fewer."""


@dataclass(frozen=True)
class Examples:
    """means, stds: of each view (4, h, w) in float16 on the CPU, scaled as the U-Net sees them.

    images: index of the image of each view. framings: of each view. buckets: indices of the views of each shape.
    notes: sentences on how they were made.
    """

    means: list[Tensor]
    stds: list[Tensor]
    images: list[int]
    framings: list[Framing]
    buckets: list[list[int]]
    tiling: Tiling
    notes: tuple[str, ...] = ()

    def draw(self, count: int, random: StepRandom) -> tuple[Tensor, list[int]]:
        """``count`` latents (count, C, h, w) in float32, all of one shape, and the indices of the views they are of."""
        rng = random.numpy
        first = int(rng.integers(len(self.means)))
        bucket = next(b for b in self.buckets if first in b)
        chosen = [first, *(bucket[int(i)] for i in rng.integers(len(bucket), size=count - 1))]
        drawn = []
        for index in chosen:
            mean, std = self.means[index].float(), self.stds[index].float()
            latent = mean + std * torch.randn(mean.shape, generator=random.torch)
            drawn.append(_rolled(latent, self.tiling, rng))
        return torch.stack(drawn), chosen


def _rolled(latent: Tensor, tiling: Tiling, rng: np.random.Generator) -> Tensor:
    height, width = latent.shape[-2:]
    down = int(rng.integers(height)) if tiling.wraps_y else 0
    right = int(rng.integers(width)) if tiling.wraps_x else 0
    return torch.roll(latent, (down, right), (-2, -1))


@torch.no_grad()
def encode(
    model: LoadedModel,
    sources: Sequence[Source],
    request: Training,
    announce: Callable[[str, float], None],
    check: Callable[[], None],
) -> Examples:
    """Read and encode the images, one view at a time. announce: told how far it is, 0..1. check: raises to stop.

    The same request gives the same views, so that a training that goes on sees what it saw. Raises OutOfMemory when
    even in tiles one does not fit.
    """
    vae, grid = model.vae, model.grid
    per_image = max(1, min(VIEWS.get(vae.device.type, 4), MOST // len(sources)))
    rng = np.random.default_rng(request.seed)
    means, stds, images, framings = [], [], [], []
    dtype = dtype_of(vae)
    vae.to(torch.float32)  # the encoders of some models overflow in half precision
    try:
        with (
            tiled(request.tiling, vae),
            saving_memory(model.denoiser, model.autoencoder, request.tiling, check) as changes,
        ):
            for index, source in enumerate(sources):
                announce(f"Reading {source.path.name}", index / len(sources))
                for view in make_views(read_pixels(source.path), request, grid, per_image, rng):
                    check()
                    latents = _encoded(model.autoencoder, view.pixels, request.size)
                    means.append(_kept(latents.mean))
                    stds.append(_kept(latents.deviation))
                    images.append(index)
                    framings.append(view.framing)
    finally:
        vae.to(dtype)
    shapes: dict[tuple[int, ...], list[int]] = {}
    for index, mean in enumerate(means):
        shapes.setdefault(tuple(mean.shape), []).append(index)
    return Examples(
        means, stds, images, framings, list(shapes.values()), request.tiling, tuple(dict.fromkeys(changes))
    )


def _encoded(autoencoder: Autoencoder, pixels: ImageArray, size: int) -> LatentDistribution:
    try:
        return autoencoder.encode(values_of(pixels))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        details = str(error)
    raise too_large(size, details)


def _kept(values: Tensor) -> Tensor:
    if not bool(torch.isfinite(values).all()):
        raise BadResult(
            "The autoencoder gave values that are not numbers for an image; choose another model."
        )
    return values[0].to(torch.float16).cpu()
