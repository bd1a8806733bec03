# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of Stable Diffusion XL: a sound one passes; the refiner and what was mixed up are refused by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sd_blender.core.errors import ModelRefused
from sd_blender.engine.model_files import check_model


@pytest.fixture
def copy(tiny_xl, tmp_path):
    return Path(shutil.copytree(tiny_xl, tmp_path / "model"))


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refusal(folder):
    with pytest.raises(ModelRefused) as caught:
        check_model(folder)
    assert str(caught.value).endswith(".")
    return str(caught.value)


def test_a_sound_model_passes(tiny_xl):
    files = check_model(tiny_xl)
    assert (
        files.variants.keys() == {"vae", "unet", "text_encoder", "text_encoder_2"} and files.zeros_for_empty
    )


@pytest.mark.fault("F37")
def test_the_refiner_is_refused_by_name(copy):
    edit(copy / "model_index.json", requires_aesthetics_score=True, text_encoder=[None, None])
    assert "is the refiner of Stable Diffusion XL" in refusal(copy)
    edit(
        copy / "model_index.json",
        requires_aesthetics_score=False,
        text_encoder=["transformers", "CLIPTextModel"],
    )
    file = copy / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    weights["add_embedding.linear_1.weight"] = weights["add_embedding.linear_1.weight"][:, 8:].clone()
    save_file(weights, file)
    assert "is that of the refiner of Stable Diffusion XL" in refusal(copy)


@pytest.mark.fault("F37")
def test_parts_of_other_models(copy, tiny):
    edit(copy / "text_encoder_2" / "config.json", projection_dim=25)
    assert "the U-Net takes 72 numbers beside the text" in refusal(copy)
    edit(copy / "text_encoder_2" / "config.json", projection_dim=24, hidden_size=64)
    assert "reads text of width 80 and the text encoder writes 96" in refusal(copy)
    edit(copy / "text_encoder_2" / "config.json", hidden_size="48")
    assert "writes None" in refusal(copy)
    edit(copy / "text_encoder_2" / "config.json", hidden_size=48)
    edit(copy / "vae" / "config.json", latents_mean=[0, 0, 0, 1])
    assert "moves its latents" in refusal(copy)
    file = copy / "vae" / "diffusion_pytorch_model.safetensors"
    save_file(load_file(file) | {"decoder.conv_in.weight": torch.zeros(32, 16, 3, 3)}, file)
    edit(copy / "vae" / "config.json", latent_channels=16)
    assert "has 16 latent channels and those of Stable Diffusion XL have 4" in refusal(copy)
    shutil.rmtree(copy / "unet")
    shutil.copytree(tiny / "unet", copy / "unet")
    assert "text of width 32, not the U-Net of Stable Diffusion XL" in refusal(copy)


@pytest.mark.fault("F37")
def test_a_unet_of_xl_in_another_model(copy, tiny, tmp_path):
    other = Path(shutil.copytree(tiny, tmp_path / "other"))
    shutil.rmtree(other / "unet")
    shutil.copytree(copy / "unet", other / "unet")
    assert "are Stable Diffusion XL, not the U-Net of Stable Diffusion 1.x or 2.x" in refusal(other)


def test_a_second_encoder_of_another_kind(copy):
    edit(copy / "model_index.json", text_encoder_2=["transformers", "T5EncoderModel"])
    assert "text_encoder_2; only CLIPTextModelWithProjection" in refusal(copy)
