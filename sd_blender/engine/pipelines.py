# SPDX-License-Identifier: GPL-3.0-or-later
"""The three tasks, each one call of a pipeline of diffusers that stops at the latents.

A task is told where its noise comes from (one CPU generator per image, so that image k of a batch is the single
image with its seed) and what to call after each step; it knows nothing of progress, previews or cancel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import (
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from PIL import Image
from torch import Tensor

from ..core.geometry import Size
from .families import STABLE_DIFFUSION, STABLE_DIFFUSION_XL, Family
from .known_part import KnownPartInpainting
from .model_family import native_inpaint_channels
from .text_readers import Conditioning

OnStep = Callable[[Any, int, Tensor, dict[str, Tensor]], dict[str, Tensor]]
STEP_TENSORS = ("latents", "noise_pred", "latent_model_input")


class _AnyGuidance:
    """Classifier-free guidance for every w (Ho & Salimans 2022): uncond + w (cond - uncond).

    diffusers runs the conditional model alone for every w <= 1; that is the formula only at w = 1. What the step
    callback may see is widened by the model's input and its guided output, from which the preview is made.
    """

    _callback_tensor_inputs = list(STEP_TENSORS)

    @property
    def do_classifier_free_guidance(self) -> bool:
        return self._guidance_scale != 1 and self.unet.config.time_cond_proj_dim is None  # type: ignore[attr-defined]


class TextToImagePipeline(_AnyGuidance, StableDiffusionPipeline):
    def prepare_latents(self, *arguments: Any, **named: Any) -> Tensor:
        """Also says that the first step comes first, as the other two pipelines do.

        Otherwise a scheduler looks it up by its timestep and, where Karras spacing has that twice, skips one.
        """
        if hasattr(self.scheduler, "set_begin_index"):
            self.scheduler.set_begin_index(0)
        return super().prepare_latents(*arguments, **named)


class ImageToImagePipeline(_AnyGuidance, StableDiffusionImg2ImgPipeline):
    pass


class InpaintPipeline(_AnyGuidance, StableDiffusionInpaintPipeline):
    pass


class KnownPartPipeline(_AnyGuidance, KnownPartInpainting):
    pass


class _TextIsRead:
    """What the text encoders say is handed over, and stays in its precision: it decides that of noise and latents."""

    def encode_prompt(self, **given: Any) -> tuple[Tensor | None, ...]:
        names = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds")
        return (*(given[name] for name in names), given["negative_pooled_prompt_embeds"])


class XLTextToImagePipeline(_TextIsRead, _AnyGuidance, StableDiffusionXLPipeline):
    pass


class XLImageToImagePipeline(_TextIsRead, _AnyGuidance, StableDiffusionXLImg2ImgPipeline):
    pass


class XLInpaintPipeline(_TextIsRead, _AnyGuidance, StableDiffusionXLInpaintPipeline):
    pass


_NO_CHECKER = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
_NO_WATERMARK = {"add_watermarker": False}

_TASKS: dict[Family, tuple[tuple[Any, Any, Any], dict[str, Any]]] = {
    STABLE_DIFFUSION: ((TextToImagePipeline, ImageToImagePipeline, InpaintPipeline), _NO_CHECKER),
    STABLE_DIFFUSION_XL: ((XLTextToImagePipeline, XLImageToImagePipeline, XLInpaintPipeline), _NO_WATERMARK),
}
"""The pipelines of text-to-image, image-to-image and inpainting, and what they are to go without."""


@dataclass(frozen=True)
class Pipelines:
    """One pipeline per task; all three hold the very same networks."""

    text_to_image: TextToImagePipeline | XLTextToImagePipeline
    image_to_image: ImageToImagePipeline | XLImageToImagePipeline
    inpaint: InpaintPipeline | KnownPartPipeline | XLInpaintPipeline

    @classmethod
    def of(cls, components: dict[str, Any], family: Family) -> Pipelines:
        """components: vae, unet, scheduler, and the text encoders and tokenizers of ``family``."""
        (text_to_image, image_to_image, inpaint), without = _TASKS[family]
        if components["vae"].config.latent_channels != 4:
            # What diffusers has knows 4 only. Stable Diffusion XL with other than 4 was refused before.
            inpaint = KnownPartPipeline
        made = [task(**components, **without) for task in (text_to_image, image_to_image, inpaint)]
        for pipeline in made:
            pipeline.set_progress_bar_config(disable=True)
        return cls(*made)


@dataclass(frozen=True)
class Denoising:
    """What the reverse process needs besides the picture it starts from.

    seeds: one per image to make together. steps: of the full schedule; strength shortens it.
    """

    conditioning: Conditioning
    scheduler: SchedulerMixin
    steps: int
    seeds: tuple[int, ...]
    on_step: OnStep

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments that all three pipelines take."""
        return {
            **self.conditioning.arguments(),
            "num_inference_steps": self.steps,
            "generator": [torch.Generator("cpu").manual_seed(seed) for seed in self.seeds],
            "callback_on_step_end": self.on_step,
            "callback_on_step_end_tensor_inputs": list(STEP_TENSORS),
            "output_type": "latent",
        }


def text_to_image(pipelines: Pipelines, how: Denoising, size: Size) -> Tensor:
    """Latents (n, C, h, w) of pictures of ``size`` from noise alone."""
    if natively_inpaints(pipelines):
        return inpaint(pipelines, how, _blank(size), _everything(size), 1.0)
    pipeline = pipelines.text_to_image
    pipeline.scheduler = how.scheduler
    return pipeline(width=size.width, height=size.height, **how.arguments()).images


def image_to_image(pipelines: Pipelines, how: Denoising, image: Image.Image, strength: float) -> Tensor:
    """Latents (n, C, h, w) from ``image`` with the noise of ``strength`` (SDEdit, Meng et al. 2021)."""
    if natively_inpaints(pipelines):
        return inpaint(pipelines, how, image, _everything(Size(*image.size)), strength)
    pipeline = pipelines.image_to_image
    pipeline.scheduler = how.scheduler
    images = [image] * len(how.seeds)
    return pipeline(image=images, strength=strength, **how.arguments()).images


def inpaint(
    pipelines: Pipelines, how: Denoising, image: Image.Image, mask: Image.Image, strength: float
) -> Tensor:
    """Latents (n, C, h, w) of ``image`` made anew where ``mask`` (mode L) is white.

    A U-Net that takes the latents alone gets the known part put back at each step at that step's noise level; one
    that takes more sees the mask and the masked image beside them.
    """
    pipeline = pipelines.inpaint
    pipeline.scheduler = how.scheduler
    # One image per seed: diffusers would encode a single one with noise of the first generator only.
    images = [image] * len(how.seeds)
    width, height = image.size
    return pipeline(
        image=images, mask_image=mask, width=width, height=height, strength=strength, **how.arguments()
    ).images


def natively_inpaints(pipelines: Pipelines) -> bool:
    """Whether the U-Net takes mask and masked image (4 + 1 + 4); such a model makes any picture by inpainting."""
    latents = pipelines.inpaint.vae.config.latent_channels
    return bool(pipelines.inpaint.unet.config.in_channels == native_inpaint_channels(latents))


def _blank(size: Size) -> Image.Image:
    return Image.new("RGB", (size.width, size.height), (128, 128, 128))


def _everything(size: Size) -> Image.Image:
    return Image.new("L", (size.width, size.height), 255)
