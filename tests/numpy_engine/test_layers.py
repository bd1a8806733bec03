# SPDX-License-Identifier: GPL-3.0-or-later
"""What networks are made of, at sizes at which they are cut into pieces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sd_blender.core.request import Tiling
from sd_blender.numpy_engine import attention, blas, convolution
from sd_blender.numpy_engine.convolution import Convolution
from sd_blender.numpy_engine.cores import Cores, all_cores
from sd_blender.numpy_engine.layers import Setting, gelu, quick_gelu, silu
from sd_blender.numpy_engine.normalisation import GroupNorm, LayerNorm
from sd_blender.numpy_engine.weights import Weights

from ..closeness import NETWORK, ROUNDING, assert_near


@pytest.fixture(params=["blas", "no blas"], autouse=True)
def products(request, monkeypatch):
    """As they are computed where NumPy has a library for them, and where it has none."""
    monkeypatch.setattr(blas, "has_blas", lambda: request.param == "blas")


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def conv_weights(made, taken):
    return {"weight": normal(made, taken, 3, 3) / taken**0.5, "bias": normal(made)}


def of(tensors):
    return Weights({name: tensor.numpy() for name, tensor in tensors.items()})


@pytest.mark.parametrize("tiling", list(Tiling))
@pytest.mark.parametrize("height, width", [(2, 2), (3, 5), (40, 64), (7, 3000)])
def test_a_convolution_is_that_of_torch_however_it_is_cut(tiling, height, width):
    tensors, x = conv_weights(6, 5), normal(5, height, width)
    padded = F.pad(x[None], (1, 1, 0, 0), "circular" if tiling.wraps_x else "constant")
    padded = F.pad(padded, (0, 0, 1, 1), "circular" if tiling.wraps_y else "constant")
    with all_cores(count=3) as cores:
        found = Convolution(of(tensors))(x.numpy(), Setting(cores, tiling))
    assert_near(found, F.conv2d(padded, tensors["weight"], tensors["bias"])[0], NETWORK)


@pytest.mark.parametrize("tiling", list(Tiling))
@pytest.mark.parametrize(
    "size, made", [((3, 5), (6, 10)), ((3, 5), (5, 10)), ((40, 130), (80, 260)), ((2, 2), (4, 4))]
)
def test_upsampling_is_that_of_torch_though_no_larger_picture_is_made(tiling, size, made):
    tensors, x = conv_weights(6, 5), normal(5, *size)
    larger = F.interpolate(x[None], made, mode="nearest")
    padded = F.pad(larger, (1, 1, 0, 0), "circular" if tiling.wraps_x else "constant")
    padded = F.pad(padded, (0, 0, 1, 1), "circular" if tiling.wraps_y else "constant")
    with all_cores(count=3) as cores:
        found = convolution.UpsamplingConvolution(of(tensors))(x.numpy(), Setting(cores, tiling), *made)
    assert_near(found, F.conv2d(padded, tensors["weight"], tensors["bias"])[0], NETWORK)


@pytest.mark.parametrize("size", [(12, 16), (40, 128)])
def test_what_is_made_ready_first_is_not_what_pads(size):
    """Beyond the edge there is 0 after the normalisation, not before it."""
    tensors, x, beside = conv_weights(4, 4), normal(4, *size), normal(4, *size)
    with all_cores(count=2) as cores:
        found = Convolution(of(tensors))(
            x.numpy(), Setting(cores), lambda rows: np.add(rows, 3, out=rows), beside.numpy()
        )
    expected = beside + F.conv2d(x[None] + 3, tensors["weight"], tensors["bias"], padding=1)[0]
    assert_near(found, expected, NETWORK)


def test_a_group_with_a_large_mean_is_normalised_all_the_same():
    x = normal(6, 40, 50) * 0.1 + 100
    tensors = {"weight": normal(6, seed=1), "bias": normal(6, seed=2)}
    found = x.numpy().copy()
    GroupNorm(of(tensors), 2, 1e-5).of(found, Setting(Cores()))(found)
    expected = F.group_norm(x.double()[None], 2, *(t.double() for t in tensors.values()))[0]
    assert np.abs(found - expected.numpy()).max() < 2e-3  # what single precision holds of 100


def test_layer_norm_is_that_of_torch():
    x, tensors = normal(24, 7), {"weight": normal(24, seed=1), "bias": normal(24, seed=2)}
    expected = F.layer_norm(x.T, (24,), *tensors.values()).T
    assert_near(LayerNorm(of(tensors))(x.numpy()), expected, ROUNDING)


@pytest.mark.parametrize(
    "ours, theirs",
    [(silu, F.silu), (gelu, F.gelu), (quick_gelu, lambda x: x * torch.sigmoid(1.702 * x))],
)
def test_activations_are_those_of_torch_far_from_zero_too(ours, theirs):
    x = torch.cat([normal(5000) * 3, torch.tensor([0.0, -0.0, 30.0, -30.0, 1e4, -1e4])])
    assert_near(ours(x.numpy().copy()), theirs(x), ROUNDING)


def test_attention_in_pieces_is_that_of_torch(monkeypatch):
    monkeypatch.setattr(attention, "_SCORES", 1)  # 64 places at once, the fewest
    names = ("to_q", "to_k", "to_v", "to_out.0")
    tensors = {f"{name}.weight": normal(12, 12, seed=seed) / 3 for seed, name in enumerate(names)}
    network, x = attention.SelfAttention(of(tensors), heads=3), normal(12, 150)
    q, k, v = (np.empty((12, 150), np.float32) for _ in range(3))
    network.ask(x.numpy(), q, k, v)
    with all_cores(count=2) as cores:
        found = network.out(network.answer(q, k, v, Setting(cores)))
    split = [(tensors[f"{name}.weight"] @ x).reshape(3, 4, 150).transpose(1, 2) for name in names[:3]]
    heard = F.scaled_dot_product_attention(*split).transpose(1, 2).reshape(12, 150)
    assert_near(found, tensors["to_out.0.weight"] @ heard, NETWORK)


def test_scores_that_are_large_do_not_overflow():
    q = np.full((4, 3), 100, np.float32)
    found = attention.attend(q, q, np.ones((4, 3), np.float32), heads=1)
    assert_near(found, np.ones((4, 3)), ROUNDING)


def test_places_beyond_the_edges_come_from_the_other_side_or_are_zero():
    x = np.arange(1, 6, dtype=np.float32)[None, None]
    out = np.empty((1, 1, 7), np.float32)
    convolution.take(x, 2, -1, 1, out, wraps=True)
    assert out.ravel().tolist() == [5, 1, 2, 3, 4, 5, 1]
    convolution.take(x, 2, -1, 1, out, wraps=False)
    assert out.ravel().tolist() == [0, 1, 2, 3, 4, 5, 0]
    convolution.take(x, 2, -1, 2, out[..., :4], wraps=False)
    assert out.ravel()[:4].tolist() == [0, 2, 4, 0]
