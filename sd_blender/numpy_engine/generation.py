# SPDX-License-Identifier: GPL-3.0-or-later
"""One request on a loaded model: denoise, decode, finish, picture by picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.diffusion.latents import LatentDistribution, Values, cached, to_pixels
from ..core.diffusion.loop import Condition, denoise
from ..core.diffusion.prompt_guidance import guidance_of
from ..core.diffusion.samplers import Plan
from ..core.diffusion.tasks.task import Bench, Task
from ..core.messages import GeneratedImage
from ..core.picture_checks import blank_warning, not_finite, warnings_on
from ..core.pixels import seam_error
from ..core.request import Request
from ..core.wildcards import Prompts
from .layers import Setting
from .model import Model, Noise
from .weights import Array


class Generation:
    """The pictures of one request. prompts: the words of each picture. setting: what the networks run with."""

    def __init__(
        self, request: Request, prompts: Sequence[Prompts], model: Model, task: Task, setting: Setting
    ) -> None:
        self._request = request
        self._prompts = prompts
        self._model = model
        self._task = task
        self._setting = setting
        sampling = request.sampling
        self._plan = Plan.fit(
            sampling.scheduler, model.scheduler_config, sampling.steps, task.strength, sampling.spacing
        )
        self._encode = cached(self._encode_anew)

    @property
    def steps(self) -> int:
        """How often the network will be asked for each picture."""
        return self._plan.questions

    def picture(self, index: int, watch: Condition) -> GeneratedImage:
        """The picture of an index; ``watch`` sees all its steps. Raises BadResult for what is no picture."""
        latents = self._denoise(index, watch)
        decoded = self._model.autoencoder.decode(latents[0], self._setting)
        if not np.isfinite(decoded.sum()):
            raise not_finite("autoencoder")
        words, drawn = self._prompts[index], to_pixels(decoded)
        blank = blank_warning(drawn)
        pixels = self._task.finish(drawn)
        return GeneratedImage(
            pixels,
            self._request.sampling.seed_of(index),
            seam_error(pixels),
            (*warnings_on(words, self._model.text.count), *([blank] if blank else [])),
            prompt=words.tagged or words.prompt,
            negative_prompt=words.negative_prompt,
        )

    def _denoise(self, index: int, watch: Condition) -> Array:
        model, plan, sampling = self._model, self._plan, self._request.sampling
        size, side = self._task.size, model.autoencoder.side
        shape = (model.autoencoder.channels, size.height // side, size.width // side)
        noise = Noise(sampling.seed_of(index), shape)
        bench = Bench(plan.trajectory, noise, self._encode, lambda values: values, sees_mask=False)
        x, conditions = self._task.begin(bench)
        latents: Array = denoise(
            x,
            plan.sampler(noise),
            model.denoiser(self._setting),
            plan.schedule.prediction,
            guidance_of(model.text, [self._prompts[index]], sampling.guidance_scale, self.steps, plan.order),
            [*conditions, watch],
        )
        if not np.isfinite(latents.sum()):
            raise not_finite("U-Net")
        return latents

    def _encode_anew(self, values: Values) -> LatentDistribution:
        return self._model.encode(values, self._setting)
