# SPDX-License-Identifier: GPL-3.0-or-later
"""Stable Diffusion 1.x and 2.x (Rombach et al. 2022, arXiv:2112.10752): the states of one text encoder are all that the
U-Net is told beside latents and time step.
"""

from __future__ import annotations

from ..text_readers import TextReader
from .family import TEXT_ENCODER, UNET, Family

STABLE_DIFFUSION = Family(
    name="Stable Diffusion 1.x or 2.x",
    pipelines=("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline", "StableDiffusionInpaintPipeline"),
    text_encoders={TEXT_ENCODER: "CLIPTextModel"},
    reader=TextReader,
    additions=(None, "text"),  # "text" is made from the prompt by the U-Net itself
    latent_channels=None,
    large_text=False,
    heeds_upcast=False,
    zeros_for_empty=False,
    lora_prefixes={UNET: "lora_unet_", TEXT_ENCODER: "lora_te_"},
    embedding_keys={},
)
