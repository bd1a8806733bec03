# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of LoRA file against its closed form, written out here by index, on the layers of 1.x, 2.x and XL."""

from __future__ import annotations

import dataclasses
import shutil
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPTextModel

from sd_blender.core.errors import ModelRefused
from sd_blender.core.request import Lora, Sampling, TextToImage, Tiling
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.engine.libraries import quiet
from sd_blender.engine.lora.store import LoraStore
from sd_blender.engine.model_files import check_model

from .conftest import save_model
from .lora_files import adapted
from .tiny_model import STABLE_DIFFUSION_2

R, ALPHA, WEIGHT = 2, 3.0, 0.7
S = ALPHA / R
SEED = torch.Generator().manual_seed(0)

LINEAR = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
PROJECTION = "down_blocks.0.attentions.0.proj_in"  # a convolution in 1.x, linear in 2.x and XL
CONVOLUTION = "down_blocks.1.resnets.0.conv1"
STRIDED = "down_blocks.0.downsamplers.0.conv"
LAYERS = (LINEAR, PROJECTION, CONVOLUTION, STRIDED)


@pytest.fixture(scope="module")
def tiny_2(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("models") / "tiny-2", **STABLE_DIFFUSION_2)


@pytest.fixture(scope="module", params=["tiny", "tiny_2", "tiny_xl"])
def model(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def unet(model):
    with quiet():
        return UNet2DConditionModel.from_pretrained(model / "unet").requires_grad_(False)


def some(*shape):
    return torch.randn(*shape, generator=SEED)


def low_rank(w):
    down, up = some(R, *w.shape[1:]), some(len(w), R, *[1] * (w.ndim - 2))
    delta = sum(up[:, r].reshape(-1, *[1] * (w.ndim - 1)) * down[r] for r in range(R))
    return {"lora_down.weight": down, "lora_up.weight": up}, S * delta


def with_core(w):
    """LoCon's CP decomposition of a convolution."""
    kernel = w.shape[2:]
    down, mid, up = some(R, w.shape[1], 1, 1), some(R, R, *kernel), some(len(w), R, 1, 1)
    delta = torch.einsum("om,mnhw,ni->oihw", up[..., 0, 0], mid, down[..., 0, 0])
    return {"lora_down.weight": down, "lora_mid.weight": mid, "lora_up.weight": up}, S * delta


def loha(w):
    inputs = w[0].numel()
    a, b, c, d = some(len(w), R), some(R, inputs), some(len(w), R), some(R, inputs)
    delta = (a[:, :, None] * b).sum(1) * (c[:, :, None] * d).sum(1)
    return {"hada_w1_a": a, "hada_w1_b": b, "hada_w2_a": c, "hada_w2_b": d}, S * delta.reshape(w.shape)


def loha_with_cores(w):
    factors = {}
    for n in (1, 2):
        factors |= {f"hada_w{n}_a": some(R, len(w)), f"hada_w{n}_b": some(R, w.shape[1])}
        factors[f"hada_t{n}"] = some(R, R, *w.shape[2:])
    both = [
        torch.einsum("mo,mnhw,ni->oihw", factors[f"hada_w{n}_a"], factors[f"hada_t{n}"], factors[f"hada_w{n}_b"])
        for n in (1, 2)
    ]  # fmt: skip
    return factors, S * both[0] * both[1]


def kron(first, second, w):
    """delta[o1 c + o2, i1 d + i2, ...] = first[o1, i1] second[o2, i2, ...]"""
    second = second.reshape(len(second), w.shape[1] // first.shape[1], *w.shape[2:])
    delta = (
        first[:, None, :, None].reshape(len(first), 1, first.shape[1], 1, *[1] * (w.ndim - 2))
        * second[None, :, None]
    )
    return delta.reshape(w.shape)


def lokr(w):
    first, second = some(4, 2), some(len(w) // 4, w.shape[1] // 2, *w.shape[2:])
    return {"lokr_w1": first, "lokr_w2": second}, kron(first, second, w)  # alpha means nothing here


def lokr_factored(w):
    first, a, b = some(4, 2), some(len(w) // 4, R), some(R, w[0].numel() // 2)
    return {"lokr_w1": first, "lokr_w2_a": a, "lokr_w2_b": b}, S * kron(first, a @ b, w)


def lokr_both_factored(w):
    a, b, c, d = some(4, R), some(R, 2), some(len(w) // 4, R), some(R, w[0].numel() // 2)
    factors = {"lokr_w1_a": a, "lokr_w1_b": b, "lokr_w2_a": c, "lokr_w2_b": d}
    return factors, S * kron(a @ b, c @ d, w)


def lokr_with_core(w):
    first, a, b = some(4, 2), some(R, len(w) // 4), some(R, w.shape[1] // 2)
    core = some(R, R, *w.shape[2:])
    second = torch.einsum("mo,mnhw,ni->oihw", a, core, b)
    return {"lokr_w1": first, "lokr_w2_a": a, "lokr_w2_b": b, "lokr_t2": core}, S * kron(first, second, w)


def full(w):
    delta = some(*w.shape)
    return {"diff": delta}, delta


def decomposed(kind, axis, key="dora_scale"):
    """DoRA of any kind: each row or column gets a length of its own."""

    def make(w):
        tensors, delta = kind(w)
        sides = [1] * w.ndim
        sides[axis] = w.shape[axis]
        length = some(*sides).abs() + 0.5
        changed = w + delta
        norm = (changed**2).transpose(0, axis).flatten(1).sum(1).sqrt().reshape(sides)
        kept = length
        if key == "lora_magnitude_vector":  # as peft has it: flat, or (1, outputs, 1, 1) of a convolution
            kept = length.flatten() if w.ndim == 2 else length.transpose(0, 1)
        return {**tensors, key: kept}, length * changed / norm - w

    return make


EVERYWHERE = {
    "LoRA": low_rank,
    "LoHa": loha,
    "LoKr": lokr,
    "LoKr factored": lokr_factored,
    "LoKr both factored": lokr_both_factored,
    "full": full,
    "DoRA of outputs": decomposed(low_rank, 0),
    "DoRA of inputs": decomposed(low_rank, 1),
    "DoRA of peft": decomposed(low_rank, 0, "lora_magnitude_vector"),
    "DoRA of a LoHa": decomposed(loha, 0),
    "DoRA of a LoKr": decomposed(lokr_factored, 1),
}
OF_KERNELS = {
    "LoCon with a core": with_core,
    "LoHa with cores": loha_with_cores,
    "LoKr with a core": lokr_with_core,
}


def written(path, kind, network, names):
    """A file as LyCORIS writes it, and the change of each layer's weight."""
    tensors, deltas = {}, {}
    for name in names:
        own, delta = kind(network.get_submodule(name).weight)
        base = "lora_unet_" + name.replace(".", "_")
        tensors |= {f"{base}.{suffix}": value.contiguous() for suffix, value in own.items()}
        if "diff" not in own:
            tensors[f"{base}.alpha"] = torch.tensor(ALPHA)
        deltas[name] = delta
    save_file(tensors, path)
    return deltas


def loaded(model, *paths):
    loras = LoraStore(torch.device("cpu")).get([Lora(path=str(p)) for p in paths], check_model(model))
    assert not any(lora.warnings for lora in loras)
    return [lora.changes for lora in loras]


def inputs_of(module):
    if isinstance(module, nn.Linear):
        return some(2, 5, module.in_features)
    return some(2, module.in_channels, 6, 6)


@pytest.mark.parametrize("name", [*EVERYWHERE, *OF_KERNELS])
def test_a_layer_computes_what_the_paper_says(model, unet, tmp_path, name):
    kind = {**EVERYWHERE, **OF_KERNELS}[name]
    names = LAYERS if name in EVERYWHERE else (CONVOLUTION, STRIDED)
    deltas = written(tmp_path / "moss.safetensors", kind, unet, names)
    (changes,) = loaded(model, tmp_path / "moss.safetensors")
    for layer, delta in deltas.items():
        module = unet.get_submodule(layer)
        x, before = inputs_of(module), module.weight.clone()
        plain = module(x)
        expected = plain + WEIGHT * (_without_bias(module, x, delta))
        with adapted([(changes, WEIGHT)], {"unet": unet}):
            got = module(x)
        # Another order of sums: some units of the sixth digit of what is added up.
        assert torch.allclose(got, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max())), layer
        assert not torch.allclose(got, plain, rtol=1e-2, atol=1e-2)
        assert torch.equal(module.weight, before) and torch.equal(module(x), plain)


def _without_bias(module, x, weight):
    if isinstance(module, nn.Linear):
        return x @ weight.T
    return nn.functional.conv2d(x, weight, None, module.stride, module.padding)


def test_norms_and_biases(model, unet, tmp_path):
    """Also the bias of a layer that has none, and beside a LoRA."""
    group, layer = "down_blocks.1.resnets.0.norm1", LINEAR.replace("attn1.to_q", "norm2")
    tensors = {}
    for name in (group, layer):
        base, width = "lora_unet_" + name.replace(".", "_"), len(unet.get_submodule(name).weight)
        tensors |= {f"{base}.w_norm": some(width), f"{base}.b_norm": some(width)}
    for name in (LINEAR, CONVOLUTION):
        base, weight = "lora_unet_" + name.replace(".", "_"), unet.get_submodule(name).weight
        down, up = some(R, *weight.shape[1:]), some(len(weight), R, *[1] * (weight.ndim - 2))
        tensors |= {
            f"{base}.diff_b": some(len(weight)),
            f"{base}.lora_down.weight": down,
            f"{base}.lora_up.weight": up,
        }
    save_file(tensors, tmp_path / "moss.safetensors")
    (changes,) = loaded(model, tmp_path / "moss.safetensors")
    for name in (group, layer, LINEAR, CONVOLUTION):
        module = unet.get_submodule(name)
        channels = len(module.weight)
        x = (
            inputs_of(module)
            if name in (LINEAR, CONVOLUTION)
            else some(2, channels, 3, 3)
            if name == group
            else some(2, 3, channels)
        )
        plain, base = module(x), "lora_unet_" + name.replace(".", "_")
        flat = name in (LINEAR, layer)
        bias = tensors[f"{base}.{'diff_b' if f'{base}.diff_b' in tensors else 'b_norm'}"]
        bias = bias if flat else bias[:, None, None]
        if f"{base}.w_norm" in tensors:
            own = [
                p if flat else p[:, None, None]
                for p in (module.weight, module.bias, tensors[f"{base}.w_norm"])
            ]
            added = (plain - own[1]) / own[0] * own[2] + bias
        else:
            down, up = tensors[f"{base}.lora_down.weight"], tensors[f"{base}.lora_up.weight"]
            added = (
                _without_bias(module, x, (up.flatten(1) @ down.flatten(1)).reshape(module.weight.shape))
                + bias
            )
        with adapted([(changes, WEIGHT)], {"unet": unet}):
            got = module(x)
        assert torch.allclose(got, plain + WEIGHT * added, rtol=1e-3, atol=1e-3), name
        assert torch.equal(module(x), plain)


def test_several_at_once_are_added_whatever_their_order(model, unet, tmp_path):
    """Each is a change of the model's own weights: a DoRA does not see the others."""
    kinds = (decomposed(low_rank, 0), lokr_factored, low_rank, loha)
    paths = [tmp_path / f"{number}.safetensors" for number in range(len(kinds))]
    deltas = [written(path, kind, unet, [LINEAR]) for path, kind in zip(paths, kinds, strict=True)]
    module, weights = unet.get_submodule(LINEAR), (0.5, -1.0, 2.0, 0.25)
    x = inputs_of(module)
    expected = module(x) + sum(
        w * _without_bias(module, x, d[LINEAR]) for w, d in zip(weights, deltas, strict=True)
    )
    together = list(zip(loaded(model, *paths), weights, strict=True))
    for loras in (together, together[::-1]):
        with adapted(loras, {"unet": unet}):
            assert torch.allclose(module(x), expected, rtol=1e-3, atol=1e-3)


def test_a_text_encoder_too(tiny, tmp_path):
    with quiet():
        text = CLIPTextModel.from_pretrained(tiny / "text_encoder").requires_grad_(False)
    name = next(n for n, _ in text.named_modules() if n.endswith("layers.1.self_attn.q_proj"))
    tensors, delta = loha(text.get_submodule(name).weight)
    base = "lora_te_text_model_" + name.removeprefix("text_model.").replace(".", "_")
    save_file(
        {f"{base}.{k}": v for k, v in tensors.items()} | {f"{base}.alpha": torch.tensor(ALPHA)},
        tmp_path / "a",
    )
    (changes,) = loaded(tiny, tmp_path / "a")
    module = text.get_submodule(name)
    own = module.weight.clone()
    with adapted([(changes, WEIGHT)], {"text_encoder": text}):
        assert torch.allclose(module.weight, own + WEIGHT * delta, atol=1e-5)
    assert torch.equal(module.weight, own)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_merged_in_float32_and_left_to_the_bit(model, unet, tmp_path, dtype):
    half = UNet2DConditionModel.from_config(unet.config).requires_grad_(False).to(dtype)
    deltas = written(tmp_path / "moss.safetensors", loha, half, LAYERS)
    before = {name: value.clone() for name, value in half.named_parameters()}
    (changes,) = loaded(model, tmp_path / "moss.safetensors")
    with adapted([(changes, WEIGHT)], {"unet": half}):
        for name, delta in deltas.items():
            exact = before[f"{name}.weight"].float() + WEIGHT * delta.float()
            error = (half.get_submodule(name).weight.float() - exact).abs()
            assert bool((error <= exact.abs() * torch.finfo(dtype).eps + 1e-4).all())
    assert all(torch.equal(value, before[name]) for name, value in half.named_parameters())
    with adapted([(changes, WEIGHT)], {"unet": half}):
        half.to(torch.float32)  # as after an overflow
    assert all(torch.equal(value, before[name].float()) for name, value in half.named_parameters())


def test_weights_are_put_back_whatever_happens(model, unet, tmp_path, monkeypatch):
    written(tmp_path / "moss.safetensors", loha, unet, LAYERS)
    before = {name: value.clone() for name, value in unet.named_parameters()}
    (changes,) = loaded(model, tmp_path / "moss.safetensors")
    with pytest.raises(RuntimeError, match="cancelled"), adapted([(changes, WEIGHT)], {"unet": unet}):
        raise RuntimeError("cancelled")
    last = list(changes.values())[-1]
    original = type(last).of_weight

    def of_weight(self, weight):
        if self is last:
            raise MemoryError
        return original(self, weight)

    monkeypatch.setattr(type(last), "of_weight", of_weight)
    with pytest.raises(MemoryError), adapted([(changes, WEIGHT)], {"unet": unet}):
        raise AssertionError("it cannot begin")
    assert all(torch.equal(value, before[name]) for name, value in unet.named_parameters())
    assert not any(module._forward_hooks for module in unet.modules())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: {k: v for k, v in t.items() if "hada_w2_b" not in k},
        lambda t: {k: v[:, :1] if "hada_w1_a" in k else v for k, v in t.items()},
        lambda t: {
            k: v[:0] if k.endswith("_b") else v[:, :0] if k.endswith("_a") else v for k, v in t.items()
        },
        lambda t: t | {"lora_unet_conv_in.dora_scale": torch.ones(32, 1)},
        lambda t: t | {"lora_unet_conv_in.lora_mid.weight": torch.ones(2, 2, 3, 3)},
        lambda t: {k: torch.ones(2) if k.endswith("alpha") else v for k, v in t.items()},
    ],
)
def test_incomplete_layers_are_refused(tiny, tmp_path, spoil):
    tensors, _ = loha(torch.zeros(32, 32))
    base = "lora_unet_" + LINEAR.replace(".", "_")
    file = {f"{base}.{k}": v for k, v in tensors.items()} | {f"{base}.alpha": torch.tensor(ALPHA)}
    save_file({k: v.contiguous() for k, v in spoil(file).items()}, tmp_path / "moss.safetensors")
    with pytest.raises(ModelRefused, match=r"moss\.safetensors is damaged at"):
        loaded(tiny, tmp_path / "moss.safetensors")


@pytest.mark.parametrize(
    "more",
    [
        {"dora_scale": torch.ones(7, 1)},
        {"lora_magnitude_vector": torch.ones(7)},
        {"diff_b": torch.ones(7)},
        {"hada_w1_a": torch.ones(7, R), "hada_w2_a": torch.ones(7, R)},
    ],
)
def test_layers_of_other_sizes_are_of_another_model(tiny, tmp_path, more):
    tensors, _ = loha(torch.zeros(32, 32))
    base = "lora_unet_" + LINEAR.replace(".", "_")
    save_file({f"{base}.{k}": v for k, v in (tensors | more).items()}, tmp_path / "moss.safetensors")
    with pytest.raises(ModelRefused, match=r"a model with another down_blocks_0_attentions_0"):
        loaded(tiny, tmp_path / "moss.safetensors")


@pytest.mark.parametrize("tiling", [Tiling.OFF, Tiling.BOTH])
@pytest.mark.parametrize("scarce", [False, True])
def test_a_picture_is_that_of_a_model_with_the_changed_weights(tiny, run, tmp_path, tiling, scarce):
    """With tiling, which pads the layers, and where memory runs out, which runs them in other ways; then as before."""
    with quiet():
        unet = UNet2DConditionModel.from_pretrained(tiny / "unet").requires_grad_(False)
    file, other = tmp_path / "moss.safetensors", shutil.copytree(tiny, tmp_path / "changed")
    deltas = written(file, weaker(decomposed(lokr_with_core, 0)), unet, (CONVOLUTION, STRIDED))
    for name, delta in deltas.items():
        unet.get_submodule(name).weight += WEIGHT * delta
    unet.save_pretrained(other / "unet")
    engine = DiffusersEngine(device="cpu", dtype="float32", preview_interval=0.0)
    sampling = Sampling(width=64, height=64, steps=2, guidance_scale=4.0, scheduler="DDIM", seed=3)
    wanted = TextToImage(prompt="moss", model=str(other), sampling=sampling, tiling=tiling)
    expected = run(wanted, engine).pixels
    wanted = dataclasses.replace(wanted, model=str(tiny))
    plain = run(wanted, engine).pixels
    loras = (Lora(path=str(file), weight=WEIGHT),)
    with short_of_memory(engine._models._model.unet) if scarce else nullcontext():
        got = run(dataclasses.replace(wanted, loras=loras), engine)
    assert np.abs(got.pixels.astype(int) - expected).max() <= 1
    assert np.abs(got.pixels.astype(int) - plain).mean() > 1
    assert bool(got.result.images[0].warnings) == scarce
    assert np.array_equal(run(wanted, engine).pixels, plain)


def weaker(kind):
    """So that the picture is still one."""

    def make(w):
        tensors, delta = kind(w)
        tensors = {k: v * w.norm() / len(w) ** 0.5 if k == "dora_scale" else v for k, v in tensors.items()}
        return tensors, (delta + w) * w.norm() / len(w) ** 0.5 - w

    return make


@contextmanager
def short_of_memory(unet):
    """It takes one row at a time: guidance makes two of a picture."""

    def run_out(module, inputs):
        if len(inputs[0]) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    handle = unet.conv_in.register_forward_pre_hook(run_out)
    try:
        yield
    finally:
        handle.remove()
