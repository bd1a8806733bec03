# SPDX-License-Identifier: GPL-3.0-or-later
"""One request on a loaded model: denoise, decode, finish, a few images at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from ..core.messages import GeneratedImage
from ..core.pixels import seam_error
from ..core.request import ImageArray, Request
from . import pipelines
from .canvas import Work
from .device import dtype_of, images_per_call
from .guards import NotFinite, blank_warning, cut_warning, require_finite
from .models import LoadedModel
from .pipelines import Denoising, OnStep
from .schedulers import Schedule

_OVERFLOW = "The {} overflowed in half precision and was run in float32 instead."


class Generation:
    """The pictures of one request.

    changes: sentences about what had to be done in another way, which may grow while the pictures are made. steps: how
    often the step callback will be called for each picture.
    """

    def __init__(self, request: Request, model: LoadedModel, work: Work, changes: Sequence[str] = ()) -> None:
        self._request = request
        self._model = model
        self._work = work
        self._changes = changes
        sampling = request.sampling
        self._schedule = Schedule.fit(
            sampling.scheduler, model.scheduler_config, sampling.steps, work.strength
        )
        self.steps = self._schedule.evaluations
        self._warnings = _cut_prompts(request, model)

    def batches(self) -> list[range]:
        """The indices of the pictures that are denoised together."""
        count = self._request.sampling.count
        together = images_per_call(self._model.device, self._work.size, count)
        return [range(first, min(first + together, count)) for first in range(0, count, together)]

    def pictures(self, batch: range, on_step: Callable[[range], OnStep]) -> list[GeneratedImage]:
        """The pictures of the indices ``batch``; ``on_step`` makes the step callback for them.

        Raises BadResult when the model gives something that is no picture.
        """
        seeds = tuple(self._request.sampling.seed_of(index) for index in batch)
        try:
            latents = self._denoise(seeds, on_step(batch))
        except NotFinite:
            if dtype_of(self._model.unet) == torch.float32:
                raise
            latents = None
        if latents is None:
            # Half precision overflows in some U-Nets. From now on this model's runs in float32.
            self._model.unet.to(torch.float32)
            self._warnings += (_OVERFLOW.format("U-Net"),)
            latents = self._denoise(seeds, on_step(batch))
        # One at a time: the decoder needs far more memory than the U-Net.
        return [self._picture(latent, seed) for latent, seed in zip(latents.split(1), seeds, strict=True)]

    def _denoise(self, seeds: tuple[int, ...], on_step: OnStep) -> Tensor:
        how = Denoising(
            prompt=self._request.prompt,
            negative_prompt=self._request.negative_prompt,
            guidance_scale=self._request.sampling.guidance_scale,
            scheduler=self._schedule.scheduler(),
            steps=self._schedule.steps,
            seeds=seeds,
            on_step=on_step,
        )
        tasks, work = self._model.pipelines, self._work
        if work.image is None:
            latents = pipelines.text_to_image(tasks, how, work.size)
        elif work.mask is None:
            latents = pipelines.image_to_image(tasks, how, work.image, self._schedule.strength)
        else:
            latents = pipelines.inpaint(tasks, how, work.image, work.mask, self._schedule.strength)
        require_finite(latents, "U-Net")
        return latents

    def _picture(self, latent: Tensor, seed: int) -> GeneratedImage:
        decoded = decode(self._model.vae, latent)
        warnings = [*self._warnings, *self._changes]
        if dtype_of(self._model.vae) != torch.float32 and not bool(torch.isfinite(decoded).all()):
            # Half precision overflows in some decoders. From now on this model's runs in float32.
            self._model.vae.to(torch.float32)
            decoded = decode(self._model.vae, latent)
            warnings.append(_OVERFLOW.format("autoencoder"))
        require_finite(decoded, "autoencoder")
        drawn = to_pixels(decoded)
        blank = blank_warning(drawn)
        if blank:
            warnings.append(blank)
        pixels = self._work.finish(drawn)
        return GeneratedImage(pixels, seed, seam_error(pixels), tuple(warnings))


def decode(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Pictures (n, 3, h, w), about -1..1, from latents as the U-Net leaves them."""
    picture: Tensor = vae.decode(latents / vae.config.scaling_factor, return_dict=False)[0]
    return picture


def to_pixels(picture: Tensor) -> ImageArray:
    """uint8, height x width x 3, from one decoded picture (1, 3, h, w)."""
    values = (picture[0] / 2 + 0.5).clamp(0, 1).permute(1, 2, 0).float().cpu().numpy()
    return np.rint(values * 255).astype(np.uint8)


def _cut_prompts(request: Request, model: LoadedModel) -> tuple[str, ...]:
    prompts = ((request.prompt, "prompt"), (request.negative_prompt, "negative prompt"))
    cuts = (cut_warning(model.tokenizer, text, label) for text, label in prompts)
    return tuple(cut for cut in cuts if cut)
