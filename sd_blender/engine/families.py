# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of model that can be run, and what each has of its own; all else is common to them.

What of it needs torch stands where it is used, in tables by family: the pipelines in :mod:`~.pipelines`, and how a text
becomes what the U-Net reads in :mod:`~.text_readers`. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

UNET, TEXT_ENCODER, TEXT_ENCODER_2 = "unet", "text_encoder", "text_encoder_2"


@dataclass(frozen=True, eq=False)
class Family:
    """name: as sentences say it. pipelines: the classes that model_index.json may name.

    text_encoders: the class of each, in the order in which the U-Net reads them. additions: what the U-Net may be told
    beside text and time step (its ``addition_embed_type``).
    latent_channels: how many the autoencoder must have; None where its pipelines take any number.
    large_text: the text encoders are so large that they run in the precision of the U-Net, and not always in float32.
    heeds_upcast: what the autoencoder's configuration says of ``force_upcast`` is so; where nobody thought of it, it
    says so too.
    zeros_for_empty: an empty negative prompt stands for zeros, unless model_index.json says no.
    lora_prefixes: of kohya's names of layers, by network. embedding_keys: names of the tensors of a textual inversion,
    by text encoder; none where there is only one, which has the name of the word.
    """

    name: str
    pipelines: tuple[str, ...]
    text_encoders: Mapping[str, str]
    additions: tuple[str | None, ...]
    latent_channels: int | None
    large_text: bool
    heeds_upcast: bool
    zeros_for_empty: bool
    lora_prefixes: Mapping[str, str]
    embedding_keys: Mapping[str, str]


def tokenizer_of(text_encoder: str) -> str:
    """The component that cuts texts for it."""
    return text_encoder.replace("text_encoder", "tokenizer")


STABLE_DIFFUSION = Family(
    name="Stable Diffusion 1.x or 2.x",
    pipelines=("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline", "StableDiffusionInpaintPipeline"),
    text_encoders={TEXT_ENCODER: "CLIPTextModel"},
    additions=(None, "text"),  # "text" is made from the prompt by the U-Net itself
    latent_channels=None,
    large_text=False,
    heeds_upcast=False,
    zeros_for_empty=False,
    lora_prefixes={UNET: "lora_unet_", TEXT_ENCODER: "lora_te_"},
    embedding_keys={},
)

STABLE_DIFFUSION_XL = Family(
    name="Stable Diffusion XL",
    pipelines=(
        "StableDiffusionXLPipeline",
        "StableDiffusionXLImg2ImgPipeline",
        "StableDiffusionXLInpaintPipeline",
    ),
    text_encoders={TEXT_ENCODER: "CLIPTextModel", TEXT_ENCODER_2: "CLIPTextModelWithProjection"},
    additions=("text_time",),  # the pooled text, and sizes, which look like times
    latent_channels=4,
    large_text=True,
    heeds_upcast=True,
    zeros_for_empty=True,
    lora_prefixes={UNET: "lora_unet_", TEXT_ENCODER: "lora_te1_", TEXT_ENCODER_2: "lora_te2_"},
    embedding_keys={TEXT_ENCODER: "clip_l", TEXT_ENCODER_2: "clip_g"},
)

FAMILIES = (STABLE_DIFFUSION, STABLE_DIFFUSION_XL)

WANTED = "choose a Stable Diffusion 1.x, 2.x or XL model"
