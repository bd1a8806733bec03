# SPDX-License-Identifier: GPL-3.0-or-later
"""LoRAs on the three networks of Stable Diffusion XL: as in plain diffusers, in every spelling, else refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sd_blender.core.request import Lora
from sd_blender.engine.lora.blocks import diffusers_name

from .lora_files import CONVOLUTIONS, LINEAR, random_changes, save_kohya
from .test_xl import asked
from .test_xl_text import difference, picture, refused

pytestmark = pytest.mark.parity


def rename(path: Path, target: Path, change) -> Path:
    save_file({change(name): value for name, value in load_file(path).items()}, target)
    return target


@pytest.fixture(scope="module")
def lora(plain_xl, tmp_path_factory):
    """As kohya's scripts name layers: the U-Net's as diffusers does, and both text encoders'."""
    folder = tmp_path_factory.mktemp("loras")
    text = ("q_proj", "v_proj", "out_proj")
    unet = random_changes(plain_xl.unet, LINEAR + CONVOLUTIONS)
    one = save_kohya(folder / "one", unet, random_changes(plain_xl.text_encoder, text, seed=1))
    two = save_kohya(folder / "two", {}, random_changes(plain_xl.text_encoder_2, text, seed=2))
    tensors = {k.replace("lora_te_", "lora_te1_"): v for k, v in load_file(one).items()}
    tensors |= {k.replace("lora_te_", "lora_te2_"): v for k, v in load_file(two).items()}
    save_file(tensors, folder / "moss.safetensors")
    return folder / "moss.safetensors"


def stabilitys(name: str) -> str:
    """The inverse of `diffusers_name` for the tiny model, whose blocks have one layer each."""
    for theirs, ours in (
        ("input_blocks_1_1_", "down_blocks_0_attentions_0_"),
        ("input_blocks_1_0_", "down_blocks_0_resnets_0_"),
        ("input_blocks_3_0_", "down_blocks_1_resnets_0_"),
        ("middle_block_0_", "mid_block_resnets_0_"),
        ("middle_block_1_", "mid_block_attentions_0_"),
        ("middle_block_2_", "mid_block_resnets_1_"),
        *((f"output_blocks_{i}_0_", f"up_blocks_{i // 2}_resnets_{i % 2}_") for i in range(4)),
        *((f"output_blocks_{i}_1_", f"up_blocks_1_attentions_{i % 2}_") for i in (2, 3)),
    ):
        name = name.replace(ours, theirs)
    if "block" in name:
        for theirs, ours in (
            ("in_layers_2", "conv1"),
            ("out_layers_3", "conv2"),
            ("emb_layers_1", "time_emb_proj"),
        ):
            name = name.replace(ours, theirs)
    return name


def test_a_lora_on_all_networks_is_what_plain_diffusers_makes_of_it(run, tiny_xl, lora, plain_xl):
    before, ours = (run(asked(tiny_xl, loras=loras)).pixels for loras in ((), (Lora(path=str(lora)),)))
    plain_xl.load_lora_weights(lora.parent, weight_name=lora.name)
    try:
        theirs = picture(plain_xl)
    finally:
        plain_xl.unload_lora_weights()
    assert difference(ours, theirs) < 0.1 and difference(before, ours) > 5
    assert np.array_equal(run(asked(tiny_xl)).pixels, before), "and leaves no trace"


def test_every_network_counts(run, tiny_xl, lora, tmp_path):
    made = []
    for start in ("lora_unet_", "lora_te1_", "lora_te2_"):
        part = {name: value for name, value in load_file(lora).items() if name.startswith(start)}
        save_file(part, tmp_path / start)
        made.append(run(asked(tiny_xl, loras=(Lora(path=str(tmp_path / start)),))).pixels)
    plain = run(asked(tiny_xl)).pixels
    assert all(difference(plain, pixels) > 0.5 for pixels in made)


def test_stability_s_names_of_layers_mean_the_same(run, tiny_xl, lora, tmp_path):
    renamed = rename(lora, tmp_path / "renamed.safetensors", stabilitys)
    names = load_file(renamed).keys()
    assert any("input_blocks_1_1_transformer_blocks_0" in name for name in names)
    assert not any("resnets" in name or "attentions" in name for name in names)
    first, second = (run(asked(tiny_xl, loras=(Lora(path=str(p)),))).pixels for p in (lora, renamed))
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    "theirs, ours",
    [
        ("input_blocks_0_0", "conv_in"),
        ("input_blocks_3_0_op", "down_blocks_0_downsamplers_0_conv"),
        ("input_blocks_4_0_in_layers_2", "down_blocks_1_resnets_0_conv1"),
        ("input_blocks_5_1_proj_in", "down_blocks_1_attentions_1_proj_in"),
        ("input_blocks_8_0_skip_connection", "down_blocks_2_resnets_1_conv_shortcut"),
        ("middle_block_2_out_layers_3", "mid_block_resnets_1_conv2"),
        ("output_blocks_0_0_emb_layers_1", "up_blocks_0_resnets_0_time_emb_proj"),
        ("output_blocks_2_2_conv", "up_blocks_0_upsamplers_0_conv"),
        ("output_blocks_5_1_transformer_blocks_1_ff_net_0_proj", "up_blocks_1_attentions_2_transformer_blocks_1_ff_net_0_proj"),  # noqa: E501
        ("label_emb_0_2", "add_embedding_linear_2"),
        ("down_blocks_0_resnets_0_conv1", "down_blocks_0_resnets_0_conv1"),
    ],
)  # fmt: skip
def test_names_in_the_real_model_of_two_layers_a_block(theirs, ours):
    assert diffusers_name(theirs, 2) == ours


def test_loras_of_other_bases_are_refused_by_name(engine, tiny, tiny_xl, lora, tmp_path):
    engine.unload()
    told = refused(engine, asked(tiny, loras=(Lora(path=str(lora)),)))
    assert "moss.safetensors was made for" in told and "width 80" in told
    text = {name: value for name, value in load_file(lora).items() if "lora_te2_" in name}
    save_file(text, tmp_path / "text.safetensors")
    told = refused(engine, asked(tiny, loras=(Lora(path=str(tmp_path / "text.safetensors")),)))
    assert "text.safetensors was made for Stable Diffusion XL, and tiny is" in told
    one = {
        n: torch.zeros(v.shape[0], 768) if n.endswith("attn2_to_k.lora_down.weight") else v
        for n, v in load_file(lora).items()
        if n.startswith("lora_unet_")
    }
    save_file(one, tmp_path / "one.safetensors")
    told = refused(engine, asked(tiny_xl, loras=(Lora(path=str(tmp_path / "one.safetensors")),)))
    assert "one.safetensors was made for Stable Diffusion 1.x" in told
    wide = {n: torch.zeros(3, 64) if v.shape[-1:] == (48,) else v for n, v in text.items()}
    save_file(wide, tmp_path / "wide.safetensors")
    told = refused(engine, asked(tiny_xl, loras=(Lora(path=str(tmp_path / "wide.safetensors")),)))
    assert "a model with another encoder_layers_0_self_attn" in told
