# SPDX-License-Identifier: GPL-3.0-or-later
"""Between pixels and what an autoencoder takes and gives (Kingma & Welling 2013)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..masks import Levels
from ..request import ImageArray
from .loop import Array, Draw

Values = NDArray[np.float32]
"""A picture, height x width x 3, -1 .. 1."""


class LatentDistribution(NamedTuple):
    """What an encoder knows of the latents of a picture: a normal distribution, (1, C, h, w) each, of variance about 1
    altogether.
    """

    mean: Array
    deviation: Array

    def sample(self, draw: Draw) -> Array:
        """Latents (n, C, h, w) for n draws of noise of a unit normal distribution."""
        return self.mean + self.deviation * draw()


Encode = Callable[[Values], LatentDistribution]


def cached(encode: Encode) -> Encode:
    """``encode`` that reads each picture once."""
    read: dict[bytes, LatentDistribution] = {}

    def encode_once(values: Values) -> LatentDistribution:
        key = hashlib.sha256(values.tobytes()).digest()
        if key not in read:
            read[key] = encode(values)
        return read[key]

    return encode_once


def values_of(picture: ImageArray) -> Values:
    """What an encoder takes, of uint8 pixels, height x width x 3."""
    return picture.astype(np.float32) / 255 * 2 - 1


def to_pixels(picture: NDArray[np.float32]) -> ImageArray:
    """uint8, height x width x 3, from a decoded picture (3, h, w)."""
    values = (picture / 2 + np.float32(0.5)).clip(0, 1).transpose(1, 2, 0)
    pixels: ImageArray = np.rint(values * 255).astype(np.uint8)
    return pixels


def cells_of(mask: Levels, side: int) -> NDArray[np.float32]:
    """(1, 1, h, w), 1 where the picture is made anew; one pixel decides for each latent of ``side`` pixels."""
    return (mask[::side, ::side] >= 128).astype(np.float32)[None, None]
