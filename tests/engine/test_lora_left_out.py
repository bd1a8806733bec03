# SPDX-License-Identifier: GPL-3.0-or-later
"""Every tensor of a LoRA file is applied, or told as left out with a count and an example, or a reason to refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file

from sd_blender.core.errors import ModelRefused
from sd_blender.core.request import Lora, Sampling, TextToImage
from sd_blender.engine.libraries import quiet
from sd_blender.engine.lora.store import LoraStore
from sd_blender.engine.model_files import check_model

from .lora_files import random_changes, save_kohya

WIDTH = 32
SMALL = Sampling(width=64, height=64, steps=2, guidance_scale=4.0, scheduler="DDIM", seed=3)


def asked(tiny, prompt, *loras, **changes):
    return TextToImage(prompt=prompt, model=str(tiny), sampling=SMALL, loras=loras, **changes)


@pytest.fixture(scope="module")
def tensors(tiny, tmp_path_factory):
    with quiet():
        unet = UNet2DConditionModel.from_pretrained(tiny / "unet")
    path = save_kohya(tmp_path_factory.mktemp("loras") / "a", random_changes(unet, ("to_q", "to_k")))
    return load_file(path)


def loaded(model, path):
    (one,) = LoraStore(torch.device("cpu")).get([Lora(path=str(path))], check_model(model))
    return one


def pair(prefix, count=1):
    """Layers of a LoRA, by a pattern with their number."""
    return {
        f"{prefix.format(number)}.{name}": value
        for number in range(5, 5 + count)
        for name, value in (
            ("lora_down.weight", torch.ones(2, WIDTH)),
            ("lora_up.weight", torch.ones(WIDTH, 2)),
        )
    }


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            pair("lora_te_text_model_encoder_layers_{}_self_attn_q_proj", 4),
            "changes 4 layers that this model lacks (encoder_layers_5_self_attn_q_proj), which were left out.",
        ),
        (
            pair("lora_unet_down_blocks_{}_attentions_0_proj_in"),
            "changes 1 layers that this model lacks (down_blocks_5_attentions_0_proj_in), which were left out.",
        ),
        (
            {"lora_unet_conv_in.something": torch.ones(1), "optimizer": torch.ones(1)},
            "holds 2 tensors of no known meaning (lora_unet_conv_in.something), which were left out.",
        ),
        (
            {"lora_te_text_model_encoder_layers_0_mlp_fc1.alpha": torch.ones(1)},
            "holds 1 tensors of no known meaning (lora_te_text_model_encoder_layers_0_mlp_fc1.alpha), which were",
        ),
        (
            {"unet.conv_in.weight": torch.ones(1)},
            "holds 1 tensors of no known meaning (unet.conv_in.weight), which were left out.",
        ),
        (
            {"bundle_emb.zyx.clip_l": torch.ones(2, WIDTH), "bundle_emb.zyx.clip_g": torch.ones(2, 48)},
            "brings 1 words for another text encoder (zyx), which were left out.",
        ),
        ({"emb_params": torch.ones(2, 768)}, "brings 1 words for another text encoder (moss), which were left out."),
    ],
)  # fmt: skip
def test_what_is_left_out_is_told(tiny, tensors, tmp_path, more, sentence):
    save_file(tensors | more, tmp_path / "moss.safetensors")
    (warning,) = loaded(tiny, tmp_path / "moss.safetensors").warnings
    assert warning.startswith("The LoRA moss.safetensors ") and sentence in warning


def test_a_tensor_in_two_spellings_is_not_lost_behind_the_other(tiny, tensors, tmp_path):
    name = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    second = {
        f"unet.{name}.lora_A.weight": torch.ones(3, WIDTH),
        f"unet.{name}.lora_B.weight": torch.ones(WIDTH, 3),
    }
    save_file(tensors | second, tmp_path / "moss.safetensors")
    (warning,) = loaded(tiny, tmp_path / "moss.safetensors").warnings
    assert "holds 2 tensors for layers that others of it change already (unet." in warning


def test_it_is_told_with_the_picture(run, tiny, tensors, tmp_path):
    save_file(tensors | {"optimizer": torch.ones(1)}, tmp_path / "moss.safetensors")
    image = run(asked(tiny, "moss", Lora(path=str(tmp_path / "moss.safetensors")))).result.images[0]
    assert any("1 tensors of no known meaning (optimizer)" in warning for warning in image.warnings)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_values_that_are_no_numbers_are_refused_before_anything_is_loaded(
    engine, tiny, tensors, tmp_path, value, dtype
):
    spoilt = {name: tensor.to(dtype, copy=True) for name, tensor in tensors.items()}
    names = sorted(name for name in spoilt if "lora_up" in name)[:2]
    for name in names:
        spoilt[name][0, 0] = value
    save_file(spoilt, tmp_path / "moss.safetensors")
    engine.unload()
    messages = []
    with pytest.raises(ModelRefused, match=r"2 of its tensors hold values that are no numbers \(lora_unet_"):
        engine.generate(
            "job", asked(tiny, "moss", Lora(path=str(tmp_path / "moss.safetensors"))), messages.append, bool
        )
    assert not messages


def test_only_layers_that_the_model_lacks_is_a_lora_for_another(tiny, tmp_path):
    save_file(pair("lora_te_text_model_encoder_layers_{}_self_attn_q_proj", 3), tmp_path / "moss.safetensors")
    with pytest.raises(ModelRefused, match="a model with other layers"):
        loaded(tiny, tmp_path / "moss.safetensors")


@pytest.mark.parametrize("key", ["bundle_emb.zyx.string_to_param.*", "bundle_emb.ZYX.clip_l", "emb_params"])
def test_words_that_a_lora_brings_are_read_in_prompts(run, tiny, tensors, tmp_path, key):
    """As the same word in a file of its own; gone when the LoRA is."""
    vectors = torch.randn(3, WIDTH, generator=torch.Generator().manual_seed(5))
    for folder in ("lora", "word", "both"):
        (tmp_path / folder).mkdir()
    save_file({"zyx": vectors}, tmp_path / "word" / "zyx.safetensors")
    save_file(tensors, tmp_path / "lora" / "zyx.safetensors")
    save_file(tensors | {key: vectors}, tmp_path / "both" / "zyx.safetensors")
    alone, both = (Lora(path=str(tmp_path / name / "zyx.safetensors")) for name in ("lora", "both"))
    expected = run(asked(tiny, "wet zyx", alone, embeddings=(str(tmp_path / "word" / "zyx.safetensors"),)))
    got = run(asked(tiny, "wet zyx", both))
    assert np.array_equal(got.pixels, expected.pixels) and not got.result.images[0].warnings
    without = run(asked(tiny, "wet zyx", alone)).pixels
    assert np.abs(without.astype(int) - got.pixels).mean() > 1
    with pytest.raises(ModelRefused, match="called 'zyx'"):
        run(asked(tiny, "zyx", both, embeddings=(str(tmp_path / "word" / "zyx.safetensors"),)))


def test_words_for_two_text_encoders(tiny_xl, tmp_path):
    down, up = torch.ones(2, WIDTH), torch.ones(WIDTH, 2)
    layer = "lora_te1_text_model_encoder_layers_0_self_attn_q_proj"
    words = {"bundle_emb.zyx.clip_l": torch.ones(2, WIDTH), "bundle_emb.zyx.clip_g": torch.ones(2, 48)}
    file = {f"{layer}.lora_down.weight": down, f"{layer}.lora_up.weight": up, **words}
    save_file(file, tmp_path / "moss.safetensors")
    one = loaded(tiny_xl, tmp_path / "moss.safetensors")
    assert [(word.text, len(word)) for word in one.words] == [("zyx", 2)] and not one.warnings
    file["bundle_emb.zyx.clip_g"] = torch.full((2, 48), float("nan"))
    save_file(file, tmp_path / "moss.safetensors")
    with pytest.raises(ModelRefused, match=r"'zyx' in the LoRA .*moss\.safetensors holds values that are no"):
        loaded(tiny_xl, tmp_path / "moss.safetensors")
