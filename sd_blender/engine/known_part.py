# SPDX-License-Identifier: GPL-3.0-or-later
"""Inpainting by a U-Net that never sees the mask, for any number of latent channels.

Image-to-image (SDEdit, Meng et al. 2021), after each of whose steps the known part is put back with the noise that the
next step expects, and after the last one as it is (RePaint without its repetitions, Lugmayr et al. 2022):

    x_{t-1} = m x_{t-1} + (1 - m) (sqrt(abar_{t-1}) x_0 + sqrt(1 - abar_{t-1}) eps)

m is 1 where the picture is made anew, and eps the noise that it began with. The inpaint pipeline of diffusers does the
same, and refuses a U-Net that takes other than 4 or 9 channels. Left out here is the draw with which it encodes a
masked image that such a U-Net never sees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers import StableDiffusionImg2ImgPipeline
from diffusers.image_processor import VaeImageProcessor
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor


class KnownPartInpainting(StableDiffusionImg2ImgPipeline):
    """Called like StableDiffusionInpaintPipeline, with one image and one generator for each picture.

    The step callback sees the latents with the known part in its place.
    """

    @torch.no_grad()
    def __call__(
        self,
        *,
        image: list[Image.Image],
        mask_image: Image.Image,
        width: int,
        height: int,
        strength: float,
        callback_on_step_end: Callable[..., dict[str, Tensor]],
        **arguments: Any,
    ) -> Any:
        mask = self._latent_mask(mask_image, width, height).to(self._execution_device)
        self._from_noise = strength == 1

        def put_back(
            pipeline: Any, index: int, timestep: Tensor, tensors: dict[str, Tensor]
        ) -> dict[str, Tensor]:
            made = tensors["latents"]
            known, new = self._known_after(index), mask.to(made.dtype)
            latents = (1 - new) * known + new * made
            told = callback_on_step_end(pipeline, index, timestep, {**tensors, "latents": latents})
            return {"latents": latents, **told}

        return super().__call__(image=image, strength=strength, callback_on_step_end=put_back, **arguments)

    def prepare_latents(
        self,
        image: Tensor,
        timestep: Tensor,
        batch_size: int,
        num_images_per_prompt: int,
        dtype: torch.dtype,
        device: torch.device,
        generator: list[torch.Generator],
    ) -> Tensor:
        """Latents (n, C, h, w) to begin with: of ``image`` (n, 3, H, W) and noise, or at full strength noise alone."""
        images = image.to(device=device, dtype=dtype).split(1)
        encoded = [
            self.vae.encode(one).latent_dist.sample(draws)
            for one, draws in zip(images, generator, strict=True)
        ]
        # Laid out as diffusers does: where the channels come last, as the encoder leaves them, layers round otherwise.
        self._original = self.vae.config.scaling_factor * torch.cat(encoded).contiguous()
        self._noise = randn_tensor(self._original.shape, generator=generator, device=device, dtype=dtype)
        if self._from_noise:
            return self._noise * self.scheduler.init_noise_sigma
        return self.scheduler.add_noise(self._original, self._noise, timestep)

    def _known_after(self, index: int) -> Tensor:
        """What lies outside the mask after the step of this ``index``, (n, C, h, w)."""
        following = self.scheduler.timesteps[-self.num_timesteps :][index + 1 : index + 2]
        if not len(following):
            return self._original
        return self.scheduler.add_noise(self._original, self._noise, following)

    def _latent_mask(self, mask: Image.Image, width: int, height: int) -> Tensor:
        """(1, 1, h, w), 1 where the picture is made anew; one pixel decides for each latent."""
        processor = VaeImageProcessor(
            vae_scale_factor=self.vae_scale_factor,
            do_normalize=False,
            do_binarize=True,
            do_convert_grayscale=True,
        )
        pixels = processor.preprocess(mask, height=height, width=width)
        return pixels[..., :: self.vae_scale_factor, :: self.vae_scale_factor]
