# SPDX-License-Identifier: GPL-3.0-or-later
"""Text-to-image: from noise alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...geometry import Size
from ...request import ImageArray, Request
from ...resampling import resize
from ..inpaint_channels import everything, mask_beside
from .task import Beginning, Bench, Fit, Task, start


@dataclass(frozen=True)
class FromText(Task):
    """canvas: the size that the artist asked for."""

    canvas: Size

    @classmethod
    def of_request(cls, request: Request, grid: Fit) -> FromText:
        canvas = Size(request.sampling.width, request.sampling.height)
        return cls(grid.fit(canvas, request.tiling), request.tiling, canvas)

    def begin(self, bench: Bench) -> Beginning:
        x = start(bench, None, bench.noise())
        if not bench.sees_mask:
            return Beginning(x)
        grey = np.full((self.size.height, self.size.width, 3), 128, np.uint8)
        return Beginning(x, [mask_beside(bench, grey, everything(self.size))])

    def finish(self, pixels: ImageArray) -> ImageArray:
        return resize(pixels, self.canvas, self.tiling)
