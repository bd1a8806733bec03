# SPDX-License-Identifier: GPL-3.0-or-later
"""One LoRA as every tool names its tensors: the same layers with the same matrices, and nothing left over."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextModel

from sd_blender.core.request import Lora
from sd_blender.core.tensor_header import look_at
from sd_blender.engine.libraries import quiet
from sd_blender.engine.lora.blocks import diffusers_name
from sd_blender.engine.lora.files import read_lora
from sd_blender.engine.lora.names import Place, place_of
from sd_blender.engine.lora.store import LoraStore
from sd_blender.engine.model_files import check_model

from .lora_files import random_changes

UNET_LAYERS = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "ff.net.0.proj", "conv1", "time_emb_proj")
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")


@pytest.fixture(scope="module")
def changes(tiny):
    """A and B by network and module."""
    with quiet():
        unet = UNet2DConditionModel.from_pretrained(tiny / "unet")
        text = CLIPTextModel.from_pretrained(tiny / "text_encoder")
    return {
        "unet": random_changes(unet, UNET_LAYERS),
        "text_encoder": {
            name.removeprefix("text_model."): both
            for name, both in random_changes(text, ("q_proj", "out_proj", "fc1"), seed=1).items()
        },
    }


def processor(name):
    """As diffusers once named the attention's layers: by their processor, without the index of to_out."""
    if not name.endswith(ATTENTION):
        return name, ".lora"
    parent, _, last = name.removesuffix(".0").rpartition(".")
    return f"{parent}.processor.{last}", "_lora"


def kohya(prefix):
    return lambda name: (prefix + name.replace(".", "_"), ".lora_down.weight", ".lora_up.weight")


def dotted(prefix, down=".lora_A.weight", up=".lora_B.weight"):
    return lambda name: (prefix + name, down, up)


def old(prefix):
    def spell(name):
        module, lora = processor(name)
        return prefix + module, f"{lora}.down.weight", f"{lora}.up.weight"

    return spell


def old_text(name):
    """Of the first diffusers that could train text encoders."""
    for new, before in (("q_proj", "to_q"), ("out_proj", "to_out")):
        if name.endswith(new):
            start = f"text_encoder.text_model.{name.removesuffix(new)}{before}_lora"
            return start, ".down.weight", ".up.weight"
    start = f"text_encoder.text_model.{name}.lora_linear_layer"
    return start, ".down.weight", ".up.weight"


TEXT = "text_model."
SPELLINGS = {
    "kohya": (kohya("lora_unet_"), kohya("lora_te_text_model_")),
    "diffusers": (dotted("unet."), dotted("text_encoder.text_model.")),
    "diffusers, no outer name": (dotted("unet."), dotted("text_encoder.")),
    "dreambooth": (old("unet.unet."), old_text),
    "attn_procs": (old(""), dotted(TEXT)),
    "diffusers before peft": (old("unet."), old_text),
    "peft": (dotted("base_model.model."), dotted("base_model.model.text_model.")),
    "peft of a pipeline": (dotted("base_model.model.unet."), dotted("base_model.model.text_encoder.text_model.")),
    "peft's whole state": (
        dotted("base_model.model.", ".lora_A.default.weight", ".lora_B.default.weight"),
        dotted("base_model.model.text_model.", ".lora_A.moss_1.weight", ".lora_B.moss_1.weight"),
    ),
    "peft, with the name of an adapter": (
        dotted("unet.", ".lora_A.my-style v2.weight", ".lora_B.my-style v2.weight"),
        dotted("text_encoder.text_model.", ".lora_A.my-style v2.weight", ".lora_B.my-style v2.weight"),
    ),
    "LyCORIS": (kohya("lycoris_"), kohya("lycoris_text_model_")),
    "LyCORIS in kohya": (kohya("lycoris_unet_"), kohya("lycoris_te_text_model_")),
    "OneTrainer": (
        dotted("unet.", ".lora_down.weight", ".lora_up.weight"),
        dotted("clip_l.text_model.", ".lora_down.weight", ".lora_up.weight"),
    ),
    "OneTrainer's own": (
        dotted("lora_unet.", ".lora_down.weight", ".lora_up.weight"),
        dotted("lora_te.text_model.", ".lora_down.weight", ".lora_up.weight"),
    ),
    "ComfyUI": (
        dotted("diffusion_model.", ".lora_up.weight".replace("up", "down"), ".lora_up.weight"),
        dotted("text_encoders.clip_l.transformer.text_model.", ".lora_down.weight", ".lora_up.weight"),
    ),
    "of two text encoders": (kohya("lora_unet_"), kohya("lora_te1_text_model_")),
}  # fmt: skip


def save_spelled(path, changes, spelling, scale=1.0):
    tensors = {}
    for network, spell in zip(("unet", "text_encoder"), SPELLINGS[spelling], strict=True):
        for name, (down, up) in changes[network].items():
            module, a, b = spell(name)
            tensors |= {module + a: down, module + b: up * scale}
    save_file(tensors, path)
    return path


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_is_the_same_lora(changes, tmp_path, spelling):
    kept = LoraStore(torch.device("cpu"))
    reference, spelled = (
        read_lora(save_spelled(tmp_path / f"{number}.safetensors", changes, name), 1)
        for number, name in enumerate(("kohya", spelling))
    )
    assert spelled.strange == spelled.doubled == () and spelled.layers.keys() == reference.layers.keys()
    assert len(spelled.layers) == sum(map(len, changes.values()))
    first, second = kept._load(reference), kept._load(spelled)
    for place, change in first.items():
        assert change.scale == second[place].scale == 1.0
        assert all(torch.equal(change.tensors[role], second[place].tensors[role]) for role in ("down", "up"))


@pytest.mark.parametrize("spelling", [name for name in SPELLINGS if name != "of two text encoders"])
def test_every_spelling_is_taken_by_the_model(tiny, changes, tmp_path, spelling):
    path = save_spelled(tmp_path / "moss.safetensors", changes, spelling)
    (loaded,) = LoraStore(torch.device("cpu")).get([Lora(path=str(path))], check_model(tiny))
    assert loaded.warnings == []


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("lora_unet_input_blocks_1_0_in_layers_0.w_norm", ("unet", "down_blocks_0_resnets_0_norm1", "diff")),
        ("lora_unet_input_blocks_1_0_out_layers_0.b_norm", ("unet", "down_blocks_0_resnets_0_norm2", "diff_b")),
        ("lora_unet_input_blocks_1_1_norm.w_norm", ("unet", "down_blocks_0_attentions_0_norm", "diff")),
        ("lora_unet_out_0.w_norm", ("unet", "conv_norm_out", "diff")),
        ("lora_unet_out_2.diff_b", ("unet", "conv_out", "diff_b")),
        ("diffusion_model.input_blocks.0.0.hada_w1_a", ("unet", "conv_in", "hada_w1_a")),
        ("lycoris_time_embedding_linear_1.lokr_w2_a", ("unet", "time_embedding_linear_1", "lokr_w2_a")),
        ("base_model.model.conv_in.hada_w1_a.default", ("unet", "conv_in", "hada_w1_a")),
        ("unet.conv_in.lora_magnitude_vector", ("unet", "conv_in", "magnitude")),
        ("base_model.model.conv_in.lora_magnitude_vector.default.weight", ("unet", "conv_in", "magnitude")),
        ("base_model.model.conv_in.lora_B.default.bias", ("unet", "conv_in", "up_bias")),
        ("lora_te2_text_projection.dora_scale", ("text_encoder_2", "text_projection", "dora_scale")),
        ("clip_g.text_model.encoder.layers.1.mlp.fc1.alpha", ("text_encoder_2", "encoder_layers_1_mlp_fc1", "alpha")),
        ("text_encoder_2.text_model.final_layer_norm.w_norm", ("text_encoder_2", "final_layer_norm", "diff")),
        ("unet.conv_in.weight", None),
        ("unet.conv_in.lora_A.weight.more", None),
        ("lora_vae_decoder_conv_in.lora_down.weight", None),
    ],
)  # fmt: skip
def test_names_of_single_tensors(key, place):
    assert place_of(key, 2) == (place and Place(*place))


@pytest.mark.parametrize(
    "theirs, ours",
    [
        ("middle_block_0_in_layers_0", "mid_block_resnets_0_norm1"),
        ("output_blocks_5_0_out_layers_0", "up_blocks_1_resnets_2_norm2"),
        ("output_blocks_2_1_conv", "up_blocks_0_upsamplers_0_conv"),
    ],
)
def test_norms_and_layers_of_1_x_by_stabilitys_names(theirs, ours):
    assert diffusers_name(theirs, 2) == ours


def test_the_words_that_a_lora_brings_are_its_trigger(tmp_path):
    path = tmp_path / "moss.safetensors"
    save_file({"lora_unet_a.alpha": torch.ones(1), "bundle_emb.zyx.clip_l": torch.ones(1, 4)}, path)
    told = look_at(path)
    assert (told.is_word, told.trigger) == (False, "zyx")
    save_file(
        {"lora_unet_a.alpha": torch.ones(1), "clip_l": torch.ones(1, 4)},
        path,
        {"modelspec.trigger_phrase": "wet moss"},
    )
    assert look_at(path).trigger == "wet moss"
