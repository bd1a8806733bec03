# SPDX-License-Identifier: GPL-3.0-or-later
"""A CLIP and a classifier of the real classes at toy size, with random weights, to put beside a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from sd_blender.engine.noisy_classifier import NoisyClassifier

from .tiny_model import TOKENS

NAMES = {"brick wall": ["brick wall", "bricks"], "stone": ["stone"], "oak": ["oak", "oak planks"]}


def save_tiny_clip(model: Path) -> None:
    """Write the subfolder ``clip`` of a tiny model; it sees pictures of 32 pixels."""
    torch.manual_seed(5)
    shape = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "projection_dim": 16,
    }
    text = {**shape, "vocab_size": 514, "max_position_embeddings": TOKENS}
    ids = {"bos_token_id": 512, "eos_token_id": 513, "pad_token_id": 513}
    vision = {**shape, "image_size": 32, "patch_size": 8}
    clip = CLIPModel(CLIPConfig(text_config={**text, **ids}, vision_config=vision, projection_dim=16))
    for (
        parameter
    ) in clip.vision_model.parameters():  # as made, it sees next to no difference between pictures
        parameter.data *= 4 if parameter.ndim > 1 else 1
    clip.save_pretrained(model / "clip", safe_serialization=True)
    CLIPTokenizer.from_pretrained(model / "tokenizer").save_pretrained(model / "clip")
    settings = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (model / "clip" / "preprocessor_config.json").write_text(json.dumps(settings))


def save_tiny_classifier(model: Path, latents: int = 4) -> None:
    """Write the subfolder ``classifier`` of a tiny model with this many latent channels."""
    torch.manual_seed(6)
    NoisyClassifier(NAMES, (8, 16), latents).save(model / "classifier")
