# SPDX-License-Identifier: GPL-3.0-or-later
"""Where main memory holds no copies of the weights, LoRAs compute beside their layers, and say that this is slower."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from sd_blender.core.request import Lora, Sampling, TextToImage, Tiling
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.engine.libraries import quiet
from sd_blender.engine.lora.apply import MergedLoras
from sd_blender.engine.lora.beside import beside
from sd_blender.engine.lora.deltas import Change
from sd_blender.engine.lora.names import flat
from tests.closeness import BYTES, NETWORK, assert_near

from .lora_files import CONVOLUTIONS, LINEAR, random_changes, save_kohya


@pytest.fixture
def unet(tiny):
    with quiet():
        return UNet2DConditionModel.from_pretrained(tiny / "unet").requires_grad_(False)


def request(folder, *loras, tiling=Tiling.OFF):
    sampling = Sampling(width=64, height=64, steps=3, scheduler="DDIM", guidance_scale=4.0, seed=3)
    return TextToImage(prompt="wet moss", model=str(folder), sampling=sampling, loras=loras, tiling=tiling)


@pytest.mark.parametrize("tiling", [Tiling.OFF, Tiling.BOTH])
def test_the_same_picture_with_little_memory(run, tiny, unet, tmp_path, tiling):
    moss, rust = (
        Lora(
            path=str(save_kohya(tmp_path / name, random_changes(unet, LINEAR + CONVOLUTIONS, seed))), weight=w
        )
        for name, seed, w in (("moss.safetensors", 1, 0.7), ("rust.safetensors", 2, -0.5))
    )
    free = [None]
    engine = DiffusersEngine(device="cpu", dtype="float32", preview_interval=1e9, available=lambda _: free[0])
    plain = run(request(tiny, tiling=tiling), engine)
    merged = run(request(tiny, moss, rust, tiling=tiling), engine)
    model = engine._models._model
    assert model.merged.bytes_for([], {}) == 0 and model.merged._own

    free[0] = 100_000_000
    kept = run(request(tiny, moss, rust, tiling=tiling), engine)
    assert np.array_equal(kept.pixels, merged.pixels), "its copies are there already"
    assert not kept.result.images[0].warnings
    assert np.array_equal(run(request(tiny, tiling=tiling), engine).pixels, plain.pixels)
    short = run(request(tiny, moss, rust, tiling=tiling), engine)
    (warning,) = short.result.images[0].warnings
    assert "merge the LoRAs" in warning
    assert not model.merged._own, "no copy was made"
    assert_near(short.pixels, merged.pixels, BYTES)
    assert np.abs(short.pixels.astype(int) - plain.pixels).mean() > 1
    after = run(request(tiny, tiling=tiling), engine)
    assert np.array_equal(after.pixels, plain.pixels) and not after.result.images[0].warnings

    free[0] = 10**12
    again = run(request(tiny, moss, rust, tiling=tiling), engine)
    assert np.array_equal(again.pixels, merged.pixels) and not again.result.images[0].warnings


def test_what_cannot_be_beside_a_layer_is_merged_all_the_same(unet):
    """Biases, other kinds, other layers: they take copies of little."""
    names = {"linear": "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q", "norm": "conv_norm_out"}
    generator = torch.Generator().manual_seed(0)

    def some(*shape):
        return torch.randn(*shape, generator=generator)

    changes = {
        ("unet", flat(names["linear"])): Change({"down": some(3, 32), "up": some(32, 3)}, 0.5),
        ("unet", flat(names["norm"])): Change({"diff": some(32)}, 1.0),
        ("unet", "conv_in"): Change(
            {"down": some(3, 4, 3, 3), "up": some(32, 3, 1, 1), "diff_b": some(32)}, 1.0
        ),
    }
    text, sample = some(1, 6, 32), some(1, 4, 8, 8)
    networks, merged = {"unet": unet}, MergedLoras()

    def predicted():
        return unet(sample, 500, text, return_dict=False)[0]

    plain, own = predicted(), unet.get_submodule(names["linear"]).weight.clone()
    merged.change_to("all", [(changes, 0.8)], networks)
    expected = predicted()
    merged.put_back()
    with beside([(changes, 0.8)], networks) as rest:
        assert [set(left) for left, _ in rest] == [{("unet", "conv_norm_out"), ("unet", "conv_in")}]
        merged.change_to("rest", rest, networks)
        assert torch.equal(unet.get_submodule(names["linear"]).weight, own)
        assert_near(predicted(), expected, NETWORK)
    merged.put_back()
    assert torch.equal(predicted(), plain)
    assert float((expected - plain).abs().max()) > 0.05


def test_half_precision_that_overflows_on_the_way(unet):
    """The network is moved while it runs; the changes are as they were loaded."""
    changes = {
        ("unet", flat(name)): Change({"down": down, "up": up}, 0.5)
        for name, (down, up) in random_changes(unet, LINEAR + CONVOLUTIONS).items()
    }
    sample, text = torch.randn(1, 4, 8, 8), torch.randn(1, 6, 32)
    unet.bfloat16().float()  # weights that half precision holds
    with beside([(changes, 1.0)], {"unet": unet}):
        expected = unet(sample, 500, text, return_dict=False)[0]
        unet.bfloat16()
        unet(sample.bfloat16(), 500, text.bfloat16())
        unet.float()
        assert_near(unet(sample, 500, text, return_dict=False)[0], expected, NETWORK)
    assert not any(module._forward_hooks for module in unet.modules())
