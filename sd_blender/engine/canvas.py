# SPDX-License-Identifier: GPL-3.0-or-later
"""From the artist's canvas to pictures the model can make, and back.

One rule joins the two sizes: the model works at the canvas's size rounded up, and the result is resampled
(Lanczos) to exactly the canvas. Nothing is cut off, since a cut would break the seam of a tiling texture;
along axes that tile the resampling wraps around as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..core.geometry import Size, inpaint_region, round_up, working_size
from ..core.pixels import composite, feather_mask
from ..core.request import ImageArray, ImageToImage, Inpaint, MaskArray, Request, Tiling

_LANCZOS_SUPPORT = 3


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


@dataclass(frozen=True)
class Work:
    """What the model is to make: a picture of ``size``, from an image and a mask of that size where there are any.

    finish: turns the model's picture (uint8, ``size``) into the canvas.
    """

    size: Size
    tiling: Tiling
    finish: Callable[[ImageArray], ImageArray]
    image: Image.Image | None = None
    mask: Image.Image | None = None
    strength: float = 1.0


def plan(request: Request, grid: Grid) -> Work:
    if isinstance(request, Inpaint):
        return _plan_inpaint(request, grid)
    canvas = Size(request.sampling.width, request.sampling.height)
    size = grid.fit(canvas, request.tiling)

    def finish(pixels: ImageArray) -> ImageArray:
        return resize(pixels, canvas, request.tiling)

    if isinstance(request, ImageToImage):
        image = Image.fromarray(resize(request.image[..., :3], size, request.tiling))
        return Work(size, request.tiling, finish, image, strength=request.strength)
    return Work(size, request.tiling, finish)


def _plan_inpaint(request: Inpaint, grid: Grid) -> Work:
    """Roll the canvas so that a mask across a wrapped edge is in one piece, then work on the region around it."""
    # The feather needs new pixels to blend in as far as it reaches.
    margin = max(request.context, request.feather) if request.crop_to_mask else max(request.mask.shape)
    rows, columns = request.mask.any(axis=1), request.mask.any(axis=0)
    shift, region = inpaint_region(rows, columns, margin, request.tiling)
    mask = np.roll(request.mask, shift, axis=(0, 1))
    image = np.roll(request.image[..., :3], shift, axis=(0, 1))
    canvas = Size(mask.shape[1], mask.shape[0])
    # Only a region that spans the canvas has its other edge for a neighbour.
    tiling = Tiling.of(
        x=request.tiling.wraps_x and region.width == canvas.width,
        y=request.tiling.wraps_y and region.height == canvas.height,
    )
    size = grid.fit(working_size(region, request.sampling, grid.side), tiling)
    alpha = feather_mask(request.mask, request.feather, request.tiling)

    def finish(pixels: ImageArray) -> ImageArray:
        generated = image.copy()
        generated[region.slices] = resize(pixels, region.size, tiling)
        return composite(request.image, np.roll(generated, (-shift[0], -shift[1]), axis=(0, 1)), alpha)

    return Work(
        size,
        tiling,
        finish,
        Image.fromarray(resize(image[region.slices], size, tiling)),
        Image.fromarray(_cells_to_change(mask[region.slices], size, grid.latent)),
        request.strength,
    )


def _cells_to_change(mask: MaskArray, size: Size, cell: int) -> ImageArray:
    """The mask at the model's size: white in every latent cell that the mask touches.

    diffusers looks at one pixel per cell, and would miss a stroke narrower than a cell.
    """
    touched = Image.fromarray((mask > 0).astype(np.uint8) * 255)
    touched = touched.resize((size.width, size.height), Image.Resampling.BILINEAR)
    cells = np.asarray(touched).reshape(size.height // cell, cell, size.width // cell, cell).max(axis=(1, 3))
    return np.where(cells > 0, np.uint8(255), np.uint8(0)).repeat(cell, axis=0).repeat(cell, axis=1)


def resize(pixels: ImageArray, size: Size, tiling: Tiling) -> ImageArray:
    """``pixels`` resampled to ``size``, as a torus along the axes of ``tiling``; the same array if it has that size."""
    height, width = pixels.shape[:2]
    if (width, height) == (size.width, size.height):
        return pixels
    pad_x = _reach(width, size.width) if tiling.wraps_x else 0
    pad_y = _reach(height, size.height) if tiling.wraps_y else 0
    padded = Image.fromarray(np.pad(pixels, ((pad_y, pad_y), (pad_x, pad_x), (0, 0)), mode="wrap"))
    inner = (pad_x, pad_y, pad_x + width, pad_y + height)
    return np.asarray(padded.resize((size.width, size.height), Image.Resampling.LANCZOS, box=inner))


def _reach(old: int, new: int) -> int:
    """Pixels beyond the edge that the Lanczos filter looks at."""
    return math.ceil(_LANCZOS_SUPPORT * max(1.0, old / new)) + 1
