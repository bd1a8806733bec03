# SPDX-License-Identifier: GPL-3.0-or-later
"""LoRAs are in the weights while pictures are made: rounded once, in their own layout, and taken back to the bit."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextModel

from sd_blender.core.errors import JobCancelled, OutOfMemory
from sd_blender.core.request import Lora, Sampling, TextToImage
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.engine.libraries import quiet
from sd_blender.engine.lora import apply
from sd_blender.engine.lora.apply import MergedLoras
from sd_blender.engine.lora.deltas import Change
from sd_blender.engine.lora.names import flat
from tests.closeness import NETWORK, ROUNDING, assert_near

from .lora_files import CONVOLUTIONS, LINEAR, RANK, adapted, random_changes, save_kohya
from .test_not_finite import breaking_at

WEIGHTS = (0.7, -0.4, 1.3)


@pytest.fixture
def unet(tiny):
    with quiet():
        return UNet2DConditionModel.from_pretrained(tiny / "unet").requires_grad_(False)


def changes_of(network, seed=0, layers=(*LINEAR, *CONVOLUTIONS), bias=False):
    """As they are loaded from a file."""
    generator = torch.Generator().manual_seed(seed)
    changes = {}
    for name, (down, up) in random_changes(network, layers, seed).items():
        tensors = {"down": down, "up": up}
        if bias:
            tensors["diff_b"] = torch.randn(len(up), generator=generator)
        changes[("unet", flat(name))] = Change(tensors, 0.5)
    return changes


def three(network, **kind):
    return [(changes_of(network, seed, **kind), weight) for seed, weight in enumerate(WEIGHTS)]


def state_of(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def assert_own(network, before):
    now = network.state_dict()
    assert now.keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in now.items())


def exact_weights(network, loras):
    """W + sum weight s B A in float64, written out by rank."""
    for name, layer in network.named_modules():
        found = [(changes["unet", flat(name)], w) for changes, w in loras if ("unet", flat(name)) in changes]
        if found:
            total = layer.weight.double().clone()
            for change, weight in found:
                down, up = change.tensors["down"].double(), change.tensors["up"].double().flatten(1)
                for rank in range(RANK):
                    column = up[:, rank].reshape(-1, *[1] * (total.ndim - 1))
                    total += weight * change.scale * column * down[rank]
            yield name, total


def test_a_step_costs_what_it_costs_without(unet):
    """Nothing is computed beside a layer: what hooks there are were there before."""
    with adapted(three(unet, bias=True), {"unet": unet}):
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in unet.modules())
        assert not any("forward" in vars(module) for module in unet.modules())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_several_are_rounded_once_in_the_layout_of_the_layer(unet, dtype, layout):
    unet.to(dtype=dtype, memory_format=layout)
    loras = three(unet)
    expected, before = dict(exact_weights(unet, loras)), state_of(unet)
    places = {name: (value.data_ptr(), value.stride()) for name, value in unet.named_parameters()}
    with adapted(loras, {"unet": unet}):
        assert {n: (v.data_ptr(), v.stride()) for n, v in unet.named_parameters()} == places
        for name, exact in expected.items():
            got = unet.get_submodule(name).weight
            assert got.dtype == dtype
            # Half of the last place, and what float32 rounded before.
            allowed = exact.abs() * torch.finfo(dtype).eps / 2 + 3e-6
            assert bool(((got.double() - exact).abs() <= allowed).all()), name
    assert_own(unet, before)
    assert {n: (v.data_ptr(), v.stride()) for n, v in unet.named_parameters()} == places


def test_a_layer_without_a_bias_gets_one_for_the_time(unet):
    name = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    layer = unet.get_submodule(name)
    assert layer.bias is None, "or the test is none"
    loras, before = three(unet, bias=True), state_of(unet)
    x = torch.randn(2, 5, layer.in_features)
    plain = layer(x)
    bias = sum(weight * changes["unet", flat(name)].tensors["diff_b"] for changes, weight in loras)
    (weight,) = (value for place, value in exact_weights(unet, loras) if place == name)
    with adapted(loras, {"unet": unet}):
        assert_near(layer(x), x.double() @ weight.T + bias, NETWORK)
        assert not layer.bias.requires_grad
        unet.to(torch.float64)
        assert layer.bias.dtype == torch.float64, "it moves with its layer"
    unet.to(torch.float32)
    assert layer.bias is None and torch.equal(layer(x), plain)
    assert_own(unet, before)


@pytest.mark.parametrize("at", [0, 3, 9])
def test_an_error_in_the_middle_leaves_the_own_weights(unet, monkeypatch, at):
    before, merged, calls = state_of(unet), MergedLoras(), []
    change = apply._change

    def fail(layer, changes):
        change(layer, changes)  # as far as to the last line
        calls.append(layer)
        if len(calls) > at:
            raise MemoryError

    monkeypatch.setattr(apply, "_change", fail)
    with pytest.raises(MemoryError):
        merged.change_to("moss", three(unet, bias=True), {"unet": unet})
    assert_own(unet, before)
    monkeypatch.undo()
    merged.change_to("moss", three(unet), {"unet": unet})
    assert not torch.equal(calls[0].weight, before[name_of(unet, calls[0]) + ".weight"])
    merged.put_back()
    assert_own(unet, before)


def name_of(network, layer):
    return next(name for name, module in network.named_modules() if module is layer)


def test_a_taking_back_that_fails_is_ended_by_the_next(unet, monkeypatch):
    """As where the memory of a card is short just then."""
    before, merged, calls = state_of(unet), MergedLoras(), []
    merged.change_to("moss", three(unet, bias=True), {"unet": unet})
    back = apply._Own.back_into

    def fail(self, layer):
        calls.append(1)
        if len(calls) == 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        back(self, layer)

    monkeypatch.setattr(apply._Own, "back_into", fail)
    with pytest.raises(torch.OutOfMemoryError):
        merged.put_back()
    assert any(not torch.equal(v, before[n]) for n, v in unet.state_dict().items() if n in before)
    merged.change_to("moss", three(unet, bias=True), {"unet": unet})
    merged.change_to((), [], {"unet": unet})
    assert_own(unet, before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_network_that_is_moved_to_a_wider_precision(unet, dtype):
    unet.to(dtype)
    before, merged = state_of(unet), MergedLoras()
    merged.change_to("moss", three(unet, bias=True), {"unet": unet})
    unet.to(torch.float32)  # as after an overflow
    other = [(changes_of(unet, 5), 1.0)]
    merged.put_back()
    assert_own(unet, {name: value.float() for name, value in before.items()})
    merged.change_to("moss", three(unet, bias=True), {"unet": unet})
    unet.to(torch.float64)
    merged.change_to("rust", other, {"unet": unet})
    now = state_of(unet)
    merged.put_back()
    for name, exact in exact_weights(unet, other):
        assert_near(now[f"{name}.weight"], exact, ROUNDING)


class TestBetweenJobs:
    def test_another_weight_is_merged_from_the_own_weights(self, unet):
        merged, before = MergedLoras(), state_of(unet)
        merged.change_to("a", [(changes_of(unet), 0.5)], {"unet": unet})
        merged.change_to("b", [(changes_of(unet), 0.8)], {"unet": unet})
        twice = state_of(unet)
        merged.put_back()
        assert_own(unet, before)
        merged.change_to("b", [(changes_of(unet), 0.8)], {"unet": unet})
        assert_own(unet, twice)

    def test_layers_that_the_next_leaves_alone_are_their_own_again(self, unet):
        merged, before = MergedLoras(), state_of(unet)
        merged.change_to("a", [(changes_of(unet, layers=("to_q", "conv1"), bias=True), 1.0)], {"unet": unet})
        merged.change_to("b", [(changes_of(unet, layers=("to_v",)), 1.0)], {"unet": unet})
        now = unet.state_dict()
        assert now.keys() == before.keys()
        for name, value in before.items():
            assert torch.equal(now[name], value) == (not name.endswith("to_v.weight"))

    def test_the_same_ones_are_merged_once(self, run, engine, tiny, unet, tmp_path, monkeypatch):
        path = save_kohya(tmp_path / "moss.safetensors", random_changes(unet, LINEAR))
        calls, change = [], apply._change
        monkeypatch.setattr(apply, "_change", lambda *a: calls.append(a) or change(*a))
        moss = Lora(path=str(path))
        first = run(request(tiny, moss), engine).pixels
        count = len(calls)
        assert count > 0
        assert np.array_equal(run(request(tiny, moss), engine).pixels, first) and len(calls) == count
        run(request(tiny, Lora(path=str(path), weight=0.5)), engine)
        assert len(calls) == 2 * count
        save_kohya(path, random_changes(unet, LINEAR, seed=9))
        run(request(tiny, Lora(path=str(path), weight=0.5)), engine)
        assert len(calls) == 3 * count, "another file of the same name"

    def test_nothing_of_them_is_left_whatever_ended_the_job(self, run, engine, tiny, unet, tmp_path):
        path = save_kohya(tmp_path / "moss.safetensors", random_changes(unet, LINEAR + CONVOLUTIONS))
        plain, moss = run(request(tiny), engine).pixels, Lora(path=str(path))
        expected = run(request(tiny, moss), engine).pixels
        messages = []
        with pytest.raises(JobCancelled):
            engine.generate("job", request(tiny, moss), messages.append, lambda: len(messages) > 2)
        assert np.array_equal(run(request(tiny), engine).pixels, plain)
        assert np.array_equal(run(request(tiny, moss), engine).pixels, expected)

    def test_no_text_is_left_of_one_whose_successor_could_not_be_merged(
        self, run, tiny, tmp_path, monkeypatch
    ):
        """The own weights are put back then, and texts that were read with the others must not be used again."""
        engine = DiffusersEngine(device="cpu", dtype="float32", preview_interval=1e9)
        with quiet():
            text_encoder = CLIPTextModel.from_pretrained(tiny / "text_encoder")
        path = save_kohya(tmp_path / "moss.safetensors", {}, random_changes(text_encoder, ("q_proj",)))
        plain = run(request(tiny), engine).pixels
        assert not np.array_equal(run(request(tiny, Lora(path=str(path))), engine).pixels, plain)

        def fail(layer, changes):
            raise MemoryError

        monkeypatch.setattr(apply, "_change", fail)
        with pytest.raises(OutOfMemory):
            run(request(tiny, Lora(path=str(path), weight=0.5)), engine)
        assert np.array_equal(run(request(tiny), engine).pixels, plain)

    def test_nothing_is_left_beside_a_word(self, run, engine, tiny, unet, tmp_path):
        """The model that reads words is a copy of the one that is kept."""
        from safetensors.torch import save_file

        path = save_kohya(tmp_path / "moss.safetensors", random_changes(unet, LINEAR))
        save_file({"zyx": torch.randn(2, 32)}, tmp_path / "zyx.safetensors")
        engine.unload()
        plain = run(request(tiny), engine).pixels
        run(request(tiny, Lora(path=str(path)), embeddings=(str(tmp_path / "zyx.safetensors"),)), engine)
        assert np.array_equal(run(request(tiny), engine).pixels, plain)

    def test_after_an_overflow_the_own_weights_are_those_of_the_file(self, run, tiny, unet, tmp_path):
        path = save_kohya(tmp_path / "moss.safetensors", random_changes(unet, LINEAR + CONVOLUTIONS))
        engine = DiffusersEngine(device="cpu", dtype="float16", preview_interval=1e9)
        model = engine._models.get(tiny, lambda *_: None, lambda: False)
        before = state_of(model.unet)
        breaking_at(engine, tiny, 1, heals=True)
        done = run(request(tiny, Lora(path=str(path))), engine)
        assert any("overflowed" in warning for warning in done.result.images[0].warnings)
        run(request(tiny), engine)
        assert_own(model.unet, {name: value.float() for name, value in before.items()})

    def test_they_go_with_their_model(self, run, tiny, unet, tmp_path):
        """Neither it nor the copies of its weights are held when another one is loaded."""
        path = save_kohya(tmp_path / "moss.safetensors", random_changes(unet, ("to_q",)))
        engine = DiffusersEngine(device="cpu", dtype="float32", preview_interval=1e9)
        run(request(tiny, Lora(path=str(path))), engine)
        merged = weakref.ref(engine._models._model.merged)
        held = weakref.ref(engine._models._model.unet)
        engine._models.unload()
        gc.collect()
        assert merged() is None and held() is None


def request(folder, *loras, **changes):
    sampling = Sampling(width=32, height=32, steps=2, scheduler="DDIM", guidance_scale=4.0, seed=3)
    return TextToImage(prompt="wet moss", model=str(folder), sampling=sampling, loras=loras, **changes)
