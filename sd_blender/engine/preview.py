# SPDX-License-Identifier: GPL-3.0-or-later
"""What a picture looks like so far, for models that do not say how their latents look."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL

from ..core import latent_preview
from ..core.latent_preview import PREVIEW_FILE

_PROBE = 16
"""Side in latents of the picture that the map is fitted on."""


class LatentPreview(latent_preview.LatentPreview):
    """The same of a model that may bring none."""

    @classmethod
    def of_model(cls, folder: Path, vae: AutoencoderKL) -> LatentPreview:
        """The map that ships with the model (``latent_preview.json``), or else one fitted to its encoder."""
        path = folder / PREVIEW_FILE
        return cls.read(path, vae.config.latent_channels) if path.is_file() else cls.fit(vae)

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
