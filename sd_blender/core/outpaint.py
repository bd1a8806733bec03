# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture on a larger canvas, and the mask of what is to be made anew there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidRequest
from .geometry import Size
from .request import ImageArray
from .sentence import Sentence
from .validation import MAX_SIDE, MIN_SIDE


@dataclass(frozen=True)
class Margins:
    """Pixels that are added on each side."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0


def grown_size(size: Size, margins: Margins) -> Size:
    """The size of the canvas with its margins. Raises InvalidRequest when nothing is added, or too much."""
    grown = Size(
        size.width + margins.left + margins.right,
        size.height + margins.top + margins.bottom,
    )
    if grown == size:
        raise InvalidRequest("pixels", "No side was chosen to grow; choose one and a number of pixels.")
    if min(grown.shape) < MIN_SIDE or max(grown.shape) > MAX_SIDE:
        raise InvalidRequest(
            "pixels",
            Sentence(
                "The canvas would have {width} x {height} pixels; each side must be from {min_side} to "
                "{max_side}, so choose another number of pixels.",
                width=grown.width,
                height=grown.height,
                min_side=MIN_SIDE,
                max_side=MAX_SIDE,
            ),
        )
    return grown


def grow(image: ImageArray, margins: Margins) -> ImageArray:
    """The image (uint8, height x width x 3 or 4) with margins that repeat its outermost pixels, opaque.

    Inpainting keeps the alpha it finds, so that a transparent margin would stay unseen.
    """
    pad = (margins.top, margins.bottom), (margins.left, margins.right)
    grown = np.pad(image, (*pad, (0, 0)), mode="edge")
    if grown.shape[2] == 4:
        grown[..., 3] = np.pad(image[..., 3], pad, constant_values=255)
    return grown


def border_mask(size: Size, margins: Margins, overlap: int) -> NDArray[np.uint8]:
    """White (255) in the margins around a picture of ``size``, and ``overlap`` pixels into it beside each of them.

    The overlap is cut to a quarter of the picture's smaller side, so that something of it is kept.
    """
    overlap = min(overlap, min(size.shape) // 4)
    grown = grown_size(size, margins)
    mask = np.full(grown.shape, 255, np.uint8)
    left, top = (side + overlap if side else 0 for side in (margins.left, margins.top))
    right, bottom = (side + overlap if side else 0 for side in (margins.right, margins.bottom))
    mask[top : grown.height - bottom, left : grown.width - right] = 0
    return mask
