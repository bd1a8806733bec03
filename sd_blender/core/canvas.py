# SPDX-License-Identifier: GPL-3.0-or-later
"""From the artist's canvas to pictures the model can make, and back.

One rule joins the two sizes: the model works at the canvas's size rounded up, and the result is resampled
(Lanczos) to exactly the canvas. Nothing is cut off, since a cut would break the seam of a tiling texture;
along axes that tile the resampling wraps around as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .diffusion.tasks.image_to_image import FromImage
from .diffusion.tasks.inpaint import PaintedOver
from .diffusion.tasks.task import Task
from .diffusion.tasks.text_to_image import FromText
from .geometry import Size, round_up
from .request import ImageToImage, Inpaint, Request, Tiling


@dataclass(frozen=True)
class Grid:
    """Of what sides of a picture must be multiples for a model, in pixels.

    latent: side of one latent. coarse: side of one cell of the U-Net's coarsest level, which must close on itself
    along an axis that wraps.
    """

    latent: int
    coarse: int

    @property
    def side(self) -> int:
        """What every side must be a multiple of; 8 is diffusers' own demand."""
        return math.lcm(8, self.latent)

    def fit(self, size: Size, tiling: Tiling) -> Size:
        """The size to work at for a picture of ``size``: rounded up, and first enlarged if it is tiny.

        A U-Net whose coarsest level is a single cell has nothing to normalise over, and draws nothing sensible.
        """
        scale = max(1.0, 2 * self.coarse / max(size.width, size.height))
        wrapped = math.lcm(8, self.coarse)
        return Size(
            round_up(math.ceil(size.width * scale), wrapped if tiling.wraps_x else self.side),
            round_up(math.ceil(size.height * scale), wrapped if tiling.wraps_y else self.side),
        )


def plan(request: Request, grid: Grid) -> Task:
    """What the model is to make for ``request``, at a size that fits its ``grid``."""
    if isinstance(request, Inpaint):
        return PaintedOver.of_request(request, grid)
    if isinstance(request, ImageToImage):
        return FromImage.of_request(request, grid)
    return FromText.of_request(request, grid)
