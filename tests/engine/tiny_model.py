# SPDX-License-Identifier: GPL-3.0-or-later
"""Models of the real classes at toy size, with random weights, in the diffusers folder layout."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

TOKENS = 24
"""The limit of tokenizer and text encoder."""

STABLE_DIFFUSION_1 = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}
ZERO_SNR = {
    **STABLE_DIFFUSION_1,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
}
STABLE_DIFFUSION_2 = {"use_linear_projection": True, "attention_head_dim": (4, 8)}
"""What the U-Net of 2.x has otherwise than that of 1.x: linear layers around its transformers, heads by level."""


def save_tiny_model(
    folder: Path,
    channels: int = 4,
    schedule: dict[str, object] | None = None,
    latents: int = 4,
    **shape: object,
) -> Path:
    """Write a model whose U-Net takes ``channels``; 8 pixels per latent, as Stable Diffusion 1.x has.

    latents: channels of the autoencoder. shape: of the U-Net, where it is another.
    """
    torch.manual_seed(channels)
    pipeline = StableDiffusionPipeline(
        vae=_vae(latents),
        text_encoder=_text_encoder(),
        tokenizer=_tokenizer(),
        unet=_unet(channels, out_channels=latents, **shape),
        scheduler=DDIMScheduler(**(schedule or STABLE_DIFFUSION_1)),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def save_tiny_xl(folder: Path, channels: int = 4, zeros_for_empty: bool = True) -> Path:
    """Write a Stable Diffusion XL: two text encoders, and a U-Net that is told pooled text and sizes."""
    torch.manual_seed(20 + channels)
    pooled, second = 24, _tokenizer()
    second.pad_token = "!"  # as the real one has it
    times = {"addition_embed_type": "text_time", "addition_time_embed_dim": 8}
    pipeline = StableDiffusionXLPipeline(
        vae=_vae(),
        text_encoder=_text_encoder(),
        text_encoder_2=CLIPTextModelWithProjection(_text_config(hidden_size=48, projection_dim=pooled)),
        tokenizer=_tokenizer(),
        tokenizer_2=second,
        unet=_unet(
            channels,
            cross_attention_dim=32 + 48,
            projection_class_embeddings_input_dim=pooled + 6 * 8,
            transformer_layers_per_block=(2, 1),
            use_linear_projection=True,
            **times,
        ),
        scheduler=DDIMScheduler(**STABLE_DIFFUSION_1),
        force_zeros_for_empty_prompt=zeros_for_empty,
        add_watermarker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def _unet(channels: int, **changes: object) -> UNet2DConditionModel:
    shape = {
        "sample_size": 8,
        "in_channels": channels,
        "out_channels": 4,
        "block_out_channels": (32, 64),
        "layers_per_block": 1,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "cross_attention_dim": 32,
        "attention_head_dim": 8,
    }
    return UNet2DConditionModel(**shape | changes)


def _vae(latents: int = 4) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(16, 16, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=latents,
        sample_size=64,
        scaling_factor=0.5,
    )


def _text_encoder() -> CLIPTextModel:
    return CLIPTextModel(_text_config())


def _text_config(**changes: object) -> CLIPTextConfig:
    shape = {
        "vocab_size": 514,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": TOKENS,
        "bos_token_id": 512,
        "eos_token_id": 513,
        "pad_token_id": 513,
    }
    return CLIPTextConfig(**shape | changes)


def _tokenizer() -> CLIPTokenizer:
    """A byte-level BPE tokenizer whose vocabulary is the letters: one token each, so prompts are soon too long."""
    letters = list(bytes_to_unicode().values())
    vocabulary = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    with tempfile.TemporaryDirectory() as folder:
        words, merges = Path(folder) / "vocab.json", Path(folder) / "merges.txt"
        words.write_text(json.dumps({token: index for index, token in enumerate(vocabulary)}))
        merges.write_text("#version: 0.2\n")
        return CLIPTokenizer(str(words), str(merges), model_max_length=TOKENS)
