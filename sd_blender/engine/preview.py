# SPDX-License-Identifier: GPL-3.0-or-later
"""What a picture looks like so far: a linear map from the latent channels to RGB, pixel by pixel.

The autoencoder's latents are close enough to a small picture in other colours that a C x 3 matrix shows
composition and colour. A decoder would show more, and cost as much as many denoising steps.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import ModelRefused
from ..core.request import ImageArray

PREVIEW_FILE = "latent_preview.json"
_PROBE = 16
"""Side in latents of the picture that the map is fitted on."""


@dataclass(frozen=True)
class LatentPreview:
    """rgb = latents @ matrix + bias, in -1..1, for latents as the U-Net sees them. matrix: C x 3. bias: 3."""

    matrix: NDArray[np.float32]
    bias: NDArray[np.float32]

    def picture(self, latents: Tensor) -> ImageArray:
        """uint8, height x width x 3, one pixel per latent, from ``latents`` (C, height, width)."""
        values = latents.float().cpu().numpy().transpose(1, 2, 0) @ self.matrix + self.bias
        values = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=-1.0)
        return np.rint((np.clip(values, -1, 1) + 1) * 127.5).astype(np.uint8)

    @classmethod
    def of_model(cls, folder: Path, vae: AutoencoderKL) -> LatentPreview:
        """The map that ships with the model (``latent_preview.json``), or else one fitted to its encoder."""
        path = folder / PREVIEW_FILE
        return cls.read(path, vae.config.latent_channels) if path.is_file() else cls.fit(vae)

    @classmethod
    def read(cls, path: Path, channels: int) -> LatentPreview:
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            matrix, bias = np.array(stored["matrix"], np.float32), np.array(stored["bias"], np.float32)
            if matrix.shape != (channels, 3) or bias.shape != (3,):
                raise ValueError(f"their shapes are {matrix.shape} and {bias.shape}")
            return cls(matrix, bias)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise ModelRefused(
                f"{path} holds no {channels} x 3 matrix and bias; delete it and previews will be estimated.",
                details=str(error),
            ) from error

    @classmethod
    @torch.no_grad()
    def fit(cls, vae: AutoencoderKL) -> LatentPreview:
        """Least squares of colours on latents, over one small picture of smooth random colours."""
        factor = 2 ** (len(vae.config.block_out_channels) - 1)
        coarse = (
            torch.rand(1, 3, _PROBE // 2, _PROBE // 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
        )
        image = torch.nn.functional.interpolate(coarse, size=_PROBE * factor, mode="bilinear")
        latents = vae.encode(image.to(vae.device)).latent_dist.mean.float().cpu() * vae.config.scaling_factor
        colours = torch.nn.functional.avg_pool2d(image, factor)
        known = np.nan_to_num(latents[0].flatten(1).T.numpy())
        known = np.concatenate([known, np.ones((len(known), 1), np.float32)], axis=1)
        wanted = colours[0].reshape(3, -1).T.numpy()
        # The cut-off matters: a latent channel that follows from the others must not get a huge weight.
        solution = np.linalg.lstsq(known, wanted, rcond=1e-3)[0].astype(np.float32)
        return cls(solution[:-1], solution[-1])


def predicted_original(seen: Tensor, output: Tensor, timestep: Tensor, scheduler: SchedulerMixin) -> Tensor:
    """x_0 as the model sees it at ``timestep``, whatever the scheduler.

    seen: the U-Net's input x_t (n, C or more, h, w), which every scheduler scales to q(x_t | x_0) =
    sqrt(abar) x_0 + sqrt(1 - abar) eps. output: the U-Net's (guided) output (n, C, h, w). Timesteps between
    two trained ones, as Karras spacing has them, take abar between theirs.
    """
    abar = abar_at(float(timestep), scheduler.alphas_cumprod)
    noisy = seen[: len(output), : output.shape[1]]
    kind = scheduler.config.prediction_type
    if kind == "v_prediction":
        return abar**0.5 * noisy - (1 - abar) ** 0.5 * output
    if kind == "sample":
        return output
    return (noisy - (1 - abar) ** 0.5 * output) / max(abar, 1e-8) ** 0.5


def abar_at(timestep: float, abars: Tensor) -> float:
    low = min(max(int(timestep), 0), len(abars) - 1)
    high = min(low + 1, len(abars) - 1)
    share = min(max(timestep - low, 0.0), 1.0)
    return float(abars[low]) * (1 - share) + float(abars[high]) * share
