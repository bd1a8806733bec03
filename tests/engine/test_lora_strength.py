# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that diffusers and peft wrote themselves: with ours the networks compute what they compute with theirs."""

from __future__ import annotations

import json

import pytest
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from peft import LoHaConfig, LoKrConfig, LoraConfig, get_peft_model, inject_adapter_in_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel

from sd_blender.core.errors import ModelRefused
from sd_blender.core.request import Lora
from sd_blender.engine.libraries import quiet
from sd_blender.engine.lora.files import read_lora
from sd_blender.engine.lora.store import LoraStore
from sd_blender.engine.lora.strength import METADATA_KEY, read_strengths
from sd_blender.engine.model_files import check_model

from .lora_files import adapted, random_changes, save_diffusers

LAYERS = ["to_q", "to_v", "to_out.0", "conv1"]
RULES = {"attentions.0.transformer_blocks.0.attn1.to_q": 3, "conv1": 16}


def unet_of(tiny):
    with quiet():
        return UNet2DConditionModel.from_pretrained(tiny / "unet").requires_grad_(False)


def text_of(tiny):
    with quiet():
        return CLIPTextModel.from_pretrained(tiny / "text_encoder").requires_grad_(False)


def stirred(network):
    """Adapters begin as nothing; these have learned."""
    generator = torch.Generator().manual_seed(4)
    for name, value in network.named_parameters():
        if any(part in name for part in ("lora_", "hada_", "lokr_")):
            noise = torch.randn(value.shape, generator=generator) * 0.2
            value.data.copy_(noise.abs() + 0.5 if "magnitude" in name else noise)
    return network


def denoised(unet):
    generator = torch.Generator().manual_seed(5)
    latents, text = torch.randn(1, 4, 8, 8, generator=generator), torch.randn(1, 6, 32, generator=generator)
    with torch.no_grad():
        return unet(latents, 500, text).sample


def ours(tiny, path, weight=1.0):
    (loaded,) = LoraStore(torch.device("cpu")).get([Lora(path=str(path))], check_model(tiny))
    assert loaded.warnings == []
    unet = unet_of(tiny)
    with adapted([(loaded.changes, weight)], {"unet": unet}):
        return denoised(unet)


def assert_alike(got, wanted, plain):
    assert torch.allclose(got, wanted, rtol=1e-3, atol=1e-4)
    assert float((wanted - plain).abs().max()) > 0.05


@pytest.mark.parametrize(
    "config",
    [
        {"r": 4, "lora_alpha": 8},
        {"r": 4, "lora_alpha": 2, "alpha_pattern": RULES},
        {"r": 4, "lora_alpha": 8, "rank_pattern": {"to_q": 2, "conv1": 6}},
        {"r": 4, "lora_alpha": 8, "use_rslora": True},
        {"r": 4, "lora_alpha": 8, "use_dora": True},
    ],
)
@pytest.mark.parametrize("prefixed", [True, False])
def test_what_diffusers_saves_with_its_metadata(tiny, tmp_path, config, prefixed):
    config = LoraConfig(target_modules=LAYERS, **config)
    unet = unet_of(tiny)
    plain = denoised(unet)
    unet.add_adapter(config)
    stirred(unet)
    if prefixed:
        StableDiffusionPipeline.save_lora_weights(
            tmp_path,
            unet_lora_layers=get_peft_model_state_dict(unet),
            unet_lora_adapter_metadata=config.to_dict(),
        )
    else:
        unet.save_lora_adapter(tmp_path)
    path = tmp_path / "pytorch_lora_weights.safetensors"
    assert_alike(ours(tiny, path), denoised(unet), plain)


@pytest.mark.parametrize(
    "config",
    [
        LoraConfig(r=4, lora_alpha=8, target_modules=LAYERS),
        LoraConfig(r=4, lora_alpha=2, target_modules=LAYERS, use_rslora=True, alpha_pattern={"conv1": 9}),
        LoraConfig(r=4, lora_alpha=8, target_modules=LAYERS, use_dora=True),
        LoraConfig(r=4, lora_alpha=8, target_modules=["to_out.0", "conv1"], lora_bias=True),
        LoHaConfig(r=3, alpha=6, target_modules=LAYERS),
        LoHaConfig(r=3, alpha=6, target_modules=LAYERS, use_effective_conv2d=True),
        LoKrConfig(r=3, alpha=6, target_modules=LAYERS),
        LoKrConfig(r=2, alpha=6, target_modules=LAYERS, use_effective_conv2d=True, decompose_both=True),
    ],
    ids=lambda c: f"{c.peft_type.value}-{c.r}",
)
@pytest.mark.filterwarnings("ignore:Adapter .default.")  # it takes biases for shards of matrices
def test_what_peft_saves_with_its_configuration_beside_it(tiny, tmp_path, config):
    unet = unet_of(tiny)
    plain = denoised(unet)
    changed = stirred(get_peft_model(unet, config))
    changed.save_pretrained(tmp_path)
    assert_alike(ours(tiny, tmp_path / "adapter_model.safetensors"), denoised(changed), plain)


def test_each_network_has_its_own_alpha(tiny, tmp_path):
    configs = {
        "unet": LoraConfig(r=4, lora_alpha=8, target_modules=LAYERS),
        "text_encoder": LoraConfig(
            r=2, lora_alpha=1, target_modules=["q_proj", "fc1"], alpha_pattern={"fc1": 6}
        ),
    }
    networks = {"unet": unet_of(tiny), "text_encoder": text_of(tiny)}
    for name, network in networks.items():
        inject_adapter_in_model(configs[name], network)
    StableDiffusionPipeline.save_lora_weights(
        tmp_path,
        unet_lora_layers=get_peft_model_state_dict(stirred(networks["unet"])),
        text_encoder_lora_layers=get_peft_model_state_dict(stirred(networks["text_encoder"])),
        unet_lora_adapter_metadata=configs["unet"].to_dict(),
        text_encoder_lora_adapter_metadata=configs["text_encoder"].to_dict(),
    )
    file = read_lora(tmp_path / "pytorch_lora_weights.safetensors", 1)
    scales = {place: change.scale for place, change in LoraStore(torch.device("cpu"))._load(file).items()}
    assert {scale for (network, _), scale in scales.items() if network == "unet"} == {2.0}
    for (network, layer), scale in scales.items():
        if network == "text_encoder":
            assert scale == (3.0 if layer.endswith("fc1") else 0.5)


def told(values):
    return {METADATA_KEY: json.dumps(values)}


def test_an_alpha_beside_the_tensors_counts_before_what_is_told(tiny, tmp_path):
    strengths = read_strengths(tmp_path / "a.safetensors", told({"unet.lora_alpha": 8, "unet.r": 4}))
    assert strengths.scale("unet", "conv_in", 4, 2.0) == 0.5
    assert strengths.scale("unet", "conv_in", 4, None) == 2.0
    assert strengths.scale("text_encoder", "conv_in", 4, None) == 1.0
    assert strengths.scale("unet", "conv_in", None, 2.0) == 1.0


def test_a_configuration_is_not_that_of_every_file_in_its_folder(tmp_path):
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "lora_alpha": 8, "r": 4}')
    for name in ("moss", "rust"):
        save_file({"a": torch.zeros(1)}, tmp_path / f"{name}.safetensors")
    assert read_strengths(tmp_path / "moss.safetensors", {}).scale("unet", "a", 4, None) == 1.0
    (tmp_path / "rust.safetensors").unlink()
    assert read_strengths(tmp_path / "moss.safetensors", {}).scale("unet", "a", 4, None) == 2.0
    (tmp_path / "adapter_config.json").write_text("{")
    assert read_strengths(tmp_path / "moss.safetensors", {}).unread == ("adapter_config.json",)


@pytest.mark.parametrize(
    ("config", "example"),
    [
        ("{", METADATA_KEY),
        ("[" * 100_000, METADATA_KEY),
        ("[1]", METADATA_KEY),
        ('{"unet.lora_alpha": "much"}', "lora_alpha"),
        ('{"unet.lora_alpha": NaN}', "lora_alpha"),
        ('{"unet.alpha_pattern": {"(a+)+b": 4}}', "(a+)+b"),
        ('{"unet.alpha_pattern": {"to_q": true}}', "to_q"),
        ('{"unet.alpha_pattern": 7}', "alpha_pattern"),
    ],
)
def test_strengths_that_cannot_be_read_are_told(tiny, tmp_path, config, example):
    unet = unet_of(tiny)
    path = save_diffusers(tmp_path / "moss.safetensors", random_changes(unet, ("to_q",)))
    save_file(load_file(path), path, {METADATA_KEY: config})
    (loaded,) = LoraStore(torch.device("cpu")).get([Lora(path=str(path))], check_model(tiny))
    (warning,) = loaded.warnings
    assert "moss.safetensors tells its strength" in warning and example in warning


@pytest.mark.parametrize("begun", ["pissa", "pissa_niter_16", "olora"])
def test_what_was_learned_on_changed_weights_is_refused(tmp_path, begun):
    with pytest.raises(ModelRefused, match=rf"moss.*{begun}"):
        read_strengths(tmp_path / "moss.safetensors", told({"unet.init_lora_weights": begun}))
    for begun in (True, "gaussian", "eva"):
        read_strengths(tmp_path / "moss.safetensors", told({"unet.init_lora_weights": begun}))
