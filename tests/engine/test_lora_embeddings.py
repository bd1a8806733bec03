# SPDX-License-Identifier: GPL-3.0-or-later
"""Textual inversions in the engine: what plain diffusers makes of them, and nothing of them left afterwards."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

from sd_blender.core.errors import ModelNotFound, ModelRefused
from sd_blender.core.request import Sampling, TextToImage
from sd_blender.engine.libraries import quiet

pytestmark = pytest.mark.parity

WIDTH = 32


@pytest.fixture(scope="module")
def word(tmp_path_factory):
    path = tmp_path_factory.mktemp("words") / "learned.safetensors"
    vectors = torch.randn(3, WIDTH, generator=torch.Generator().manual_seed(5))
    save_file({"zyx": vectors}, path)
    return path


def request(tiny, prompt, *embeddings):
    sampling = Sampling(width=64, height=64, steps=3, guidance_scale=4.0, scheduler="DDIM", seed=3)
    return TextToImage(prompt=prompt, model=str(tiny), sampling=sampling, embeddings=embeddings)


def difference(a, b):
    return np.abs(a.astype(int) - b.astype(int)).mean()


def test_a_word_means_what_it_means_in_plain_diffusers(run, tiny, word):
    plain = run(request(tiny, "wet zyx")).pixels
    ours = run(request(tiny, "wet zyx", str(word))).pixels
    with quiet():
        pipeline = StableDiffusionPipeline.from_pretrained(tiny, safety_checker=None)
        pipeline.set_progress_bar_config(disable=True)
        pipeline.load_textual_inversion(word, token="zyx")
        theirs = pipeline(
            "wet zyx",
            width=64,
            height=64,
            num_inference_steps=3,
            guidance_scale=4.0,
            generator=torch.Generator().manual_seed(3),
            output_type="np",
        ).images[0]
    assert difference(ours, np.rint(theirs * 255)) < 0.1
    assert difference(ours, plain) > 2
    assert np.array_equal(run(request(tiny, "wet zyx")).pixels, plain)


def test_only_the_word_itself_is_changed(run, tiny, word):
    assert np.array_equal(
        run(request(tiny, "wet zyxt", str(word))).pixels, run(request(tiny, "wet zyxt")).pixels
    )


def test_a_file_of_automatic1111_is_called_by_its_name(run, tiny, word, tmp_path):
    from safetensors.torch import load_file

    save_file({"emb_params": load_file(word)["zyx"]}, tmp_path / "zyx.safetensors")
    first, second = (
        run(request(tiny, "a ZYX, wet", str(p))).pixels for p in (word, tmp_path / "zyx.safetensors")
    )
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    "tensors, words",
    [
        ({"w": torch.zeros(2, 768)}, "Stable Diffusion 1.x"),
        ({"clip_l": torch.zeros(2, 768), "clip_g": torch.zeros(2, 1280)}, "Stable Diffusion XL"),
        ({"a": torch.zeros(2, WIDTH), "b": torch.zeros(2, WIDTH)}, "no textual inversion"),
    ],
)
def test_others_are_refused_before_anything_is_loaded(engine, tiny, tmp_path, tensors, words):
    save_file(tensors, tmp_path / "wrong.safetensors")
    engine.unload()
    messages = []
    with pytest.raises(ModelRefused, match=words):
        engine.generate(
            "job", request(tiny, "w", str(tmp_path / "wrong.safetensors")), messages.append, lambda: False
        )
    assert not messages


def test_missing_and_double(engine, tiny, word):
    with pytest.raises(ModelNotFound):
        engine.generate("job", request(tiny, "w", str(word) + "x"), print, lambda: False)
    with pytest.raises(ModelRefused, match="called 'zyx'"):
        engine.generate("job", request(tiny, "w", str(word), str(word)), print, lambda: False)
