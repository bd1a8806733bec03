# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights of another family are told by their tensors, before loading, whatever the configuration claims."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from sd_blender.core.errors import ModelRefused
from sd_blender.engine.model_files import check_model

UNET = "unet/diffusion_pytorch_model.safetensors"
VAE = "vae/diffusion_pytorch_model.safetensors"


@pytest.fixture
def copy(tiny, tmp_path):
    return Path(shutil.copytree(tiny, tmp_path / "model"))


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def put(file, **tensors):
    save_file(load_file(file) | {name.replace("__", "."): value for name, value in tensors.items()}, file)


def refusal(folder):
    with pytest.raises(ModelRefused) as caught:
        check_model(folder)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and str(folder) in sentence
    return sentence


def zeros(*shape):
    return np.zeros(shape, np.float16)


@pytest.mark.fault("F37")
@pytest.mark.parametrize(("width", "found"), [(2048, "Stable Diffusion XL"), (1024, "Stable Diffusion 2.x")])
def test_a_unet_of_another_family_under_a_configuration_of_stable_diffusion_1(copy, width, found):
    weights = load_file(copy / UNET)
    for name, value in weights.items():
        if name.endswith(("attn2.to_k.weight", "attn2.to_v.weight")):
            weights[name] = zeros(value.shape[0], width)
    save_file(weights, copy / UNET)
    edit(copy / "unet" / "config.json", cross_attention_dim=768)
    edit(copy / "text_encoder" / "config.json", hidden_size=768)
    sentence = refusal(copy)
    assert found in sentence and "Stable Diffusion 1.x" in sentence


@pytest.mark.fault("F37")
def test_stable_diffusion_xl_by_what_only_it_has(copy):
    names = [name for name in load_file(copy / UNET) if name.endswith("attn2.to_k.weight")]
    put(
        copy / UNET, **dict.fromkeys(names, zeros(32, 2048)), **{"add_embedding.linear_1.weight": zeros(8, 8)}
    )
    assert "Stable Diffusion XL, not the U-Net of Stable Diffusion 1.x" in refusal(copy)


@pytest.mark.fault("F37")
@pytest.mark.parametrize(
    ("tensor", "word"),
    [
        ("lora_unet_down_blocks_0.lora_down.weight", "LoRA"),
        ("down_blocks.0.attentions.0.to_k.lora_A.weight", "LoRA"),
        ("model.diffusion_model.input_blocks.0.0.weight", "whole checkpoint"),
        ("double_blocks.0.img_attn.qkv.weight", "diffusion transformer"),
        ("transformer_blocks.0.attn.to_q.weight", "diffusion transformer"),
    ],
)
def test_what_is_no_unet(copy, tensor, word):
    save_file({tensor: zeros(4, 4)}, copy / UNET)
    assert word in refusal(copy)


@pytest.mark.fault("F37")
def test_an_inpaint_unet_under_a_configuration_of_four_channels(tiny_inpaint, copy):
    shutil.copy(tiny_inpaint / UNET, copy / UNET)
    sentence = refusal(copy)
    assert "9 input channels" in sentence and "says 4" in sentence


def test_any_number_of_latent_channels(tiny_8):
    files = check_model(tiny_8)
    assert (files.unet_channels, files.latent_channels) == (8, 8)


def other_vae(folder, latents):
    put(folder / VAE, decoder__conv_in__weight=zeros(32, latents, 3, 3))
    edit(folder / "vae" / "config.json", latent_channels=latents)


def other_unet(folder, taken, given):
    put(folder / UNET, conv_in__weight=zeros(32, taken, 3, 3), conv_out__weight=zeros(given, 32, 3, 3))
    edit(folder / "unet" / "config.json", in_channels=taken, out_channels=given)


@pytest.mark.fault("F37")
def test_an_autoencoder_of_another_model(copy):
    other_vae(copy, 16)
    sentence = refusal(copy)
    assert (
        "takes 4 channels and gives 4; with an autoencoder of 16 latent channels it must take 16" in sentence
    )


@pytest.mark.fault("F37")
@pytest.mark.parametrize(("taken", "given"), [(5, 4), (8, 4), (4, 8), (9, 9), (8, 8), (9, 8)])
def test_a_unet_that_does_not_fit_the_autoencoder(copy, taken, given):
    other_unet(copy, taken, given)
    sentence = refusal(copy)
    assert f"takes {taken} channels and gives {given}; with an autoencoder of 4 latent channels" in sentence
    assert "take 4, or 9 to inpaint, and give 4" in sentence


@pytest.mark.fault("F37")
def test_an_inpaint_unet_of_other_than_four_latent_channels(copy):
    """diffusers has no pipeline that would run it."""
    other_vae(copy, 8)
    other_unet(copy, 2 * 8 + 1, 8)
    assert "beside 8 latent channels, which can be run with 4 only" in refusal(copy)


@pytest.mark.fault("F37")
def test_weights_and_configuration_of_the_autoencoder_disagree(copy):
    put(copy / VAE, decoder__conv_in__weight=zeros(32, 16, 3, 3))
    assert "have 16 latent channels and their config.json says 4" in refusal(copy)


@pytest.mark.fault("F36")
@pytest.mark.parametrize("number", ["4", 4.0, True, None, [4], {}, 0, -4, 16])
@pytest.mark.parametrize(
    ("component", "key", "what"),
    [
        ("vae", "latent_channels", "latent"),
        ("unet", "in_channels", "input"),
        ("unet", "out_channels", "output"),
    ],
)
def test_a_number_of_channels_that_is_none(copy, component, key, what, number):
    edit(copy / component / "config.json", **{key: number})
    assert f"have 4 {what} channels and their config.json says {number}" in refusal(copy)


@pytest.mark.fault("F37")
@pytest.mark.parametrize(
    ("file", "layer", "label"),
    [
        (UNET, "conv_in.weight", "U-Net"),
        (UNET, "conv_out.weight", "U-Net"),
        (VAE, "decoder.conv_in.weight", "autoencoder"),
    ],
)
def test_weights_without_a_layer_that_is_counted(copy, file, layer, label):
    save_file({name: value for name, value in load_file(copy / file).items() if name != layer}, copy / file)
    sentence = refusal(copy)
    assert f"The weights of the {label} in {copy} have no {layer}" in sentence


@pytest.mark.fault("F36")
def test_an_adapter_that_would_be_fetched(copy):
    (copy / "text_encoder" / "adapter_config.json").write_text('{"base_model_name_or_path": "evil/model"}')
    assert "adapter_config.json" in refusal(copy)


@pytest.mark.fault("F36")
@pytest.mark.parametrize("file", ["model_index.json", "unet/config.json", "tokenizer/tokenizer_config.json"])
@pytest.mark.parametrize(
    "content",
    [
        '{"a":' * 500 + "1" + "}" * 500,
        "[" * 100_000,
        '{"a": 1' + "0" * 5000 + "}",
        '{"a": "' + "x" * (33 * 2**20) + '"}',
    ],
    ids=["deep", "deeper than Python goes", "a number of 5000 digits", "33 MB"],
)
def test_configurations_made_to_hurt(copy, file, content):
    """Refused, or read without a crash where nothing is wrong but the depth."""
    (copy / file).write_text(content)
    try:
        check_model(copy)
    except ModelRefused as error:
        assert str(copy) in str(error)
    else:
        assert content.startswith('{"a":{') and "tokenizer" in file


@pytest.mark.fault("F36")
@pytest.mark.parametrize("shards", [None, [], 5, {}, {"conv_in.weight": 5}, {"conv_in.weight": ["a"]}])
def test_a_list_of_shards_made_to_hurt(copy, shards):
    (copy / UNET).unlink()
    (copy / f"{UNET}.index.json").write_text(json.dumps({"weight_map": shards}))
    assert "names no files" in refusal(copy)


@pytest.mark.fault("F36")
@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": 5, "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0, "x"]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0, None]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0, 1e999]},
        {"dtype": "F32", "shape": [1], "data_offsets": {}},
    ],
)
def test_a_header_made_to_hurt(copy, entry):
    header = json.dumps({"conv_in.weight": entry}).encode()
    (copy / UNET).write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    assert "damaged" in refusal(copy)
