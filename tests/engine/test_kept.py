# SPDX-License-Identifier: GPL-3.0-or-later
"""Each picture is reported when it is done; a model that a failure leaves half changed is dropped."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sd_blender.core.errors import DeviceLost, JobCancelled, OutOfMemory
from sd_blender.core.messages import Picture, Progress
from sd_blender.core.request import Sampling, TextToImage, Tiling
from sd_blender.engine import diffusers_engine
from sd_blender.engine.conditions.clip_guidance import ClipGuide
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.engine.generation import Generation

from .test_not_finite import breaking_at


def request(folder, count=3, **changes):
    sampling = Sampling(
        width=32, height=32, steps=2, scheduler="DDIM", guidance_scale=2.0, seed=4, count=count
    )
    return TextToImage(prompt="stone", model=str(folder), sampling=sampling, **changes)


def make(**options):
    return DiffusersEngine(device="cpu", preview_interval=1e9, **options)


def model_of(engine, folder):
    return engine._models.get(folder, lambda *_: None, lambda: False)


@pytest.mark.fault("F66")
def test_each_picture_comes_before_the_next_is_begun(tiny, run):
    done = run(request(tiny), make())
    kinds = [type(message) for message in done.messages if isinstance(message, (Progress, Picture))]
    assert kinds == [Progress, Progress, Picture] * 3
    assert all(a.image is b for a, b in zip(done.of(Picture), done.result.images, strict=True))
    for index, image in enumerate(done.result.images):
        assert image.seed == 4 + index


@pytest.mark.fault("F66")
def test_a_cancel_after_the_first_picture(tiny, run):
    expected = run(request(tiny)).result.images[0]
    messages = []
    with pytest.raises(JobCancelled):
        make().generate(
            "job", request(tiny), messages.append, lambda: any(isinstance(m, Picture) for m in messages)
        )
    (kept,) = (message.image for message in messages if isinstance(message, Picture))
    assert np.array_equal(kept.pixels, expected.pixels)


@pytest.mark.fault("F66")
@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), OutOfMemory),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), DeviceLost),
    ],
)
def test_an_error_while_the_second_is_decoded(tiny, error, raised):
    engine = make()
    decodes = []

    def fail(module, inputs):
        decodes.append(1)
        if len(decodes) > 1:
            raise error

    model_of(engine, tiny).vae.decoder.conv_in.register_forward_pre_hook(fail)
    messages = []
    with pytest.raises(raised):
        engine.generate("job", request(tiny), messages.append, lambda: False)
    assert [message.image.seed for message in messages if isinstance(message, Picture)] == [4]


@pytest.mark.fault("F66")
def test_a_picture_that_cannot_be_judged_is_done_all_the_same(tiny, monkeypatch):
    def fail(*_):
        raise MemoryError

    engine, messages = make(), []
    monkeypatch.setattr(diffusers_engine, "refuse_missing_guides", lambda *_: None)
    monkeypatch.setattr(diffusers_engine, "load_guides", lambda *_: None)
    monkeypatch.setattr(diffusers_engine, "clip_of", lambda *_: None)
    monkeypatch.setattr(type(model_of(engine, tiny)), "scorer", fail)
    with pytest.raises(OutOfMemory):
        engine.generate("job", request(tiny, keep=1), messages.append, lambda: False)
    assert [message.image.score for message in messages if isinstance(message, Picture)] == [None]


def break_off(network):
    """Let the network's last part fail to be moved, after all the others were."""

    def fail(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    list(network.children())[-1]._apply = fail


def overflowing_decoder(model):
    def spoil(module, inputs, output):
        return output * float("inf") if module.conv_in.weight.dtype != torch.float32 else output

    model.vae.decoder.register_forward_hook(spoil)


@pytest.mark.fault("F64")
@pytest.mark.parametrize("network", ["unet", "vae"])
def test_a_conversion_that_fails_half_way_drops_the_model(tiny, run, network):
    engine = make(dtype="bfloat16")
    model = model_of(engine, tiny)
    if network == "unet":
        breaking_at(engine, tiny, 0, heals=True)
    else:
        overflowing_decoder(model)
    break_off(getattr(model, network))
    with pytest.raises(OutOfMemory):
        engine.generate("job", request(tiny), lambda message: None, lambda: False)
    assert not model.is_whole, "or the test is none"
    assert model_of(engine, tiny) is not model
    assert len(run(request(tiny), engine).result.images) == 3


@pytest.mark.fault("F64")
def test_so_does_that_of_a_guide(tiny, monkeypatch):
    engine = make(dtype="bfloat16")
    model = model_of(engine, tiny)
    break_off(model.vae)

    def pictures(self, *_):
        ClipGuide(model.autoencoder, None, None, 1.0, (0,)).autoencoder.network.to(torch.float32)

    monkeypatch.setattr(Generation, "pictures", pictures)
    with pytest.raises(OutOfMemory):
        engine.generate("job", request(tiny), lambda message: None, lambda: False)
    assert engine._models._model is None


@pytest.mark.fault("F64")
def test_what_fails_without_a_change_keeps_the_model(tiny):
    engine = make(dtype="bfloat16")
    model = model_of(engine, tiny)
    assert model.is_whole

    def fail(module, inputs):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    hook = model.unet.conv_in.register_forward_pre_hook(fail)
    with pytest.raises(OutOfMemory):
        engine.generate("job", request(tiny), lambda message: None, lambda: False)
    hook.remove()
    assert model_of(engine, tiny) is model


@pytest.mark.fault("F64")
@pytest.mark.parametrize("at", [0, 5, 11])
def test_wrapping_that_ends_in_the_middle_is_taken_back(tiny, run, monkeypatch, at):
    """Memory, for one, may run out at any line."""
    from sd_blender.engine import tiling

    engine = make()
    expected = run(request(tiny), engine).pixels
    model, wrap, calls = model_of(engine, tiny), tiling._wrap_convolution, []

    def fail(*arguments):
        calls.append(1)
        if len(calls) > at:
            raise MemoryError
        return wrap(*arguments)

    monkeypatch.setattr(tiling, "_wrap_convolution", fail)
    with pytest.raises(OutOfMemory):
        engine.generate("job", request(tiny, tiling=Tiling.BOTH), lambda message: None, lambda: False)
    monkeypatch.undo()
    assert model_of(engine, tiny) is model
    assert np.array_equal(run(request(tiny), engine).pixels, expected)
