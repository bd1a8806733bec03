# SPDX-License-Identifier: GPL-3.0-or-later
"""Signs of work from within steps and decodings: between any two slow layers, tiles, and pieces of long attention."""

from __future__ import annotations

import itertools

import pytest
import torch
from diffusers.models.attention_processor import Attention
from torch import nn
from torch.nn import functional as F

from sd_blender.core.errors import JobCancelled
from sd_blender.core.messages import Picture, Started
from sd_blender.core.request import Sampling, TextToImage
from sd_blender.engine import long_attention
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.engine.long_attention import in_pieces

CPU = torch.device("cpu")


def vectors(places, seen, rows=2):
    generator = torch.Generator().manual_seed(places)
    return [torch.randn(rows, 4, n, 16, generator=generator) for n in (places, seen, seen)]


@pytest.mark.fault("F67")
@pytest.mark.parametrize(("places", "seen"), [(4096, 4096), (1500, 1500), (2048, 77), (512, 3000)])
def test_the_same_numbers_piece_by_piece(monkeypatch, places, seen):
    query, key, value = vectors(places, seen)
    whole = F.scaled_dot_product_attention(query, key, value)
    monkeypatch.setattr(long_attention, "_WORK", 4 * seen * 2 * 64 * 600)  # 600 places, so 512
    calls = []
    with in_pieces(CPU, 10**6, lambda: calls.append(1)):
        parts = F.scaled_dot_product_attention(query, key, value)
    assert len(calls) == (-(-places // 512) if places > 512 else 0)
    assert parts.shape == whole.shape and torch.allclose(parts, whole, rtol=1e-5, atol=1e-6)


@pytest.mark.fault("F67")
def test_a_piece_can_be_cancelled(monkeypatch):
    monkeypatch.setattr(long_attention, "_WORK", 1.0)

    def stop():
        raise JobCancelled

    with pytest.raises(JobCancelled), in_pieces(CPU, 10**6, stop):
        F.scaled_dot_product_attention(*vectors(1024, 16))
    assert F.scaled_dot_product_attention(*vectors(1024, 16)).shape == (2, 4, 1024, 16), "and it is over then"


def test_gradients_pass(monkeypatch):
    query, key, value = (x.requires_grad_() for x in vectors(1024, 64))
    (whole,) = torch.autograd.grad(F.scaled_dot_product_attention(query, key, value).sum(), query)
    monkeypatch.setattr(long_attention, "_WORK", 1.0)
    with in_pieces(CPU, 10**6, lambda: None):
        (parts,) = torch.autograd.grad(F.scaled_dot_product_attention(query, key, value).sum(), query)
    assert torch.allclose(parts, whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("device", "cells"), [("cpu", 64 * 64), ("cuda", 512 * 512)])
def test_usual_pictures_and_cards_are_left_alone(device, cells):
    """Of 512 x 512 no layer takes long, and a card works ahead of Python."""
    with in_pieces(torch.device(device), cells, lambda: None):
        assert not torch.overrides._get_current_function_mode_stack()


@pytest.mark.fault("F67")
@pytest.mark.parametrize("tiles", [False, True])
def test_it_is_asked_before_each_slow_layer(tiny, monkeypatch, tiles):
    """However long a layer takes, the one before it and the one after are seen."""
    engine = DiffusersEngine(device="cpu", dtype="float32", preview_interval=1e9)
    model = engine._models.get(tiny, lambda *_: None, lambda: False)
    told = []
    for network in (model.unet, model.vae):
        for layer in network.modules():
            if isinstance(layer, (nn.Conv2d, Attention)):
                layer.register_forward_pre_hook(lambda module, inputs: told.append("layer"))
    if tiles:

        def too_large(*_):
            raise torch.OutOfMemoryError("CUDA out of memory.")

        # Called by the whole decoder alone; in tiles its layers are.
        monkeypatch.setattr(type(model.vae.decoder), "forward", too_large)
    sampling = Sampling(width=64, height=64, steps=1, scheduler="DDIM", guidance_scale=2.0)
    task = TextToImage(prompt="stone", model=str(tiny), sampling=sampling)
    images = engine.generate(
        "job",
        task,
        lambda message: told.append(type(message)),
        lambda: told.append("ask") or False,
    ).images
    assert any("in tiles" in warning for warning in images[0].warnings) is tiles
    at_work = told[told.index(Started) : told.index(Picture)]
    assert at_work.count("layer") > 20
    gaps = [later for now, later in itertools.pairwise(at_work) if now == "layer"]
    assert set(gaps) == {"ask"}
