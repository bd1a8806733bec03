# SPDX-License-Identifier: GPL-3.0-or-later
"""What a picture looks like so far: a linear map from the latent channels to RGB, pixel by pixel.

The autoencoder's latents are close enough to a small picture in other colours that a C x 3 matrix shows
composition and colour. A decoder would show more, and cost as much as many denoising steps.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .errors import ModelRefused
from .request import ImageArray
from .sentence import Sentence

PREVIEW_FILE = "latent_preview.json"


@dataclass(frozen=True)
class LatentPreview:
    """rgb = latents @ matrix + bias, in -1..1, for latents as the U-Net sees them. matrix: C x 3. bias: 3."""

    matrix: NDArray[np.float32]
    bias: NDArray[np.float32]

    def picture(self, latents: Any) -> ImageArray:
        """uint8, height x width x 3, one pixel per latent, from ``latents`` (C, height, width) in main memory."""
        values = np.asarray(latents, np.float32).transpose(1, 2, 0) @ self.matrix + self.bias
        values = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=-1.0)
        pixels: ImageArray = np.rint((np.clip(values, -1, 1) + 1) * 127.5).astype(np.uint8)
        return pixels

    @classmethod
    def read(cls, path: Path, channels: int) -> Self:
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            matrix, bias = np.array(stored["matrix"], np.float32), np.array(stored["bias"], np.float32)
            if matrix.shape != (channels, 3) or bias.shape != (3,):
                raise ValueError(f"their shapes are {matrix.shape} and {bias.shape}")
            return cls(matrix, bias)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise ModelRefused(
                Sentence(
                    "{path} holds no {channels} x 3 matrix and bias; delete it and previews will be "
                    "estimated.",
                    path=path,
                    channels=channels,
                ),
                details=str(error),
            ) from error
