# SPDX-License-Identifier: GPL-3.0-or-later
"""Feature reuse between steps: whole calls are those of the U-Net, calls in between run its outermost layers only."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import torch
from diffusers import UNet2DConditionModel

from sd_blender.core.known_models import STARTER_FOLDER
from sd_blender.core.request import Tiling
from sd_blender.engine.autoencoder import Autoencoder
from sd_blender.engine.deep_cache import DeepCache
from sd_blender.engine.denoiser import UNetDenoiser
from sd_blender.engine.memory_ladder import saving_memory
from sd_blender.engine.precision import keep_float32_outside
from sd_blender.engine.tiling import tiled
from tests.closeness import HALF, NETWORK, assert_near

from .tiny_model import STABLE_DIFFUSION_2

SHAPES = {
    "1.x": {"layers_per_block": 2},
    "2.x": STABLE_DIFFUSION_2,
    "XL": {
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 24 + 6 * 8,
        "transformer_layers_per_block": (1, 2),
        "use_linear_projection": True,
        "layers_per_block": 2,
    },
    "starter": {
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "addition_embed_type": "text",
        "addition_embed_type_num_heads": 4,
        "resnet_time_scale_shift": "scale_shift",
    },
    "LCM": {"time_cond_proj_dim": 12},
}
TIMES = (900, 700, 500, 300)


@pytest.fixture(scope="module", params=SHAPES)
def unet(request):
    torch.manual_seed(3)
    shape = {
        "sample_size": 8,
        "block_out_channels": (32, 64),
        "layers_per_block": 1,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "cross_attention_dim": 32,
        "attention_head_dim": 8,
    }
    return UNet2DConditionModel(**shape | SHAPES[request.param]).eval().requires_grad_(False)


def inputs_of(unet, rows=2, side=8):
    generator = torch.Generator().manual_seed(rows * side)

    def some(*shape):
        return torch.randn(*shape, generator=generator)

    named = {}
    if unet.config.addition_embed_type == "text_time":
        named["added_cond_kwargs"] = {"text_embeds": some(rows, 24), "time_ids": some(rows, 6)}
    if unet.config.time_cond_proj_dim:
        named["timestep_cond"] = some(rows, 12)
    return some(rows, 4, side, side), {"encoder_hidden_states": some(rows, 6, 32), **named}


def plain(unet, sample, time, named):
    return unet(sample, time, **named, return_dict=False)[0]


def depths(unet):
    return range(1, len(unet.up_blocks[-1].resnets) + 1)


@contextmanager
def counting(unet):
    """The names of the residual blocks and attentions that run inside, in their order."""
    ran = []
    handles = [
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
        for name, module in unet.named_modules()
        if type(module).__name__ in ("ResnetBlock2D", "Transformer2DModel")
    ]
    try:
        yield ran
    finally:
        for handle in handles:
            handle.remove()


def test_with_an_interval_of_1_it_is_the_unet(unet):
    sample, named = inputs_of(unet)
    cached = DeepCache(unet, interval=1)
    for time in TIMES:
        (predicted,) = cached(sample, time, **named)
        assert torch.equal(predicted, plain(unet, sample, time, named))


def test_every_second_call_is_whole_and_the_others_shallow(unet):
    sample, named = inputs_of(unet)
    for depth in depths(unet):
        cached = DeepCache(unet, 2, depth)
        for index, time in enumerate(TIMES):
            moved = sample * (1 - 0.1 * index)
            with counting(unet) as ran:
                (predicted,) = cached(moved, torch.tensor(time), **named, return_dict=False)
            expected = plain(unet, moved, time, named)
            if index % 2 == 0:
                assert torch.equal(predicted, expected)
                continue
            residual = [name for name in ran if "resnets" in name]
            last = len(unet.up_blocks) - 1, len(unet.up_blocks[-1].resnets)
            assert residual == [
                *(f"down_blocks.0.resnets.{layer}" for layer in range(depth - 1)),
                *(f"up_blocks.{last[0]}.resnets.{layer}" for layer in range(last[1] - depth, last[1])),
            ]
            attended = hasattr(unet.up_blocks[-1], "attentions")
            assert len(ran) == len(residual) * (2 if attended else 1)
            # Other features than a whole call has, and yet a prediction of the same kind.
            assert 0 < float((predicted - expected).norm() / expected.norm()) < 0.5


def test_the_same_call_again_gives_the_same(unet):
    """What is put in place of the deeper layers is what they gave: with the same input nothing is lost."""
    sample, named = inputs_of(unet, rows=3, side=16)
    for depth in depths(unet):
        cached = DeepCache(unet, 3, depth)
        for _ in range(3):
            (predicted,) = cached(sample, 500, **named)
            assert_near(predicted, plain(unet, sample, 500, named), NETWORK)


def test_nothing_is_left_on_the_unet(unet):
    sample, named = inputs_of(unet)
    before = {name: (len(m._forward_pre_hooks), set(vars(m))) for name, m in unet.named_modules()}
    cached = DeepCache(unet, 2)
    for time in TIMES:
        cached(sample, time, **named)
    with pytest.raises(RuntimeError):
        cached(sample, 100, **named | {"encoder_hidden_states": torch.zeros(2, 6, 31)})
    assert {name: (len(m._forward_pre_hooks), set(vars(m))) for name, m in unet.named_modules()} == before


def test_another_denoising_another_size_or_number_begins_anew(unet):
    cached = DeepCache(unet, 3)
    for rows, side in ((2, 8), (2, 16), (1, 16)):
        sample, named = inputs_of(unet, rows, side)
        (predicted,) = cached(sample, 700, **named)
        assert torch.equal(predicted, plain(unet, sample, 700, named))
        with counting(unet) as ran:
            cached(sample, 500, **named)
        assert all(name.startswith(f"up_blocks.{len(unet.up_blocks) - 1}") for name in ran)
    (predicted,) = DeepCache(unet, 3)(sample, 300, **named)
    assert torch.equal(predicted, plain(unet, sample, 300, named))


def test_an_odd_size_that_is_padded_on_the_way(unet):
    sample, named = inputs_of(unet)
    sample = sample[..., :7]
    cached = DeepCache(unet, 2)
    for _ in range(2):
        (predicted,) = cached(sample, 500, **named)
        assert_near(predicted, plain(unet, sample, 500, named), NETWORK)


def test_what_it_does_not_know_is_computed_wholly(unet):
    """As what a ControlNet adds to the features, and what a gradient is to pass through."""
    sample, named = inputs_of(unet)
    cached = DeepCache(unet, 4)
    cached(sample, 900, **named)
    with counting(unet) as whole:
        plain(unet, sample, 700, named)
    middle = {"mid_block_additional_residual": torch.zeros(2, 64, 4, 4)}
    with counting(unet) as ran:
        cached(sample, 700, **named, **middle)
    assert ran == whole
    moved = sample.clone().requires_grad_()
    with counting(unet) as ran, torch.enable_grad():
        (predicted,) = cached(moved, 700, **named)
    assert ran == whole
    assert torch.autograd.grad(predicted.sum(), moved)[0].abs().sum() > 0
    assert not cached._features.requires_grad


@pytest.mark.parametrize("tiling", [Tiling.OFF, Tiling.BOTH])
@pytest.mark.parametrize("scarce", [False, True])
def test_with_what_the_engine_does_to_a_unet(tiny, unet, tiling, scarce):
    """Half precision inside and float32 outside, seamless, in channels_last, and where memory is short."""
    from diffusers import AutoencoderKL

    from sd_blender.engine.libraries import quiet

    with quiet():
        vae = AutoencoderKL.from_pretrained(tiny / "vae")
        half = UNet2DConditionModel.from_config(unet.config).eval().requires_grad_(False)
        half.load_state_dict(unet.state_dict())
        half.to(torch.bfloat16, memory_format=torch.channels_last)
    keep_float32_outside(half, vae)
    sample, named = inputs_of(unet)

    def run_out(module, inputs):
        if len(inputs[0]) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    if scarce:
        half.conv_in.register_forward_pre_hook(run_out)
    denoiser = UNetDenoiser(half)
    with tiled(tiling, half), saving_memory(denoiser, Autoencoder(vae), tiling, lambda: None) as changes:
        cached, expected = DeepCache(half, 2, run=denoiser.run), plain(denoiser.run, sample, 500, named)
        assert bool(changes) == scarce
        for _ in range(3):
            (predicted,) = cached(sample, 500, **named)
            assert predicted.dtype == torch.float32
            assert_near(predicted, expected, HALF)
        assert len(cached._features) == len(sample)


def test_other_kinds_are_refused(unet):
    with pytest.raises(ValueError, match="interval 0"):
        DeepCache(unet, 0)
    with pytest.raises(ValueError, match="depth 9"):
        DeepCache(unet, 2, 9)
    other = UNet2DConditionModel(
        block_out_channels=(32,),
        layers_per_block=1,
        down_block_types=("SimpleCrossAttnDownBlock2D",),
        mid_block_type=None,
        up_block_types=("SimpleCrossAttnUpBlock2D",),
        cross_attention_dim=32,
    )
    with pytest.raises(ValueError, match="SimpleCrossAttn"):
        DeepCache(other, 2)


def test_the_starter_model_can(tiny):
    unet = UNet2DConditionModel.from_pretrained(STARTER_FOLDER / "unet").eval().requires_grad_(False)
    text = torch.randn(2, 8, unet.config.cross_attention_dim)
    cached, sample = DeepCache(unet, 2), torch.randn(2, unet.config.in_channels, 8, 8)
    for _ in range(2):
        (predicted,) = cached(sample, 500, text)
        expected = unet(sample, 500, encoder_hidden_states=text, return_dict=False)[0]
        assert_near(predicted, expected, NETWORK)
