# SPDX-License-Identifier: GPL-3.0-or-later
"""CLIP guidance: each step is pulled to where CLIP finds the prompt in the picture.

The picture is the one that the U-Net predicts, x_0, through the decoder. Its log likelihood under a text is taken to be
what CLIP was trained on, exp(tau) cos(image, text), with CLIP's own learned temperature; a scale of 1 then weighs it as
Bayes' rule would, and many times that is usual, as with every guidance.

The gradient is taken with respect to x_0, through CLIP and the decoder and not through the U-Net, which would need the
memory of training it. For latents of unit variance, as the scaling factor makes them, d x_0 / d x_t is about
sqrt(abar), the value for a unit normal distribution; then the move of x_0 (see :mod:`~.gradient_guidance`) is

    x_0' = x_0 + s (1 - abar) grad exp(tau) cos(CLIP(decoder(x_0)), CLIP(text))

which is finite for every abar, 0 included, and ends by itself as the noise ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...core.diffusion.estimate import Estimate
from ...core.request import Tiling
from ...core.sentence import Sentence
from ..autoencoder import Autoencoder
from ..clip_score import ClipScorer
from ..device import free_memory
from ..guards import NotFinite, is_out_of_memory, require_finite
from .gradient_guidance import GradientGuide

_NOISE_WORTH = 0.05
"""Noise (1 - abar) below which a step is not guided: the move would be a twentieth of what it was at the start."""

_SIDE = 512
"""Pixels per side that are decoded at most; of a larger picture it is another part at each step."""

_LEAST_SIDE = 64

_KEPT_VALUES = 2**24
"""Numbers in the decoder's last layers above which it is computed twice, to keep little of it for the gradient."""

_LIFT = 1024.0
"""What the similarity is multiplied by on its way back: small gradients vanish in half precision."""

_PARTS = "The memory ran out, so CLIP guidance looked at {side} x {side} pixels of the picture at a time."
_OVERFLOW = "The autoencoder overflowed in half precision and was run in float32 instead."


@dataclass
class ClipGuide(GradientGuide):
    """Guides pictures made together, each by its own text.

    texts: (n, d) of length 1, from :meth:`~..clip_score.ClipScorer.text_vectors`. scale: 0 or more. seeds: of the n
    pictures; they decide which part of a picture is looked at, so that no picture depends on its neighbours.
    changes: sentences on what had to be done in another way are added here.
    """

    autoencoder: Autoencoder
    scorer: ClipScorer
    texts: Tensor
    scale: float
    seeds: Sequence[int]
    tiling: Tiling = Tiling.OFF
    changes: list[str] = field(default_factory=list)
    side: int = _SIDE

    def __post_init__(self) -> None:
        self._per_latent = self.autoencoder.side
        self._random = [torch.Generator("cpu").manual_seed(seed) for seed in self.seeds]

    def move(self, found: Estimate) -> Tensor:
        """See :class:`~.gradient_guidance.GradientGuide`. Raises NotFinite when the gradient is none."""
        noise = 1 - found.level.abar
        if noise < _NOISE_WORTH:
            return torch.zeros_like(found.x0)
        # One at a time: the decoder's gradient needs far more memory than the U-Net.
        rows = zip(found.x0.split(1), self.texts.split(1), self._random, strict=True)
        return self.scale * noise * torch.cat([self._safely(*row) for row in rows])

    def _safely(self, original: Tensor, text: Tensor, random: torch.Generator) -> Tensor:
        """`gradient`, once more in another way where memory or precision did not suffice."""
        state = random.get_state()
        while True:
            self.side = min(self.side, self._per_latent * min(original.shape[-2:]))
            try:
                found = self.gradient(original, text, random)
                require_finite(found, "CLIP guidance")
                return found
            except NotFinite:
                if not self.autoencoder.widen():
                    raise
                self.changes.append(_OVERFLOW)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or self.side <= _LEAST_SIDE:
                    raise
                self.side //= 2
                self.changes.append(Sentence(_PARTS, side=self.side))
            # Outside the except block, where the traceback no longer holds the tensors.
            free_memory()
            random.set_state(state)

    def gradient(self, original: Tensor, text: Tensor, random: torch.Generator) -> Tensor:
        """Of exp(tau) cos(picture, text), by the predicted x_0, (1, C, h, w)."""
        with torch.enable_grad():
            latents = original.detach().requires_grad_()
            part = self._part(latents, random)
            self._keep_little(part)
            picture = self.autoencoder.decode(part)
            cosine = (self.scorer.picture_vectors(picture / 2 + 0.5) * text).sum()
            (found,) = torch.autograd.grad(_LIFT * cosine, latents)
        return found / _LIFT * self.scorer.clip.logit_scale.exp()

    def _part(self, latents: Tensor, random: torch.Generator) -> Tensor:
        """A square of the picture, as large as may be decoded; CLIP sees squares only.

        Along an axis that wraps it may begin anywhere, so that the edge is looked at like everything else.
        """
        height, width = latents.shape[-2:]
        side = min(height, width, self.side // self._per_latent)
        for axis, length, wraps in ((-2, height, self.tiling.wraps_y), (-1, width, self.tiling.wraps_x)):
            room = length if wraps else length - side + 1
            start = int(torch.randint(room, (), generator=random))
            latents = latents.roll(-start, axis).narrow(axis, 0, side)
        return latents

    def _keep_little(self, part: Tensor) -> None:
        pixels = part.shape[-2] * part.shape[-1] * self._per_latent**2
        network = self.autoencoder.network
        values = pixels * network.config.block_out_channels[0]
        if values > _KEPT_VALUES and not network.decoder.gradient_checkpointing:
            network.enable_gradient_checkpointing()
