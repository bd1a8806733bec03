# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as its callers see it: what it reports, keeps, frees and survives."""

from __future__ import annotations

import gc
import os
import shutil
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from sd_blender.core.errors import BadResult, ModelNotFound, OutOfMemory
from sd_blender.core.messages import Loading, Progress, Started
from sd_blender.core.request import ImageToImage, Inpaint, Sampling, TextToImage
from sd_blender.engine import diffusers_engine
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.engine.generation import decode
from sd_blender.engine.guards import is_out_of_memory

from .conftest import box_mask, painting


def request(folder, prompt="stone", negative="", **sampling):
    chosen = {"width": 32, "height": 32, "steps": 2, "scheduler": "DDIM", "guidance_scale": 2.0}
    return TextToImage(
        prompt=prompt, negative_prompt=negative, model=str(folder), sampling=Sampling(**chosen | sampling)
    )


def generate(engine, task):
    return engine.generate("job", task, lambda message: None, lambda: False)


@pytest.fixture
def own_engine():
    """One whose model a test may break."""
    return DiffusersEngine(device="cpu", dtype="float32", preview_interval=0.0)


def model_of(engine, folder):
    return engine._models.get(folder, lambda *_: None, lambda: False)


def test_loads_once_then_starts_at_once(tiny, own_engine, run):
    first, second = run(request(tiny), own_engine), run(request(tiny, count=2), own_engine)
    kinds = [type(message) for message in first.messages]
    assert kinds.index(Started) == kinds.count(Loading) == 5
    assert kinds[-1] is Progress
    assert type(second.messages[0]) is Started and second.messages[0].steps == 4
    assert all(message.job_id == "job" for message in first.messages)
    assert first.result.request == request(tiny) and first.result.seconds > 0


@pytest.mark.fault("F38")
def test_a_model_that_changed_on_disk_is_loaded_again(tiny, tmp_path, own_engine, run):
    folder = Path(shutil.copytree(tiny, tmp_path / "model"))
    run(request(folder), own_engine)
    assert not run(request(folder), own_engine).of(Loading)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    os.utime(weights, ns=(1, 1))
    assert run(request(folder), own_engine).of(Loading)


def test_the_three_tasks_share_one_set_of_components(tiny, own_engine):
    generate(own_engine, request(tiny))
    model = model_of(own_engine, tiny)
    tasks = model.pipelines
    for name in ("unet", "vae", "text_encoder", "tokenizer"):
        parts = [getattr(task, name) for task in (tasks.text_to_image, tasks.image_to_image, tasks.inpaint)]
        assert parts[0] is parts[1] is parts[2]
    assert tasks.inpaint.unet is model.unet
    image = painting(32, 32)
    words = {"prompt": "stone", "model": str(tiny), "image": image, "sampling": request(tiny).sampling}
    generate(own_engine, ImageToImage(**words))
    generate(own_engine, Inpaint(**words, mask=box_mask(32, 32, 8, 8, 16, 16)))
    assert model_of(own_engine, tiny) is model


def test_unload_frees_the_model_and_may_be_called_twice(tiny, own_engine):
    before = generate(own_engine, request(tiny)).images[0].pixels
    model = model_of(own_engine, tiny)
    watched = [
        weakref.ref(part) for part in (model.unet, model.vae, model.pipelines.text_to_image.text_encoder)
    ]
    del model
    own_engine.unload()
    gc.collect()
    assert [ref() for ref in watched] == [None] * 3
    own_engine.unload()
    assert np.array_equal(generate(own_engine, request(tiny)).images[0].pixels, before)


def test_another_model_replaces_the_first(tiny, tiny_inpaint, own_engine):
    generate(own_engine, request(tiny))
    unet = weakref.ref(model_of(own_engine, tiny).unet)
    generate(own_engine, request(tiny_inpaint))
    gc.collect()
    assert unet() is None


def test_the_starter_model_is_beside_the_engine(tiny, own_engine, monkeypatch, tmp_path):
    assert diffusers_engine.STARTER_FOLDER.parent.name == "sd_blender"
    monkeypatch.setattr(diffusers_engine, "STARTER_FOLDER", tiny)
    starter = TextToImage(prompt="stone", sampling=request(tiny).sampling)
    assert starter.model == "starter"
    assert np.array_equal(
        generate(own_engine, starter).images[0].pixels, generate(own_engine, request(tiny)).images[0].pixels
    )
    monkeypatch.setattr(diffusers_engine, "STARTER_FOLDER", tmp_path / "gone")
    with pytest.raises(ModelNotFound, match="gone"):
        generate(own_engine, starter)


@pytest.mark.fault("F07")
@pytest.mark.fault("F08")
def test_broken_weights_never_arrive_silently(tiny, own_engine):
    with torch.no_grad():
        next(model_of(own_engine, tiny).unet.parameters()).fill_(float("nan"))
    with pytest.raises(BadResult, match="U-Net"):
        generate(own_engine, request(tiny))
    own_engine.unload()
    with torch.no_grad():
        next(model_of(own_engine, tiny).vae.decoder.parameters()).fill_(float("inf"))
    with pytest.raises(BadResult, match="autoencoder"):
        generate(own_engine, request(tiny))
    own_engine.unload()
    assert not generate(own_engine, request(tiny)).images[0].warnings


@pytest.mark.fault("F09")
def test_a_blank_picture_arrives_with_a_warning(tiny, own_engine):
    with torch.no_grad():
        for parameter in model_of(own_engine, tiny).vae.decoder.conv_out.parameters():
            parameter.zero_()
    image = generate(own_engine, request(tiny)).images[0]
    assert (image.pixels == 128).all()
    assert image.warnings == (
        "The picture is one flat colour (128, 128, 128); try another seed, prompt or scheduler.",
    )


@pytest.mark.fault("F09")
def test_a_blank_patch_is_noticed_too(tiny, own_engine):
    with torch.no_grad():
        for parameter in model_of(own_engine, tiny).vae.decoder.conv_out.parameters():
            parameter.zero_()
    task = Inpaint(
        prompt="",
        model=str(tiny),
        image=painting(32, 32),
        mask=box_mask(32, 32, 8, 8, 16, 16),
        sampling=request(tiny).sampling,
    )
    assert "flat colour" in generate(own_engine, task).images[0].warnings[0]


@pytest.mark.parametrize("which", ["prompt", "negative prompt"])
def test_a_prompt_too_long_says_what_was_lost(tiny, run, which):
    # Eight chunks of 22 tokens, each a letter.
    fits = " ".join(["abcdefghijk"] * 16)
    long = f"{fits} (Rusty:1.2) nails"
    prompt, negative = (long, "") if which == "prompt" else ("stone", long)
    warnings = run(request(tiny, prompt, negative)).result.images[0].warnings
    assert warnings == (
        f"The {which} is too long for the model, which did not see its end: 'Rusty nails'; shorten it.",
    )
    assert not run(request(tiny, fits)).result.images[0].warnings
    (warning,) = run(request(tiny, f"{fits}{' zinc' * 200}")).result.images[0].warnings
    assert "200 words, from 'zinc zinc" in warning and len(warning) < 250


MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    MemoryError(),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"),
]


class Exhausted(torch.nn.Module):
    """A layer that runs out of memory with a large tensor at hand."""

    def __init__(self, error):
        super().__init__()
        self.error = error
        self.held = None

    def forward(self, *_):
        tensor = torch.zeros(1000)
        self.held = weakref.ref(tensor)
        raise self.error


@pytest.mark.fault("F01")
@pytest.mark.fault("F02")
@pytest.mark.fault("F03")
@pytest.mark.parametrize("error", MEMORY, ids=lambda error: str(error)[:20] or "MemoryError")
def test_memory_that_runs_out_is_named_freed_and_survived(tiny, own_engine, error):
    expected = generate(own_engine, request(tiny)).images[0].pixels
    decoder = model_of(own_engine, tiny).vae.decoder
    conv, decoder.conv_in = decoder.conv_in, Exhausted(error)
    with pytest.raises(OutOfMemory, match="try 88 x 64 instead of 128 x 96") as caught:
        generate(own_engine, request(tiny, width=128, height=96))
    assert caught.value.details == str(error)
    held = decoder.conv_in.held
    error.__traceback__ = None
    assert held() is None, "the error that is passed on must not hold the memory"
    decoder.conv_in = conv
    assert np.array_equal(generate(own_engine, request(tiny)).images[0].pixels, expected)


def test_other_errors_pass_unchanged(tiny, own_engine):
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    decoder = model_of(own_engine, tiny).vae.decoder
    conv, decoder.conv_in = decoder.conv_in, Exhausted(RuntimeError("a defect"))
    with pytest.raises(RuntimeError, match="a defect"):
        generate(own_engine, request(tiny))
    decoder.conv_in = conv
    assert generate(own_engine, request(tiny)).images


def test_decoding_is_that_of_the_pipelines(tiny, own_engine):
    generate(own_engine, request(tiny))
    vae = model_of(own_engine, tiny).vae
    latents = torch.ones(1, 4, 2, 2)
    with torch.no_grad():
        assert torch.equal(decode(vae, latents), vae.decode(latents / 0.5).sample)
