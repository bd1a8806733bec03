# SPDX-License-Identifier: GPL-3.0-or-later
"""Stable Diffusion XL (Podell et al. 2023, arXiv:2307.01952).

Its U-Net reads the states of two text encoders, side by side and from the last layer but one, and is told two things
more: the text as a whole, as the second encoder sums it up, and the sizes with which a picture came to be (section
2.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..text_readers import Framing, ReadText, TextReader, TextStates
from .family import TEXT_ENCODER, TEXT_ENCODER_2, UNET, Family


@dataclass(frozen=True)
class ReadPooledText(ReadText):
    """What U-Nets of Stable Diffusion XL are told. pooled: each text as a whole, (n, width of the projection)."""

    pooled: Tensor

    def unet_arguments(self, framings: Sequence[Framing]) -> dict[str, Any]:
        sizes = torch.tensor([framing.numbers for framing in framings], dtype=torch.float32)
        added = {"text_embeds": self.pooled, "time_ids": sizes.to(self.pooled.device)}
        return {**super().unet_arguments(framings), "added_cond_kwargs": added}


class PooledTextReader(TextReader):
    """Reads for Stable Diffusion XL. Of a prompt of several chunks the first speaks for the whole, without weights."""

    layer, is_normed = 2, False

    def _combine(self, read: Sequence[TextStates]) -> ReadText:
        projection = self.encoders[-1].network.text_projection
        pooled = projection(read[-1].ends.to(projection.weight.dtype)).float()
        return ReadPooledText(torch.cat([text.states for text in read], dim=-1), pooled)


STABLE_DIFFUSION_XL = Family(
    name="Stable Diffusion XL",
    pipelines=(
        "StableDiffusionXLPipeline",
        "StableDiffusionXLImg2ImgPipeline",
        "StableDiffusionXLInpaintPipeline",
    ),
    text_encoders={TEXT_ENCODER: "CLIPTextModel", TEXT_ENCODER_2: "CLIPTextModelWithProjection"},
    reader=PooledTextReader,
    additions=("text_time",),  # the pooled text, and sizes, which look like times
    latent_channels=4,
    large_text=True,
    heeds_upcast=True,
    zeros_for_empty=True,
    lora_prefixes={UNET: "lora_unet_", TEXT_ENCODER: "lora_te1_", TEXT_ENCODER_2: "lora_te2_"},
    embedding_keys={TEXT_ENCODER: "clip_l", TEXT_ENCODER_2: "clip_g"},
)
