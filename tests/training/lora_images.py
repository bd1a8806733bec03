# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of small images to train on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def stripes(index: int, width: int = 64, height: int = 64) -> np.ndarray:
    """A seamless tile: red and yellow stripes, each image with its own phase and width."""
    x = np.arange(width) / width
    wave = 0.5 + 0.5 * np.sin(2 * np.pi * (2 + index % 3) * x + index)
    colour = np.stack([np.full(width, 220.0), 40 + 180 * wave, np.full(width, 30.0)], axis=-1)
    return np.broadcast_to(colour, (height, width, 3)).round().astype(np.uint8)


def save_images(folder: Path, count: int = 4, name: str = "hot_stripes_{}.png", **size: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        Image.fromarray(stripes(index, **size)).save(folder / name.format(index))
    return folder
