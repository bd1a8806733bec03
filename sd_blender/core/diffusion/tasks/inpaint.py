# SPDX-License-Identifier: GPL-3.0-or-later
"""Inpainting: a part of a picture is made anew, all else stays what it is, to the bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ... import masks
from ...geometry import Region, Size, inpaint_region, working_size
from ...masks import Levels
from ...pixels import composite, feather_mask
from ...request import ImageArray, Inpaint, MaskArray, Tiling
from ...resampling import BILINEAR, resize
from ..inpaint_channels import mask_beside
from ..known_part import KnownPart
from ..latents import cells_of, values_of
from .task import Beginning, Bench, Fit, Task, start


@dataclass(frozen=True)
class PaintedOver(Task):
    """image: RGB, the region to work on at the size to work at. mask: 255 where it is made anew, in
    whole latents. change: how much may change there, the strength. side: pixels along one latent.

    canvas: the whole picture, rolled by ``shift`` pixels so that the mask is in one piece. region: the part of it that
    is worked on. alpha: how much of each pixel there is new, 0 .. 1.
    """

    image: ImageArray
    mask: Levels
    change: float
    side: int
    canvas: ImageArray
    shift: tuple[int, int]
    region: Region
    alpha: MaskArray

    @classmethod
    def of_request(cls, request: Inpaint, grid: Fit) -> PaintedOver:
        """Roll the canvas so that a mask across a wrapped edge is in one piece, then work on the region around it."""
        # The feather needs new pixels to blend in as far as it reaches.
        margin = max(request.context, request.feather) if request.crop_to_mask else max(request.mask.shape)
        mask = masks.settled(request.mask)
        shift, region = inpaint_region(mask.any(axis=1), mask.any(axis=0), margin, request.tiling)
        mask = np.roll(mask, shift, axis=(0, 1))[region.slices]
        canvas = np.roll(request.image, shift, axis=(0, 1))
        # Only a region that spans the canvas has its other edge for a neighbour.
        tiling = Tiling.of(
            x=request.tiling.wraps_x and region.width == canvas.shape[1],
            y=request.tiling.wraps_y and region.height == canvas.shape[0],
        )
        size = grid.fit(working_size(region, request.sampling, grid.side), tiling)
        return cls(
            size,
            tiling,
            image=resize(canvas[region.slices][..., :3], size, tiling),
            mask=_cells_to_change(mask, size, grid.latent),
            change=request.strength,
            side=grid.latent,
            canvas=canvas,
            shift=shift,
            region=region,
            alpha=feather_mask(mask, request.feather, tiling),
        )

    @property
    def strength(self) -> float:
        return self.change

    def begin(self, bench: Bench) -> Beginning:
        """A network that takes the latents alone gets the known part put back; another sees mask and masked picture."""
        from_noise = self.change == 1
        if bench.sees_mask:
            x0 = None if from_noise else bench.encode(values_of(self.image)).sample(bench.noise)
            x = start(bench, x0, bench.noise())
            return Beginning(x, [mask_beside(bench, self.image, self.mask)])
        x0 = bench.encode(values_of(self.image)).sample(bench.noise)
        eps = bench.noise()
        # The draw with which diffusers encodes a masked picture here, though nothing looks at it.
        bench.noise()
        x = start(bench, None if from_noise else x0, eps)
        new = bench.array(cells_of(self.mask, self.side))
        return Beginning(x, [KnownPart(new, x0, eps)])

    def finish(self, pixels: ImageArray) -> ImageArray:
        result = self.canvas.copy()
        generated = resize(pixels, self.region.size, self.tiling)
        result[self.region.slices] = composite(self.canvas[self.region.slices], generated, self.alpha)
        return np.roll(result, (-self.shift[0], -self.shift[1]), axis=(0, 1))


def _cells_to_change(mask: MaskArray, size: Size, cell: int) -> Levels:
    """The mask at the model's size: white in every latent cell that the mask touches.

    diffusers looks at one pixel per cell, and would miss a stroke narrower than a cell.
    """
    touched = resize((mask > 0).astype(np.uint8) * np.uint8(255), size, Tiling.OFF, BILINEAR)
    cells = touched.reshape(size.height // cell, cell, size.width // cell, cell).max(axis=(1, 3))
    return np.where(cells > 0, np.uint8(255), np.uint8(0)).repeat(cell, axis=0).repeat(cell, axis=1)
