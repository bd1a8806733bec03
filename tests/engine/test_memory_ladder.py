# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory that runs out: the same picture in a way that needs less, a sentence about it, and a working next job."""

from __future__ import annotations

import weakref
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from torch import nn
from torch.nn import functional

from sd_blender.core.errors import JobCancelled, OutOfMemory
from sd_blender.core.messages import Progress
from sd_blender.core.request import ImageToImage, Sampling, TextToImage, Tiling
from sd_blender.engine import memory_ladder
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.engine.guards import out_of_memory
from sd_blender.engine.memory import decoding_bytes, encoding_bytes
from tests.closeness import BYTES, is_near

from .conftest import painting

STEPS = 3
SOURCE = {"image": painting(64, 64), "strength": 0.7}
# Between what the widest convolution takes at once and what it takes in one row, or in one tile.
UNET_VALUES = 8000
VAE_VALUES = 40_000
ERRORS = {
    "OutOfMemoryError": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "cuBLAS": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
    "CPU": RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
    "MemoryError": MemoryError(),
    "AcceleratorError": torch.AcceleratorError("CUDA error: out of memory"),
}


def request(folder, kind=TextToImage, tiling=Tiling.OFF, count=1, **changes):
    sampling = Sampling(
        width=64, height=64, steps=STEPS, scheduler="DDIM", guidance_scale=2.0, count=count, seed=4
    )
    return kind(prompt="stone", model=str(folder), sampling=sampling, tiling=tiling, **changes)


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    monkeypatch.setattr(memory_ladder, "_TILE_SIDE", 24)
    monkeypatch.setattr(memory_ladder, "_TOKENS", 16)


@pytest.fixture(scope="module")
def own_engine():
    """One for all: what a test leaves behind would be seen by the next."""
    return DiffusersEngine(device="cpu", dtype="float32", preview_interval=0.0)


@pytest.fixture(scope="module")
def made_plainly(tiny, own_engine):
    """A request run with all the memory there is; each kind once."""
    known = {}

    def make(kind=TextToImage, tiling=Tiling.OFF, **changes):
        if (kind, tiling) not in known:
            task = request(tiny, kind, tiling, **changes)
            known[kind, tiling] = own_engine.generate("job", task, lambda message: None, lambda: False)
        return known[kind, tiling].images[0]

    return make


def model_of(engine, folder):
    return engine._models.get(folder, lambda *_: None, lambda: False)


@contextmanager
def small_memory(network, values, error=ERRORS["OutOfMemoryError"], after=0):
    """No convolution of ``network`` can take more than ``values`` numbers, from its call number ``after`` on."""
    calls = {"network": 0}

    def count(module, inputs):
        calls["network"] += 1

    def run_out(module, inputs):
        if calls["network"] > after and inputs[0].numel() > values:
            raise error

    with ExitStack() as stack:
        stack.callback(network.register_forward_pre_hook(count).remove)
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                stack.callback(module.register_forward_pre_hook(run_out).remove)
        yield calls


def same(ours, theirs):
    return is_near(ours, theirs, BYTES)


@pytest.mark.fault("F01")
@pytest.mark.parametrize("step", range(STEPS))
def test_in_the_unet_at_any_step(tiny, own_engine, made_plainly, run, step):
    plain = made_plainly()
    unet = model_of(own_engine, tiny).unet
    with small_memory(unet, UNET_VALUES, after=step) as calls:
        saved = run(request(tiny), own_engine)
    assert same(saved.pixels, plain.pixels) and np.ptp(saved.pixels) > 20
    (warning,) = saved.result.images[0].warnings
    assert warning == "The memory ran out, so one picture was computed at a time, which is slower."
    assert calls["network"] == step + 1 + 2 * (STEPS - step), "only the step that failed is repeated"
    assert [m.step for m in saved.of(Progress)] == [1, 2, 3]
    assert not run(request(tiny), own_engine).result.images[0].warnings


@pytest.mark.parametrize("tiling", [Tiling.OFF, Tiling.BOTH])
def test_on_a_processor_tiles_are_decided_before_the_memory_runs_out(
    tiny, own_engine, made_plainly, run, tiling
):
    """Where the system ends the process rather than to say no, nothing is tried that would not fit."""
    plain = made_plainly(ImageToImage, tiling, **SOURCE)
    task = request(tiny, ImageToImage, tiling, **SOURCE)
    vae = model_of(own_engine, tiny).vae
    needed = decoding_bytes(vae, torch.ones(1, 4, 8, 8)), encoding_bytes(vae, torch.ones(1, 3, 64, 64))
    scarce = DiffusersEngine("cpu", "float32", available=lambda device: min(needed) - 1)
    scarce._models = own_engine._models
    scarce._refuse_what_cannot_fit = lambda *_: None
    with small_memory(vae, VAE_VALUES):
        saved = run(task, scarce)
    assert same(saved.pixels, plain.pixels)
    warnings = saved.result.images[0].warnings
    assert [word for word in ("read", "made") if any(f"it was {word} in tiles" in w for w in warnings)] == [
        "read",
        "made",
    ]
    assert not any("ran out" in warning for warning in warnings)
    roomy = DiffusersEngine("cpu", "float32", available=lambda device: max(needed))
    roomy._models, roomy._refuse_what_cannot_fit = own_engine._models, lambda *_: None
    assert not run(task, roomy).result.images[0].warnings


@pytest.mark.fault("F01")
def test_in_attention(tiny, own_engine, made_plainly, run, monkeypatch):
    plain = made_plainly()
    unet = model_of(own_engine, tiny).unet
    attend, inside = functional.scaled_dot_product_attention, []

    def scarce(query, *inputs, **named):
        if inside and query.shape[2] > 16:
            raise ERRORS["OutOfMemoryError"]
        return attend(query, *inputs, **named)

    handles = [
        unet.register_forward_pre_hook(lambda module, inputs: inside.append(1)),
        unet.register_forward_hook(lambda module, inputs, output: inside.clear()),
    ]
    with monkeypatch.context() as patch:
        patch.setattr(functional, "scaled_dot_product_attention", scarce)
        saved = run(request(tiny), own_engine)
    for handle in handles:
        handle.remove()
    assert same(saved.pixels, plain.pixels)
    assert "slices" in saved.result.images[0].warnings[1]
    assert {type(processor) for processor in unet.attn_processors.values()} == {AttnProcessor2_0}


@pytest.mark.fault("F02")
@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("part", ["unet", "decoder"])
def test_by_whatever_name(tiny, own_engine, made_plainly, run, kind, part):
    plain = made_plainly()
    model = model_of(own_engine, tiny)
    network, values = (model.unet, UNET_VALUES) if part == "unet" else (model.vae.decoder, VAE_VALUES)
    with small_memory(network, values, ERRORS[kind]):
        saved = run(request(tiny), own_engine)
    assert same(saved.pixels, plain.pixels) and len(saved.result.images[0].warnings) == 1


@pytest.mark.fault("F03")
@pytest.mark.parametrize("tiling", list(Tiling))
def test_in_the_decoder_alone(tiny, own_engine, made_plainly, run, tiling):
    plain = made_plainly(tiling=tiling)
    model = model_of(own_engine, tiny)
    with small_memory(model.vae.decoder, VAE_VALUES), small_memory(model.unet, 10**9) as denoised:
        saved = run(request(tiny, tiling=tiling), own_engine)
    assert same(saved.pixels, plain.pixels)
    (warning,) = saved.result.images[0].warnings
    assert "was made in tiles" in warning
    assert denoised["network"] == STEPS, "no second denoising"
    ours, theirs = saved.result.images[0].seam, plain.seam
    assert (ours.x, ours.y) == pytest.approx((theirs.x, theirs.y), rel=0.02)


@pytest.mark.fault("F03")
def test_once_tiled_the_other_pictures_of_the_job_are_too(tiny, own_engine, run):
    decoder = model_of(own_engine, tiny).vae.decoder
    with small_memory(decoder, VAE_VALUES):
        saved = run(request(tiny, count=3), own_engine)
    assert [len(image.warnings) for image in saved.result.images] == [1, 1, 1]
    model = model_of(own_engine, tiny)
    assert model.autoencoder.run_decoder is decoder and model.denoiser.run is model.unet


@pytest.mark.fault("F01")
@pytest.mark.fault("F03")
def test_in_half_precision(tiny, run):
    engine = DiffusersEngine(device="cpu", dtype="bfloat16", preview_interval=0.0)
    plain = run(request(tiny), engine)
    model = model_of(engine, tiny)
    with small_memory(model.vae.decoder, VAE_VALUES), small_memory(model.unet, UNET_VALUES):
        saved = run(request(tiny), engine)
    assert len(saved.result.images[0].warnings) == 2
    assert np.abs(saved.pixels.astype(int) - plain.pixels.astype(int)).mean() < 2


def test_in_the_encoder(tiny, own_engine, made_plainly, run):
    task = request(tiny, ImageToImage, **SOURCE)
    plain = made_plainly(ImageToImage, **SOURCE)
    with small_memory(model_of(own_engine, tiny).vae.encoder, VAE_VALUES):
        saved = run(task, own_engine)
    assert same(saved.pixels, plain.pixels)
    assert "was read in tiles" in saved.result.images[0].warnings[0]


@pytest.mark.fault("F01")
@pytest.mark.parametrize("part", ["unet", "encoder", "decoder"])
def test_when_nothing_helps(tiny, own_engine, made_plainly, run, part):
    task = request(tiny, ImageToImage, **SOURCE)
    plain = made_plainly(ImageToImage, **SOURCE)
    model = model_of(own_engine, tiny)
    network = model.unet if part == "unet" else getattr(model.vae, part)
    with small_memory(network, 1), pytest.raises(OutOfMemory, match="close other programs") as caught:
        run(task, own_engine)
    assert "\n" not in str(caught.value)
    assert np.array_equal(run(task, own_engine).pixels, plain.pixels), (
        "the next job is as if nothing had been"
    )


@pytest.mark.fault("F01")
def test_what_failed_is_freed_before_the_next_try(tiny, own_engine, run):
    """The traceback of an error holds the frames, and those the tensors."""
    decoder = model_of(own_engine, tiny).vae.decoder
    held, freed = [], []

    def run_out(module, inputs):
        if not held:
            tensor = torch.zeros(1000)
            held.append(weakref.ref(tensor))
            raise torch.OutOfMemoryError("CUDA out of memory.")
        freed.append(held[0]() is None)

    handle = decoder.conv_in.register_forward_pre_hook(run_out)
    assert run(request(tiny), own_engine).result.images[0].warnings
    handle.remove()
    assert freed == [True]


@pytest.mark.fault("F11")
def test_cancel_between_two_tiles(tiny, own_engine, run):
    model = model_of(own_engine, tiny)
    tiles = []

    def cancelled():
        return len(tiles) > 3

    handle = (
        model.vae.decoder.up_blocks[-1]
        .resnets[0]
        .conv1.register_forward_pre_hook(lambda module, inputs: tiles.append(1))
    )
    with small_memory(model.vae.decoder, VAE_VALUES), pytest.raises(JobCancelled):
        own_engine.generate("job", request(tiny), lambda message: None, cancelled)
    handle.remove()
    assert len(tiles) == 4


@pytest.mark.fault("F01")
def test_the_sentence_says_how_much_was_missing():
    error = torch.OutOfMemoryError(
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB of which 1.12 GiB "
        "is free. Process 1 has 17.60 GiB memory in use."
    )
    sentence = str(out_of_memory(error, None))
    assert sentence.startswith("The memory ran out (2.00 GiB more were needed, 1.12 GiB were free); ")
