# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the twelve colour words fits a picture, by rules of hue and lightness in OKLab (Ottosson 2020)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEUTRAL_CHROMA = 0.045
"""Mean chroma of the more colourful half of the pixels under which a picture counts as black, grey or white."""
BANDS = (
    # from this hue angle in degrees on; red is also pink and orange is also brown, which lightness decides
    (-15.0, "red"),
    (44.0, "orange"),
    (80.0, "yellow"),
    (115.0, "green"),
    (170.0, "teal"),
    (225.0, "blue"),
    (285.0, "purple"),
    (325.0, "pink"),
)


def to_oklab(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """H x W x 3 sRGB bytes to OKLab: L 0 .. 1, a and b about -0.3 .. 0.3."""
    x = pixels.astype(np.float64) / 255
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    cones = linear @ np.array(
        [
            [0.4122214708, 0.2119034982, 0.0883024619],
            [0.5363325363, 0.6806995451, 0.2817188376],
            [0.0514459929, 0.1073969566, 0.6299787005],
        ]
    )
    return np.cbrt(cones) @ np.array(
        [
            [0.2104542553, 1.9779984951, 0.0259040371],
            [0.7936177850, -2.4285922050, 0.7827717662],
            [-0.0040720468, 0.4505937099, -0.8086757660],
        ]
    )


def name_colour(pixels: NDArray[np.uint8]) -> str:
    """One of the twelve colour words for H x W x 3 bytes. Mortar and shadows count little: chroma weighs the hue."""
    lab = to_oklab(pixels).reshape(-1, 3)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    vivid = chroma >= np.median(chroma)
    if chroma[vivid].mean() < NEUTRAL_CHROMA:
        return _neutral(lab[:, 0])
    lightness, a, b = np.average(lab[vivid], axis=0, weights=chroma[vivid])
    hue = (np.degrees(np.arctan2(b, a)) + 15) % 360 - 15
    name = [word for start, word in BANDS if hue >= start][-1]
    strength = float(np.hypot(a, b))
    if (name == "red" and lightness > 0.64 and hue < 25) or (name == "pink" and lightness < 0.5):
        return "pink" if name == "red" else "purple"
    if (name == "orange" or (name == "red" and hue > 34)) and (
        lightness < 0.52 or (strength < 0.085 and lightness < 0.6)
    ):
        return "brown"
    return name


def _neutral(lightness: NDArray[np.float64]) -> str:
    middle = float(
        np.percentile(lightness, 65)
    )  # above the median: joints and shadows are darker than the material
    return "black" if middle < 0.42 else "white" if middle > 0.80 else "grey"
