# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of NumPy and the one of torch make the same pictures of the same seeds, and tell the same on the way."""

from __future__ import annotations

import numpy as np
import pytest

from sd_blender.core.errors import EngineUnavailable, InvalidRequest, JobCancelled, OutOfMemory
from sd_blender.core.messages import Loading, Picture, Preview, Progress, Started
from sd_blender.core.request import (
    SCHEDULERS,
    ImageToImage,
    Inpaint,
    Lora,
    Sampling,
    TextToImage,
    Tiling,
)
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.numpy_engine import autoencoder
from sd_blender.numpy_engine.engine import NumpyEngine

from ..closeness import BYTES, assert_near
from ..engine.conftest import Run, box_mask, painting

SIDE = 32


@pytest.fixture(scope="module")
def theirs():
    return DiffusersEngine(device="cpu", dtype="float32", preview_interval=0.0)


@pytest.fixture(scope="module")
def ours():
    return NumpyEngine(preview_interval=0.0, cores=2)


def run(engine, request, is_cancelled=lambda: False):
    messages = []
    return Run(engine.generate("job", request, messages.append, is_cancelled), messages)


def asked(task=TextToImage, prompt="mossy red brick", **changes):
    sampling = {"width": SIDE, "height": SIDE, "steps": 3, "seed": 2**32 + 11, "guidance_scale": 1.0}
    sampling |= {name: changes.pop(name) for name in list(changes) if name in Sampling.__dataclass_fields__}
    given = {"prompt": prompt, "sampling": Sampling(**sampling), **changes}
    if task is not TextToImage:
        given.setdefault("image", painting(SIDE, SIDE))
    if task is Inpaint:
        given.setdefault("mask", box_mask(SIDE, SIDE, 5, 9, 20, 26))
        given.setdefault("crop_to_mask", False)
    return task(**given)


def assert_same(ours, theirs, request):
    found, expected = run(ours, request).result.images, run(theirs, request).result.images
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert_near(one.pixels, other.pixels, BYTES)
        assert (one.seed, one.prompt, one.negative_prompt) == (
            other.seed,
            other.prompt,
            other.negative_prompt,
        )
        assert one.warnings == other.warnings


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("task", [TextToImage, ImageToImage, Inpaint])
def test_every_sampler_makes_the_same_of_every_task(ours, theirs, task, scheduler):
    tiling = list(Tiling)[SCHEDULERS.index(scheduler) % len(Tiling)]
    strength = {} if task is TextToImage else {"strength": 0.7}
    assert_same(ours, theirs, asked(task, scheduler=scheduler, tiling=tiling, **strength))


@pytest.mark.parametrize("task", [TextToImage, ImageToImage, Inpaint])
@pytest.mark.parametrize("tiling", list(Tiling))
def test_every_tiling_makes_the_same_of_every_task(ours, theirs, task, tiling):
    """At a canvas that is no multiple of anything."""
    assert_same(
        ours,
        theirs,
        asked(task, tiling=tiling, width=41, height=58, guidance_scale=2.5, negative_prompt="wet"),
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"guidance_scale": 0.0, "negative_prompt": "blue"},
        {"guidance_scale": 3.0, "negative_prompt": ""},
        {"prompt": "(mossy:1.3) [red] brick, (wet:0.4)", "guidance_scale": 2.0},
        {"prompt": "red brick BREAK (cracked:1.2) " + "old oak planks " * 30, "guidance_scale": 2.0},
        {"prompt": "[red brick:blue sand:0.5]"},
        {"prompt": "{red|green|blue} {brick|sand}", "count": 3},
        {"prompt": "mossy " * 700},
        {"prompt": "Grès ÉTÉ ½ m² 岩 <|endoftext|> 12's"},
        {"prompt": ""},
        {"spacing": "karras"},
        {"steps": 1},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_every_way_to_ask_makes_the_same(ours, theirs, changes):
    assert_same(ours, theirs, asked(**changes))


def test_an_image_with_alpha_and_a_mask_that_crosses_the_edge(ours, theirs):
    image = painting(70, 40, 4)
    assert_same(ours, theirs, asked(ImageToImage, image=image, strength=0.5))
    mask = np.roll(box_mask(70, 40, 0, 0, 24, 18), (-9, -12), (0, 1))
    request = asked(
        Inpaint, image=image, mask=mask, tiling=Tiling.BOTH, crop_to_mask=True, context=4, feather=3
    )
    assert_same(ours, theirs, request)
    kept = run(ours, request).pixels[mask == 0]
    assert np.mean(kept == image[mask == 0]) > 0.5  # all but the feather


def test_the_best_are_the_same_with_the_same_scores(ours, theirs):
    for changes in ({}, {"reference": painting(50, 37)}):
        request = asked(count=3, keep=2, **changes)
        found, expected = (run(engine, request).result.images for engine in (ours, theirs))
        assert [image.seed for image in found] == [image.seed for image in expected]
        # A picture may differ by a step of 255 here and there.
        assert np.allclose([i.score for i in found], [i.score for i in expected], atol=2e-3)


def test_what_it_tells_is_what_the_other_engine_tells(ours, theirs):
    request = asked(count=2)
    run(ours, request)
    found, expected = run(ours, request), run(theirs, request)
    assert found.of(Started) == expected.of(Started) and not found.of(Loading)
    assert [m.index for m in found.of(Preview)] and found.of(Preview)[0].pixels.shape == (8, 8, 3)
    assert [m.step for m in found.of(Progress)] == [1, 2, 3, 4, 5, 6]
    assert "NumPy" in found.result.precision


def test_unload_lets_go_and_the_next_call_loads_again():
    engine = NumpyEngine(cores=1)
    first = run(engine, asked())
    assert first.of(Loading)
    engine.unload()
    engine.unload()
    again = run(engine, asked())
    assert again.of(Loading) and np.array_equal(first.pixels, again.pixels)


@pytest.mark.parametrize("steps_done", [0, 2], ids=["U-Net", "decoder"])
def test_cancel_is_seen_within_a_step_and_within_the_decoder(ours, steps_done):
    """After twenty questions more than there are between two layers; the next call works."""
    request, messages, asks = asked(steps=2, width=64, height=64), [], []

    def is_cancelled():
        if sum(isinstance(message, Progress) for message in messages) >= steps_done:
            asks.append(1)
        return len(asks) > 20

    before = run(ours, request).pixels
    with pytest.raises(JobCancelled):
        ours.generate("job", request, messages.append, is_cancelled)
    assert sum(isinstance(message, Progress) for message in messages) == steps_done
    assert not any(isinstance(message, Picture) for message in messages)
    assert np.array_equal(run(ours, request).pixels, before)


def test_memory_that_runs_out_is_told_and_the_next_call_works(ours, monkeypatch):
    with monkeypatch.context() as change:

        def fail(self, *args):
            raise MemoryError("Unable to allocate 3.00 GiB")

        change.setattr(autoencoder.Decoder, "__call__", fail)
        with pytest.raises(OutOfMemory, match="memory ran out"):
            run(ours, asked())
    assert run(ours, asked()).result.images


def test_numbers_that_are_none_are_told(ours, monkeypatch):
    from sd_blender.core.errors import BadResult

    monkeypatch.setattr(
        autoencoder.Decoder, "__call__", lambda *args: np.full((3, SIDE, SIDE), np.nan, np.float32)
    )
    with pytest.raises(BadResult, match="not numbers"):
        run(ours, asked())


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "/models/another"},
        {"loras": (Lora(path="a.safetensors"),)},
        {"embeddings": ("a.safetensors",)},
        {"clip_guidance_scale": 1.0},
        {"classifier_guidance_scale": 1.0},
        {"keep": 1, "clip": "/models/clip"},
        {"clip_skip": 2},
    ],
    ids=str,
)
def test_what_needs_torch_is_refused_before_anything_is_loaded(changes):
    engine = NumpyEngine()
    with pytest.raises(EngineUnavailable, match="Install Engine"):
        run(engine, asked(**changes))
    assert engine._loaded is None


def test_a_spacing_that_cannot_be_is_refused_before_anything_is_loaded():
    engine = NumpyEngine()
    with pytest.raises(InvalidRequest):
        run(engine, asked(spacing="ays"))
    assert engine._loaded is None
