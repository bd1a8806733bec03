# SPDX-License-Identifier: GPL-3.0-or-later
"""The classifier of noisy latents in the engine: its folder, the class that a prompt names, and its effect on a run."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from sd_blender.core.diffusion.estimate import Estimate
from sd_blender.core.diffusion.level import Level
from sd_blender.core.errors import InvalidRequest, ModelRefused
from sd_blender.core.request import Inpaint, Sampling, TextToImage
from sd_blender.engine.conditions.classifier_guidance import ClassifierGuide
from sd_blender.engine.models import ModelStore
from sd_blender.engine.noisy_classifier import NoisyClassifier, class_in
from tests.closeness import ROUNDING, assert_near, is_near

from .conftest import box_mask, painting
from .tiny_guides import NAMES, save_tiny_classifier, save_tiny_clip

SAMPLING = Sampling(width=32, height=32, steps=6, guidance_scale=2.0, scheduler="DDIM", seed=3)
SCALE = 20.0


@pytest.fixture(scope="session")
def classifying(tiny, tmp_path_factory):
    """The tiny model with a classifier beside it."""
    folder = shutil.copytree(tiny, tmp_path_factory.mktemp("models") / "classifying")
    save_tiny_classifier(folder)
    return folder


@pytest.fixture(scope="session")
def classifying_8(tiny_8, tmp_path_factory):
    """The tiny model of 8 latent channels with a classifier of its own."""
    folder = shutil.copytree(tiny_8, tmp_path_factory.mktemp("models") / "classifying-8")
    save_tiny_classifier(folder, latents=8)
    return folder


@pytest.fixture
def classifier(classifying):
    return NoisyClassifier.load(classifying / "classifier")


def asked(folder, scale=SCALE, prompt="red stone", kind=TextToImage, others=None, **changes):
    sampling = replace(SAMPLING, classifier_guidance_scale=scale, **changes)
    return kind(prompt=prompt, model=str(folder), sampling=sampling, **others or {})


def noisy(count=1, side=8):
    return torch.randn(count, 4, side, side, generator=torch.Generator().manual_seed(1))


def test_any_size_and_any_timestep(classifier):
    for side in (4, 7, 16):
        assert classifier(noisy(2, side), torch.tensor([0.0, 431.7])).shape == (2, 3)
    early, late = classifier(noisy(2, 8)[:1].repeat(2, 1, 1, 1), torch.tensor([10.0, 900.0]))
    assert not is_near(early, late, ROUNDING), "it knows how much noise there is"


def estimate(x):
    return Estimate(Level.of_abar(0.5, 300.0), x, x, x)


def test_the_gradient_is_that_of_the_log_probability(classifier):
    """Against finite differences in double precision."""
    classifier.double()
    x, direction = noisy().double(), noisy(side=8).flip(-1).double()
    guide = ClassifierGuide(classifier, [1], 1.0)

    def log_p(moved):
        return classifier(moved, torch.tensor([300.0])).log_softmax(1)[0, 1]

    found = guide.gradient(estimate(x))
    expected = (log_p(x + 1e-6 * direction) - log_p(x - 1e-6 * direction)) / 2e-6
    assert float((found * direction).sum()) == pytest.approx(float(expected), rel=1e-5)


def test_each_picture_to_its_own_class(classifier):
    x = noisy(2)
    together = ClassifierGuide(classifier, [0, 2], 1.5).move(estimate(x))
    alone = ClassifierGuide(classifier, [2], 1.5).move(estimate(x[1:]))
    assert_near(together[1:], alone, ROUNDING)


@pytest.mark.parametrize("channels", [4, 8])
def test_it_raises_the_probability_of_the_material(request, run, estimates, channels):
    folder = request.getfixturevalue("classifying" if channels == 4 else "classifying_8")
    classifier = NoisyClassifier.load(folder / "classifier")
    assert classifier.latent_channels == channels

    def seen(**changes):
        estimates.clear()
        pixels = run(asked(folder, **changes)).pixels
        last = estimates[-1]
        return classifier(last.x0, torch.tensor([last.level.timestep])).log_softmax(1)[0], pixels

    (before, _), (after, pixels) = seen(scale=0.0), seen()
    assert after[1] > before[1] + 0.05
    assert np.ptp(pixels) > 20
    other, _ = seen(prompt="old bricks")
    assert other[0] > before[0] + 0.05


@pytest.mark.parametrize("name", ["classifying", "classifying_8"])
def test_inpainting_with_both_guides(request, run, tmp_path, name):
    folder = shutil.copytree(request.getfixturevalue(name), tmp_path / "model")
    save_tiny_clip(folder)
    image, mask = painting(64, 64), box_mask(64, 64, 8, 8, 56, 56)
    others = {"image": image, "mask": mask, "feather": 0, "crop_to_mask": False}
    results = [
        run(asked(folder, scale, kind=Inpaint, others=others, clip_guidance_scale=clip)).pixels
        for scale, clip in ((0.0, 0.0), (SCALE, 0.0), (0.0, 3.0), (SCALE, 3.0))
    ]
    for i, one in enumerate(results):
        assert np.array_equal(one[mask == 0], image[mask == 0])
        assert not any(np.array_equal(one, other) for other in results[:i])


def test_a_scale_of_0_is_the_picture_without(classifying, tiny, run):
    theirs = run(TextToImage(prompt="red stone", model=str(tiny), sampling=SAMPLING)).pixels
    assert np.array_equal(run(asked(classifying, 0.0)).pixels, theirs)
    assert not np.array_equal(run(asked(classifying)).pixels, theirs)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("red brick wall", "brick wall"),
        ("Old Bricks, mossy", "brick wall"),
        ("a brick", "brick wall"),
        ("a wall", "brick wall"),
        ("oak-planks over stone", "oak"),
        ("(stone:1.2)", "stone"),
        ("stones", "stone"),
        ("sandstone", None),
        ("", None),
    ],
)
def test_the_class_that_a_prompt_names(prompt, expected):
    found = class_in(prompt, NAMES)
    assert (None if found is None else list(NAMES)[found]) == expected


def test_a_word_of_two_classes_names_none():
    names = {"brick wall": ["brick wall"], "castle wall": ["castle wall"]}
    assert class_in("a wall", names) is None and class_in("a castle", names) == 1


def test_a_material_it_does_not_know_is_refused_before_the_model_is_loaded(classifying, run, monkeypatch):
    sentence = (
        "'gold' names no material that the classifier knows, such as brick wall, stone, oak; name one, or set"
    )
    monkeypatch.setattr(ModelStore, "get", lambda *_: pytest.fail("loaded"))
    with pytest.raises(InvalidRequest, match=sentence) as refusal:
        run(asked(classifying, prompt="gold"))
    assert refusal.value.field == "classifier_guidance_scale"


def test_a_model_without_one_is_refused_before_it_is_loaded(tiny, run, monkeypatch):
    monkeypatch.setattr(ModelStore, "get", lambda *_: pytest.fail("loaded"))
    with pytest.raises(InvalidRequest, match="no classifier to guide with; set Classifier Guidance to 0"):
        run(asked(tiny))


def test_one_of_another_model_is_refused_before_the_model_is_loaded(
    classifying, tiny_8, run, tmp_path, monkeypatch
):
    folder = shutil.copytree(tiny_8, tmp_path / "model")
    shutil.copytree(classifying / "classifier", folder / "classifier")
    monkeypatch.setattr(ModelStore, "get", lambda *_: pytest.fail("loaded"))
    with pytest.raises(ModelRefused, match="reads 4 latent channels and the model has 8; they belong"):
        run(asked(folder))


def test_a_configuration_from_before_they_were_counted_means_4(classifying, run, tmp_path):
    folder = shutil.copytree(classifying, tmp_path / "model")
    path = folder / "classifier" / "config.json"
    config = json.loads(path.read_text())
    assert config.pop("latent_channels") == 4
    path.write_text(json.dumps(config))
    assert np.array_equal(run(asked(folder)).pixels, run(asked(classifying)).pixels)


@pytest.mark.parametrize(
    "broken",
    [
        {"_class_name": "Other"},
        {"names": []},
        {"names": {"a": "bc"}},
        {"names": {}},
        {"widths": [7]},
        {"widths": [10**9]},
        {"widths": [8] * 100},
        {"widths": None},
        {"latent_channels": "4"},
        {"latent_channels": 4.0},
        {"latent_channels": True},
        {"latent_channels": 0},
        {"latent_channels": 10**9},
        {"latent_channels": None},
    ],
)
def test_a_configuration_that_is_none_is_refused(classifying, run, tmp_path, broken):
    folder = shutil.copytree(classifying, tmp_path / "model")
    path = folder / "classifier" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | broken))
    with pytest.raises(ModelRefused, match="not that of a classifier"):
        run(asked(folder))


@pytest.mark.parametrize(
    "content", [b"", b"\x80 a pickle", None], ids=["empty", "pickle", "of another width"]
)
def test_weights_that_do_not_fit_are_refused(classifying, tmp_path, content):
    folder = shutil.copytree(classifying / "classifier", tmp_path / "classifier")
    if content is None:
        NoisyClassifier(NAMES, (16, 16)).save(tmp_path / "other")
        content = (tmp_path / "other" / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelRefused, match=r"not those of its config\.json"):
        NoisyClassifier.load(folder)
