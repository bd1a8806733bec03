# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as its callers see it: what it reports, keeps, frees and survives."""

from __future__ import annotations

import gc
import os
import shutil
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sd_blender.core.errors import BadResult, ModelNotFound, OutOfMemory
from sd_blender.core.known_models import STARTER_FOLDER
from sd_blender.core.messages import Loading, Picture, Progress, Started
from sd_blender.core.request import ImageToImage, Inpaint, Sampling, TextToImage
from sd_blender.engine import diffusers_engine
from sd_blender.engine.denoiser import UNetDenoiser
from sd_blender.engine.diffusers_engine import DiffusersEngine
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
    assert kinds[-2:] == [Progress, Picture]
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
    image = painting(32, 32)
    words = {"prompt": "stone", "model": str(tiny), "image": image, "sampling": request(tiny).sampling}
    generate(own_engine, ImageToImage(**words))
    generate(own_engine, Inpaint(**words, mask=box_mask(32, 32, 8, 8, 16, 16)))
    assert model_of(own_engine, tiny) is model


def test_the_source_of_several_pictures_is_read_once(tiny, own_engine, monkeypatch):
    monkeypatch.setattr(UNetDenoiser, "images_at_once", lambda *given: 1)
    model, read = model_of(own_engine, tiny), []
    handle = model.vae.encoder.register_forward_pre_hook(lambda module, given: read.append(given[0]))
    sampling = replace(request(tiny).sampling, count=3)
    words = {"prompt": "stone", "model": str(tiny), "image": painting(32, 32), "sampling": sampling}
    try:
        made = generate(own_engine, ImageToImage(**words)).images
    finally:
        handle.remove()
    assert [pixels.shape for pixels in read].count((1, 3, 32, 32)) == 1, (
        "the other is what previews are fitted to"
    )
    assert len({image.pixels.tobytes() for image in made}) == 3, "each from noise of its own all the same"


def fast_and_exact(folder, run, own_engine, **changes):
    """The pictures, and how many rows the U-Net was wholly asked for in each."""
    model, made = model_of(own_engine, folder), {}
    for speed in ("exact", "fast"):
        rows = []

        def count(module, given, rows=rows):
            rows.append(len(given[0]))

        # The middle is what is not computed where features are reused.
        handle = model.unet.mid_block.register_forward_pre_hook(count)
        try:
            task = request(folder)
            task = replace(task, sampling=replace(task.sampling, speed=speed, **changes))
            made[speed] = run(task, own_engine).result.images[0], rows
        finally:
            handle.remove()
    return made


def test_a_fast_picture_is_nearly_the_exact_one_and_asks_less(own_engine, run):
    generate(own_engine, request(STARTER_FOLDER))
    made = fast_and_exact(STARTER_FOLDER, run, own_engine, steps=12, guidance_scale=2.0, width=64, height=64)
    (exact, all_rows), (fast, some_rows) = made["exact"], made["fast"]
    assert all_rows == [2] * 12
    assert len(some_rows) < 9 and 1 in some_rows and 2 in some_rows, (
        "wholly at every other step, guided in the middle"
    )
    difference = np.abs(exact.pixels.astype(int) - fast.pixels).mean()
    assert 0 < difference < 20


def test_a_unet_of_which_nothing_can_be_reused_is_asked_as_ever_and_says_so(
    tiny, own_engine, run, monkeypatch
):
    generate(own_engine, request(tiny))
    monkeypatch.setattr(UNetDenoiser, "can_reuse", False)
    made = fast_and_exact(tiny, run, own_engine)
    (exact, all_rows), (fast, rows) = made["exact"], made["fast"]
    assert rows == all_rows and np.array_equal(exact.pixels, fast.pixels)
    assert "nothing be reused between steps" in fast.warnings[0] and not exact.warnings


def test_unload_frees_the_model_and_may_be_called_twice(tiny, own_engine):
    before = generate(own_engine, request(tiny)).images[0].pixels
    model = model_of(own_engine, tiny)
    watched = [weakref.ref(part) for part in (model.unet, model.vae, model.networks["text_encoder"])]
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
    own = model_of(own_engine, tiny).autoencoder
    vae, latents = own.network, torch.ones(1, 4, 2, 2)
    with torch.no_grad():
        assert torch.equal(own.decode(latents), vae.decode(latents / 0.5).sample)
