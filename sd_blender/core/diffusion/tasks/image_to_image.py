# SPDX-License-Identifier: GPL-3.0-or-later
"""Image-to-image: from a picture with noise added to it (SDEdit, Meng et al. 2021, arXiv:2108.01073)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...geometry import Size
from ...request import ImageArray, ImageToImage
from ...resampling import resize
from ..inpaint_channels import everything, mask_beside
from ..latents import values_of
from .task import Beginning, Bench, Fit, Task, start


@dataclass(frozen=True)
class FromImage(Task):
    """image: RGB, of the size to work at. change: how much of it may change, the strength. canvas: the size that the
    artist asked for. alpha: of the canvas, height x width x 1, or without a last axis where the image has none.
    """

    image: ImageArray
    change: float
    canvas: Size
    alpha: ImageArray

    @classmethod
    def of_request(cls, request: ImageToImage, grid: Fit) -> FromImage:
        canvas = Size(request.sampling.width, request.sampling.height)
        size, tiling = grid.fit(canvas, request.tiling), request.tiling
        image = resize(request.image[..., :3], size, tiling)
        alpha = resize(request.image, canvas, tiling)[..., 3:]
        return cls(size, tiling, image, request.strength, canvas, alpha)

    @property
    def strength(self) -> float:
        return self.change

    def begin(self, bench: Bench) -> Beginning:
        if bench.sees_mask:
            # Such a network makes any picture by inpainting, here all of it.
            x0 = None if self.change == 1 else bench.encode(values_of(self.image)).sample(bench.noise)
            x = start(bench, x0, bench.noise())
            return Beginning(x, [mask_beside(bench, self.image, everything(self.size))])
        x0 = bench.encode(values_of(self.image)).sample(bench.noise)
        return Beginning(start(bench, x0, bench.noise()))

    def finish(self, pixels: ImageArray) -> ImageArray:
        made = resize(pixels, self.canvas, self.tiling)
        return np.dstack([made, self.alpha]) if self.alpha.size else made
