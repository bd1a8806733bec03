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
from ..core.wildcards import Prompts
from . import pipelines
from .canvas import Work
from .device import dtype_of, images_per_call
from .gradient_guidance import guided
from .guards import NotFinite, blank_warning, cut_warning, require_finite
from .guides import guides_of
from .models import LoadedModel
from .pipelines import Denoising, OnStep
from .schedulers import Schedule
from .text_readers import chunks_needed, condition

_OVERFLOW = "The {network} overflowed in half precision and was run in float32 instead."


class Generation:
    """The pictures of one request.

    prompts: the words of each picture. changes: sentences about what had to be done in another way, which may grow
    while the pictures are made. steps: how often the step callback will be called for each picture.
    """

    def __init__(
        self,
        request: Request,
        prompts: Sequence[Prompts],
        model: LoadedModel,
        work: Work,
        changes: Sequence[str] = (),
    ) -> None:
        self._request = request
        self._prompts = prompts
        self._model = model
        self._work = work
        self._changes = changes
        sampling = request.sampling
        self._schedule = Schedule.fit(
            sampling.scheduler, model.scheduler_config, sampling.steps, work.strength
        )
        self.steps = self._schedule.evaluations
        self._overflows: tuple[str, ...] = ()
        self._guide_changes: list[str] = []

    def batches(self) -> list[range]:
        """The indices of the pictures that are denoised together; their texts are as long as each other.

        A picture beside one with a longer text would have to see padding that it does not see alone.
        """
        count = self._request.sampling.count
        together = images_per_call(self._model.device, self._work.size, count)
        scale = self._request.sampling.guidance_scale
        lengths = [chunks_needed(self._model.text, words, scale) for words in self._prompts]
        batches: list[range] = []
        for index in range(count):
            last = batches[-1] if batches else range(0)
            if last and len(last) < together and lengths[index] == lengths[last.start]:
                batches[-1] = range(last.start, index + 1)
            else:
                batches.append(range(index, index + 1))
        return batches

    def pictures(self, batch: range, on_step: Callable[[range], OnStep]) -> list[GeneratedImage]:
        """The pictures of the indices ``batch``; ``on_step`` makes the step callback for them.

        Raises BadResult when the model gives something that is no picture.
        """
        try:
            latents = self._denoise(batch, on_step(batch))
        except NotFinite:
            if dtype_of(self._model.unet) == torch.float32:
                raise
            latents = None
        if latents is None:
            # Half precision overflows in some U-Nets. From now on this model's runs in float32.
            self._model.unet.to(torch.float32)
            self._overflows += (_OVERFLOW.format(network="U-Net"),)
            latents = self._denoise(batch, on_step(batch))
        # One at a time: the decoder needs far more memory than the U-Net.
        return [self._picture(latent, index) for latent, index in zip(latents.split(1), batch, strict=True)]

    def _denoise(self, batch: range, on_step: OnStep) -> Tensor:
        tasks, work, sampling = self._model.pipelines, self._work, self._request.sampling
        prompts = self._prompts[batch.start : batch.stop]
        seeds = tuple(map(sampling.seed_of, batch))
        guides = guides_of(self._request, self._model, prompts, seeds, self._guide_changes)
        how = Denoising(
            conditioning=condition(self._model.text, prompts, sampling.guidance_scale),
            scheduler=guided(self._schedule.scheduler(), guides),
            steps=self._schedule.steps,
            seeds=seeds,
            on_step=on_step,
        )
        if work.image is None:
            latents = pipelines.text_to_image(tasks, how, work.size)
        elif work.mask is None:
            latents = pipelines.image_to_image(tasks, how, work.image, self._schedule.strength)
        else:
            latents = pipelines.inpaint(tasks, how, work.image, work.mask, self._schedule.strength)
        require_finite(latents, "U-Net")
        return latents

    def _picture(self, latent: Tensor, index: int) -> GeneratedImage:
        decoded = decode(self._model.vae, latent)
        words = self._prompts[index]
        warnings = [*_cuts(words, self._model), *self._overflows, *self._changes, *self._guide_changes]
        if dtype_of(self._model.vae) != torch.float32 and not bool(torch.isfinite(decoded).all()):
            # Half precision overflows in some decoders. From now on this model's runs in float32.
            self._model.vae.to(torch.float32)
            decoded = decode(self._model.vae, latent)
            warnings.append(_OVERFLOW.format(network="autoencoder"))
        require_finite(decoded, "autoencoder")
        drawn = to_pixels(decoded)
        blank = blank_warning(drawn)
        if blank:
            warnings.append(blank)
        pixels = self._work.finish(drawn)
        return GeneratedImage(
            pixels,
            self._request.sampling.seed_of(index),
            seam_error(pixels),
            tuple(warnings),
            prompt=words.prompt,
            negative_prompt=words.negative_prompt,
        )


def decode(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Pictures (n, 3, h, w), about -1..1, from latents as the U-Net leaves them."""
    picture: Tensor = vae.decode(latents / vae.config.scaling_factor, return_dict=False)[0]
    return picture


def to_pixels(picture: Tensor) -> ImageArray:
    """uint8, height x width x 3, from one decoded picture (1, 3, h, w)."""
    values = (picture[0] / 2 + 0.5).clamp(0, 1).permute(1, 2, 0).float().cpu().numpy()
    return np.rint(values * 255).astype(np.uint8)


def _cuts(words: Prompts, model: LoadedModel) -> tuple[str, ...]:
    prompts = ((words.prompt, "prompt"), (words.negative_prompt, "negative prompt"))
    cuts = (cut_warning(model.tokenizer, text, label) for text, label in prompts)
    return tuple(cut for cut in cuts if cut)
