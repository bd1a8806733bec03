# SPDX-License-Identifier: GPL-3.0-or-later
"""One request on a loaded model: denoise, decode, finish, a few images at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.diffusion.latents import LatentDistribution, Values, cached, to_pixels
from ..core.diffusion.loop import Condition, denoise
from ..core.diffusion.prompt_guidance import chunks_of, guidance_of
from ..core.diffusion.samplers import Plan
from ..core.diffusion.tasks.task import Bench, Task
from ..core.messages import GeneratedImage
from ..core.picture_checks import blank_warning, warnings_on
from ..core.pixels import seam_error
from ..core.request import Request
from ..core.sentence import Sentence
from ..core.wildcards import Prompts
from .guards import NotFinite, is_finite, require_finite
from .guides import guides_of
from .models import LoadedModel
from .noise import Noise
from .prompt_encoding import count_tokens

_REUSE = 2
"""Every so many questions a fast picture is computed wholly."""

_GUIDED = (0.0, 5.42)
"""Where a fast picture is guided: up to the sigma that Kynkäänniemi et al. 2024 found for Stable Diffusion XL. Theirs
ends at 0.28 as well; that saves nothing where features are reused, and took the error of the starter model from 9 to
19 of 255 at guidance 4."""

_WHOLLY = (
    "This U-Net is built in a way that lets nothing be reused between steps, so the texture was made in the exact way; "
    "choose the speed Exact, or another model."
)

_UNET = "U-Net"
_OVERFLOW = "The {network} overflowed in half precision and was run in float32 instead."


class Generation:
    """The pictures of one request.

    prompts: the words of each picture. changes: sentences about what had to be done in another way, which may grow
    while the pictures are made. steps: how often the network will be asked for each picture.
    """

    def __init__(
        self,
        request: Request,
        prompts: Sequence[Prompts],
        model: LoadedModel,
        task: Task,
        changes: Sequence[str] = (),
    ) -> None:
        self._request = request
        self._prompts = prompts
        self._model = model
        self._task = task
        self._changes = changes
        sampling = request.sampling
        self._plan = Plan.fit(
            sampling.scheduler,
            model.scheduler_config,
            sampling.steps,
            task.strength,
            sampling.spacing,
            model.is_xl,
        )
        self.steps = self._plan.questions
        self._encode = cached(self._encode_finite)
        self._overflows: tuple[str, ...] = ()
        self._guide_changes: list[str] = []

    def batches(self) -> list[range]:
        """The indices of the pictures that are denoised together; their texts are as long as each other.

        A picture beside one with a longer text would have to see padding that it does not see alone.
        """
        count, scale = self._request.sampling.count, self._scale
        _, height, width = self._latents
        # At w = 0 and 1 the formula of guidance is one of its two halves.
        texts = 1 if scale in (0, 1) else 2
        together = self._model.denoiser.images_at_once(height * width, texts, count)
        lengths = [
            chunks_of(self._model.text, words, scale, self.steps, self._plan.order) for words in self._prompts
        ]
        batches: list[range] = []
        for index in range(count):
            last = batches[-1] if batches else range(0)
            if last and len(last) < together and lengths[index] == lengths[last.start]:
                batches[-1] = range(last.start, index + 1)
            else:
                batches.append(range(index, index + 1))
        return batches

    @property
    def _is_fast(self) -> bool:
        """Whether features are reused between steps, and guidance begins later."""
        return self._request.sampling.speed == "fast" and self._model.denoiser.can_reuse

    @property
    def _scale(self) -> float:
        """w, as far as it is for us to guide: a network that reads it is asked with the prompt alone."""
        return 1.0 if self._model.denoiser.reads_guidance else self._request.sampling.guidance_scale

    @property
    def _latents(self) -> tuple[int, int, int]:
        """Channels, height and width of the latents of one picture."""
        size, autoencoder = self._task.size, self._model.autoencoder
        return autoencoder.channels, size.height // autoencoder.side, size.width // autoencoder.side

    def pictures(self, batch: range, watch: Condition) -> Iterator[GeneratedImage]:
        """The pictures of the indices ``batch``, each as soon as it is decoded; ``watch`` sees all their steps.

        Raises BadResult when the model gives something that is no picture.
        """
        try:
            latents = self._denoise(batch, watch)
        except NotFinite as error:
            latents = None
            # Half precision overflows in some networks. From now on this model's runs in float32.
            if error.network != _UNET or not self._model.denoiser.widen():
                raise
        if latents is None:
            self._overflows += (Sentence(_OVERFLOW, network=_UNET),)
            latents = self._denoise(batch, watch)
        # One at a time: the decoder needs far more memory than the U-Net.
        for latent, index in zip(latents.split(1), batch, strict=True):
            yield self._picture(latent, index)

    def _denoise(self, batch: range, watch: Condition) -> Tensor:
        request, model, plan = self._request, self._model, self._plan
        prompts = self._prompts[batch.start : batch.stop]
        seeds = tuple(map(request.sampling.seed_of, batch))
        noise = Noise(seeds, self._latents, model.device)
        bench = Bench(plan.trajectory, noise, self._encode, self._array, model.natively_inpaints)
        x, conditions = self._task.begin(bench)
        guides = guides_of(request, model, prompts, seeds, self._guide_changes)
        latents: Tensor = denoise(
            x,
            plan.sampler(noise),
            model.denoiser.for_pictures(
                self._task.size, request.sampling.guidance_scale, _REUSE if self._is_fast else 1
            ),
            plan.schedule.prediction,
            guidance_of(
                model.text.at_layer(request.sampling.clip_skip),
                prompts,
                self._scale,
                self.steps,
                plan.order,
                _GUIDED if self._is_fast else None,
            ),
            [*conditions, *guides, watch],
        )
        require_finite(latents, _UNET)
        return latents

    def _array(self, values: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(values).to(self._model.device)

    def _encode_finite(self, values: Values) -> LatentDistribution:
        """See :meth:`~.autoencoder.Autoencoder.encode`; once more in float32 where half precision did not suffice."""
        autoencoder = self._model.autoencoder
        found = autoencoder.encode(values)
        if not bool(is_finite(found.mean) & is_finite(found.deviation)) and autoencoder.widen():
            self._overflows += (Sentence(_OVERFLOW, network="autoencoder"),)
            found = autoencoder.encode(values)
        for part in found:
            require_finite(part, "autoencoder")
        return found

    def _picture(self, latent: Tensor, index: int) -> GeneratedImage:
        decoded = self._model.autoencoder.decode(latent)
        words = self._prompts[index]
        warnings = [
            *_warnings(words, self._model),
            *self._overflows,
            *self._changes,
            *self._guide_changes,
            *([_WHOLLY] if self._request.sampling.speed == "fast" and not self._is_fast else ()),
        ]
        if not bool(is_finite(decoded)) and self._model.autoencoder.widen():
            decoded = self._model.autoencoder.decode(latent)
            warnings.append(Sentence(_OVERFLOW, network="autoencoder"))
        require_finite(decoded, "autoencoder")
        drawn = to_pixels(decoded[0].float().cpu().numpy())
        blank = blank_warning(drawn)
        if blank:
            warnings.append(blank)
        pixels = self._task.finish(drawn)
        return GeneratedImage(
            pixels,
            self._request.sampling.seed_of(index),
            seam_error(pixels),
            tuple(warnings),
            prompt=words.tagged or words.prompt,
            negative_prompt=words.negative_prompt,
        )


def _warnings(words: Prompts, model: LoadedModel) -> tuple[str, ...]:
    return warnings_on(words, lambda prompt: count_tokens(model.tokenizer, prompt))
