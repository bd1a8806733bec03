# SPDX-License-Identifier: GPL-3.0-or-later
"""U-Nets that were trained to inpaint: beside the latents they take the mask and the latents of the masked picture.

Rombach et al. 2022, section 4.5: C + 1 + C channels in all. Such a model makes any picture by inpainting.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..geometry import Size
from ..masks import Levels
from ..request import ImageArray
from .latents import cells_of, values_of
from .loop import Array, Condition, Moment
from .tasks.task import Bench

CHANNELS = "channels"
"""The input of a moment that lies beside the latents: arrays (n or 1, more, h, w), one under the other."""


@dataclass(frozen=True)
class InpaintChannels(Condition):
    """new: the mask, 1 where the picture is made anew, (1, 1, h, w). kept: latents of the rest of it, (n, C, h, w)."""

    new: Array
    kept: Array

    def before(self, moment: Moment) -> None:
        moment.inputs[CHANNELS] = (self.new, self.kept)


def mask_beside(bench: Bench, image: ImageArray, mask: Levels) -> InpaintChannels:
    """image: RGB. mask: 255 where it is made anew; what is under it is not shown."""
    kept = values_of(image)
    kept[mask >= 128] = 0
    masked = bench.encode(kept).sample(bench.noise)
    return InpaintChannels(bench.array(cells_of(mask, image.shape[1] // masked.shape[-1])), masked)


def everything(size: Size) -> Levels:
    """A mask that leaves nothing as it is."""
    return np.full((size.height, size.width), 255, np.uint8)
