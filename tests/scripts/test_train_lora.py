# SPDX-License-Identifier: GPL-3.0-or-later
"""What scripts/train_lora.py trains with where nothing is chosen suits the model."""

from __future__ import annotations

import _environment
import pytest

from sd_blender.core.training_request import TextualInversion


@pytest.fixture(scope="module")
def script():
    before, _environment.enter = _environment.enter, lambda name: None  # stay in this Python
    try:
        import train_lora
    finally:
        _environment.enter = before
    return train_lora


def made(script, *arguments):
    return script.make_request(script.parse(["images", "moss.safetensors", *arguments]))


def test_the_starter_model_is_trained_as_its_proof_trains_it(script):
    request = made(script)
    assert (request.model, request.size, request.learning_rate, request.layers) == (
        "starter",
        128,
        2e-3,
        "all",
    )
    assert (request.sampling.width, request.sampling.guidance_scale) == (128, 1.0)


def test_other_models_as_most_are(script):
    request = made(script, "--model", "/models/sd15")
    assert (request.size, request.learning_rate, request.layers) == (512, 1e-4, "attention")
    assert request.sampling.guidance_scale == 5.0


def test_what_is_chosen_stays(script):
    chosen = ("--size", "64", "--rate", "0.01", "--layers", "attention", "--guidance", "0")
    request = made(script, *chosen)
    assert (request.size, request.learning_rate, request.layers) == (64, 0.01, "attention")
    assert request.sampling.guidance_scale == 0.0


def test_a_word_has_a_rate_of_its_own(script):
    request = made(script, "--word", "--trigger", "zx")
    assert type(request) is TextualInversion and request.learning_rate == TextualInversion.learning_rate
