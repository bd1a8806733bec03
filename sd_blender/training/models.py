# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of the starter model's networks, and how wide they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel, CLIPVisionConfig

TEXT_WIDTH = 128
TOKENS = 77
PICTURE = 128
"""Pixels per side of what CLIP's image tower sees."""


@dataclass(frozen=True)
class Widths:
    """Channels per level; the first one is a multiple of eight times the number of groups (below).

    latents: channels of the latents. unet_layers: blocks per level of the denoiser. patch: pixels per side of what the
    image tower reads as one word.
    """

    vae: tuple[int, ...] = (16, 48, 96)
    latents: int = 4
    unet: tuple[int, ...] = (64, 128, 192)
    unet_layers: int = 1
    text_layers: int = 3
    vision_layers: int = 4
    patch: int = 8

    @property
    def factor(self) -> int:
        """Pixels per latent and side."""
        return int(2 ** (len(self.vae) - 1))


VAE_GROUPS, UNET_GROUPS = 2, 4
"""Group normalisation needs eight or more channels a group here: over two, the network forgets colour."""
TINY = Widths(vae=(16, 16, 16), unet=(32, 32), text_layers=1, vision_layers=1, patch=32)
"""For tests: every part, no quality."""


def make_vae(widths: Widths) -> AutoencoderKL:
    """An autoencoder; of factor 4 to 4 latent channels, unless told otherwise (12 numbers become one).

    Its middle has no attention: a texture is stationary, and attention would cost the square of the image's area.
    """
    levels = len(widths.vae)
    return AutoencoderKL(
        block_out_channels=widths.vae,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        layers_per_block=1,
        latent_channels=widths.latents,
        norm_num_groups=VAE_GROUPS,
        mid_block_add_attention=False,
        sample_size=128,
    )


def make_unet(widths: Widths) -> UNet2DConditionModel:
    """The denoiser on latents; attention to the text at the two lowest levels: the others are long and costly.

    The higher ones hear of the text through the time embedding, to which a pooled text is added, and which scales and
    shifts every group normalisation (Dhariwal & Nichol 2021, arXiv:2105.05233). Without that, colours were learned and
    materials were not.
    """
    plain = max(len(widths.unet) - 2, 1)
    depth = len(widths.unet) - plain
    return UNet2DConditionModel(
        sample_size=256 // widths.factor,  # 256 px by default
        in_channels=widths.latents,
        out_channels=widths.latents,
        block_out_channels=widths.unet,
        down_block_types=("DownBlock2D",) * plain + ("CrossAttnDownBlock2D",) * depth,
        up_block_types=("CrossAttnUpBlock2D",) * depth + ("UpBlock2D",) * plain,
        layers_per_block=widths.unet_layers,
        norm_num_groups=UNET_GROUPS,
        cross_attention_dim=TEXT_WIDTH,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
        attention_head_dim=4,  # diffusers reads this as the number of heads
    )


def make_text_encoder(vocabulary: int, widths: Widths) -> CLIPTextModel:
    """A CLIP text transformer; the last two words of the vocabulary are the start and the end of a text."""
    return CLIPTextModel(_text_config(vocabulary, widths))


def _text_config(vocabulary: int, widths: Widths) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        num_hidden_layers=widths.text_layers,
        num_attention_heads=4,
        max_position_embeddings=TOKENS,
        projection_dim=TEXT_WIDTH,
        bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1,
        pad_token_id=vocabulary - 1,
    )


def make_clip(vocabulary: int, widths: Widths) -> CLIPModel:
    """Both encoders of CLIP: the text transformer above, and a vision transformer (Dosovitskiy et al. 2020,
    arXiv:2010.11929) on pictures of `PICTURE` pixels. Both project to `TEXT_WIDTH` numbers.
    """
    vision = CLIPVisionConfig(
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        num_hidden_layers=widths.vision_layers,
        num_attention_heads=4,
        image_size=PICTURE,
        patch_size=widths.patch,
        projection_dim=TEXT_WIDTH,
    )
    text = _text_config(vocabulary, widths)
    return CLIPModel(
        CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=TEXT_WIDTH)
    )


def text_tower(clip: CLIPModel, vocabulary: int, widths: Widths) -> CLIPTextModel:
    """CLIP's text tower as the model of its own that conditions a U-Net."""
    encoder, tower = make_text_encoder(vocabulary, widths), clip.text_model.state_dict()
    names = {name: name.removeprefix("text_model.") for name in encoder.state_dict()}
    encoder.load_state_dict({name: tower[inner] for name, inner in names.items()})
    return encoder


def make_scheduler() -> DDIMScheduler:
    """Velocity prediction on a schedule whose last step is pure noise (Lin et al. 2023, arXiv:2305.08891). Other
    schedulers take it over from this one's configuration."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


def use_device(name: str = "auto") -> torch.device:
    """The device asked for, or the best there is; lets the CPU use bf16 inside convolutions."""
    device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
    if device.type == "cpu" and torch.backends.mkldnn.is_available():
        torch.backends.mkldnn.conv.fp32_precision = (
            "bf16"  # matrix products gain nothing: attention becomes slower
        )
    return device


def quick_precision(device: torch.device) -> torch.autocast:
    """bfloat16 where the device has units for it. A processor without them emulates it, at a fifth of the speed."""
    quick = device.type != "cpu" or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=quick)


def parameter_count(*modules: Any) -> int:
    return sum(p.numel() for m in modules for p in m.parameters())
