# SPDX-License-Identifier: GPL-3.0-or-later
"""Best of N, by the CLIP of a model and by others."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from sd_blender.core.errors import InvalidRequest, ModelNotFound, ModelRefused
from sd_blender.core.messages import Loading
from sd_blender.core.request import ImageToImage, Inpaint, Sampling, TextToImage
from sd_blender.engine import clip_files, create_engine
from sd_blender.engine.clip_score import ClipScorer
from sd_blender.engine.libraries import quiet

from .tiny_guides import save_tiny_clip

SAMPLING = Sampling(width=64, height=64, steps=2, seed=3, count=4)


@pytest.fixture(scope="module")
def seeing(tiny, tmp_path_factory):
    """The tiny model with a CLIP beside it."""
    folder = shutil.copytree(tiny, tmp_path_factory.mktemp("models") / "seeing")
    with quiet():
        save_tiny_clip(folder)
    return folder


@pytest.fixture(scope="module")
def engine():
    return create_engine("cpu", "float32")


def run(engine, request, messages=None):
    report = (lambda _: None) if messages is None else messages.append
    return engine.generate("job", request, report, lambda: False).images


def asked(folder, **changes):
    return TextToImage(prompt="red stone", model=str(folder), sampling=SAMPLING, **changes)


def test_the_best_of_all_are_kept_the_best_first(engine, seeing):
    everything = run(engine, asked(seeing))
    assert all(image.score is None for image in everything)
    scores = ClipScorer.load(seeing / "clip").scores([image.pixels for image in everything], "red stone")
    order = np.argsort(-scores)
    messages = []
    kept = run(engine, asked(seeing, keep=2), messages)
    assert [image.seed for image in kept] == [everything[i].seed for i in order[:2]]
    assert [image.score for image in kept] == pytest.approx(scores[order[:2]], abs=1e-5)
    assert all(np.array_equal(a.pixels, everything[i].pixels) for a, i in zip(kept, order, strict=False))
    assert any(m.text.startswith("Loading CLIP") for m in messages if isinstance(m, Loading))


def test_by_a_reference_the_picture_that_is_it_wins(engine, seeing):
    everything = run(engine, asked(seeing))
    for wanted in everything:
        (best,) = run(engine, asked(seeing, keep=1, reference=wanted.pixels))
        assert best.seed == wanted.seed and best.score == pytest.approx(1, abs=1e-4)


def test_each_picture_is_judged_by_the_prompt_that_was_drawn_for_it(engine, seeing, tmp_path):
    (tmp_path / "stone.txt").write_text("red stone\nblue wood\n")
    request = replace(asked(seeing, keep=4, wildcards=str(tmp_path)), prompt="__stone__")
    scorer = ClipScorer.load(seeing / "clip")
    kept = run(engine, request)
    assert len({image.prompt for image in kept}) == 2
    for image in kept:
        assert image.score == pytest.approx(float(scorer.scores([image.pixels], image.prompt)[0]), abs=1e-5)


def test_from_a_picture_and_in_a_mask_too(engine, seeing):
    image = np.full((64, 64, 3), 90, np.uint8)
    mask = np.zeros((64, 64), np.float32)
    mask[:32] = 1
    common = {"prompt": "red stone", "model": str(seeing), "sampling": SAMPLING, "keep": 1, "image": image}
    assert len(run(engine, ImageToImage(**common))) == 1
    assert len(run(engine, Inpaint(**common, mask=mask))) == 1


def test_another_clip_and_that_of_the_starter_model(engine, tiny, seeing, monkeypatch):
    own = [image.seed for image in run(engine, asked(seeing, keep=2))]
    assert [image.seed for image in run(engine, asked(tiny, keep=2, clip=str(seeing / "clip")))] == own
    monkeypatch.setattr(clip_files, "STARTER_FOLDER", seeing)
    assert [image.seed for image in run(engine, asked(tiny, keep=2))] == own


def test_what_cannot_judge_is_refused_before_anything_is_made(engine, tiny, seeing, tmp_path, monkeypatch):
    monkeypatch.setattr(clip_files, "STARTER_FOLDER", tmp_path)
    messages = []
    with pytest.raises(InvalidRequest, match="set Keep Best to 0") as error:
        run(engine, asked(tiny, keep=2), messages)
    assert error.value.field == "keep"
    with pytest.raises(ModelNotFound, match="no CLIP model at"):
        run(engine, asked(tiny, keep=2, clip=str(tmp_path / "gone")), messages)
    with pytest.raises(ModelRefused, match="choose a CLIP"):
        run(engine, asked(tiny, keep=2, clip=str(seeing / "unet")), messages)
    assert not messages
