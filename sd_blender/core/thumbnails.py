# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures small enough to keep hundreds of them in a .blend: made on the generation thread, read with suspicion."""

from __future__ import annotations

import zlib

import numpy as np

from .pixels import FloatArray, to_blender
from .request import ImageArray

SIDE = 64
"""Pixels of the longer side: at most 12 kB, so that hundreds of them cost the opening of a file some milliseconds."""

SAMPLES = 4
"""Pixels per side that are averaged into one: all of them would take ten times as long on a big texture."""


def make(pixels: ImageArray) -> bytes:
    """A thumbnail of ``pixels`` (uint8, height x width x 3 or 4, row 0 at the top); alpha is left out.

    One byte each for width and height, then the RGB rows, compressed.
    """
    small = shrink(pixels[..., :3])
    height, width = small.shape[:2]
    return bytes((width, height)) + zlib.compress(small.tobytes(), 1)


def read(data: object) -> tuple[int, int, FloatArray] | None:
    """Width, height and flat RGBA of Blender's kind, or None for anything but a thumbnail: it may be a stranger's."""
    if not isinstance(data, bytes) or len(data) < 2:
        return None
    width, height = data[:2]
    size = width * height * 3
    if not (1 <= width <= SIDE and 1 <= height <= SIDE):
        return None
    try:
        rows = zlib.decompressobj().decompress(data[2:], size + 1)
    except zlib.error:
        return None
    if len(rows) != size:
        return None
    return width, height, to_blender(np.frombuffer(rows, np.uint8).reshape(height, width, 3))


def shrink(pixels: ImageArray, side: int = SIDE, samples: int = SAMPLES) -> ImageArray:
    """``pixels`` (uint8, height x width x channels) with ``side`` pixels on the longer side, or as they are.

    samples: pixels per side that are averaged into one.
    """
    step = max(1, max(pixels.shape[:2]) // (samples * side))
    mean = pixels[::step, ::step].astype(np.float32)
    scale = min(1.0, side / max(mean.shape[:2]))
    for axis, length in enumerate(mean.shape[:2]):
        wanted = max(1, round(length * scale))
        edges = np.arange(wanted) * length // wanted
        counts = np.diff(edges, append=length).astype(np.float32)
        mean = np.add.reduceat(mean, edges, axis=axis) / counts.reshape([-1, 1, 1] if axis == 0 else [-1, 1])
    return np.rint(mean).astype(np.uint8)
