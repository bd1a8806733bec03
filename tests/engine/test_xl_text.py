# SPDX-License-Identifier: GPL-3.0-or-later
"""What Stable Diffusion XL reads: both text encoders, weights, long prompts and words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

from sd_blender.core.diffusion.prompt_guidance import condition
from sd_blender.core.errors import ModelRefused
from sd_blender.core.wildcards import Prompts
from sd_blender.engine.libraries import quiet
from tests.closeness import NETWORK, assert_near, is_near

from .test_memory_ladder import model_of
from .test_xl import SEED, STEPS, asked
from .tiny_model import TOKENS

pytestmark = pytest.mark.parity

LONG = " ".join(["abcdefghijk"] * 5)
"""Three chunks."""


@pytest.fixture
def model(engine, tiny_xl):
    return model_of(engine, tiny_xl)


def picture(pipeline, prompt="red stone"):
    noise = torch.Generator().manual_seed(SEED)
    call = {"width": 64, "height": 48, "num_inference_steps": STEPS, "guidance_scale": 5.0}
    made = pipeline(prompt, negative_prompt="rust", generator=noise, output_type="np", **call).images
    return np.rint(made[0] * 255)


def difference(a, b):
    return np.abs(a.astype(int) - b.astype(int)).mean()


@torch.no_grad()
def plain(pipeline, prompt):
    """States (TOKENS, width) and pooled text, as diffusers reads them."""
    states, _, pooled, _ = pipeline.encode_prompt(prompt, device="cpu", do_classifier_free_guidance=False)
    return states[0], pooled[0]


@torch.no_grad()
def read(model, prompt, chunks=1):
    text = model.text.read(prompt, chunks)
    return text.hidden[0], text.pooled[0]


@pytest.mark.parametrize("prompt", ["", "red stone", "a [b) \u00fc", "abcdefghijklmnopqrstuv"])
def test_a_plain_prompt_is_read_as_diffusers_does(model, plain_xl, prompt):
    """Not to the last bit: a product of one row rounds by where its weights begin in memory."""
    for ours, theirs in zip(read(model, prompt), plain(plain_xl, prompt), strict=True):
        assert_near(ours, theirs, NETWORK)


def test_weights_move_that_word_in_both_encoders(model, plain_xl):
    before, empty, after = (
        plain(plain_xl, "red stone")[0],
        plain(plain_xl, "")[0],
        read(model, "red (stone:1.5)"),
    )
    word = slice(4, 9)
    expected = empty[word] + 1.5 * (before[word] - empty[word])
    assert_near(after[0][word], expected, NETWORK)
    unweighted = read(model, "red stone")
    assert torch.equal(after[0][:4], unweighted[0][:4]) and torch.equal(after[1], unweighted[1])
    assert (after[0][word] != before[word])[:, [0, 40]].all(), "the columns of both"


def test_a_long_prompt_is_read_in_chunks_and_its_first_speaks_for_it(model, plain_xl):
    parts = ["abcdefghijk abcdefghijk"] * 2 + ["abcdefghijk"]
    states, pooled = read(model, LONG, 4)
    expected = torch.cat([plain(plain_xl, part)[0] for part in [*parts, ""]])
    assert states.shape == (4 * TOKENS, 80) and is_near(states, expected, NETWORK)
    assert_near(pooled, plain(plain_xl, parts[0])[1], NETWORK)


def test_an_empty_negative_prompt_is_zeros_in_as_many_chunks(model):
    with torch.no_grad():
        told = condition(model.text, [Prompts(LONG, ""), Prompts(LONG, "rust")], 5.0)
    assert told.positive.hidden.shape == told.negative.hidden.shape == (2, 3 * TOKENS, 80)
    assert not told.negative.hidden[0].any() and not told.negative.pooled[0].any()
    assert told.negative.hidden[1].any() and told.negative.pooled[1].any()


def test_captions_for_training_are_what_prompts_are(model, plain_xl):
    with torch.no_grad():
        text = model.text.read_captions(["red stone", ""])
    assert_near(text.hidden[0], plain(plain_xl, "red stone")[0], NETWORK)
    assert_near(text.pooled[0], plain(plain_xl, "red stone")[1], NETWORK)
    assert not text.hidden[1].any() and not text.pooled[1].any(), "what guidance subtracts"


def test_the_end_of_a_long_prompt_counts(tiny_xl, run):
    first, second = (run(asked(tiny_xl, prompt=f"{LONG} {end}")).result.images[0] for end in ("red", "wet"))
    assert not first.warnings and not np.array_equal(first.pixels, second.pixels)


def refused(engine, request):
    messages = []
    with pytest.raises(ModelRefused) as refusal:
        engine.generate("job", request, messages.append, lambda: False)
    assert not messages, "before anything is loaded"
    return str(refusal.value)


# Words ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def word(tmp_path_factory):
    generator = torch.Generator().manual_seed(5)
    vectors = {
        "clip_l": torch.randn(3, 32, generator=generator),
        "clip_g": torch.randn(3, 48, generator=generator),
    }
    path = tmp_path_factory.mktemp("words") / "zyx.safetensors"
    save_file(vectors, path)
    return path


def test_a_word_means_what_it_means_in_plain_diffusers(run, tiny_xl, word):
    with quiet():
        theirs = StableDiffusionXLPipeline.from_pretrained(tiny_xl, add_watermarker=False)
    theirs.set_progress_bar_config(disable=True)
    for key, number in (("clip_l", ""), ("clip_g", "_2")):
        networks = {"text_encoder": f"text_encoder{number}", "tokenizer": f"tokenizer{number}"}
        own = {name: getattr(theirs, attribute) for name, attribute in networks.items()}
        theirs.load_textual_inversion(load_file(word)[key], token="zyx", **own)
    ours = run(asked(tiny_xl, prompt="wet zyx", embeddings=(str(word),))).pixels
    before = run(asked(tiny_xl, prompt="wet zyx")).pixels
    assert difference(ours, picture(theirs, "wet zyx")) < 0.1 and difference(ours, before) > 2


def test_the_end_is_found_behind_a_word_whatever_the_configuration_says(
    model, word, tiny_xl, engine, tmp_path
):
    """Configurations of the real model name a wrong end, for which transformers takes the largest token."""
    from sd_blender.engine.embeddings import knowing, read_word, speaking

    found = read_word(word, {"text_encoder": 32, "text_encoder_2": 48}, tiny_xl)
    reader = knowing(model.text, [found])
    network = model.text.encoders[1].network
    with torch.no_grad(), speaking([found], reader):
        right = reader.read("wet zyx", 1).pooled
        inner, kept = network.text_model, network.text_model.eos_token_id
        inner.eos_token_id = 2
        try:
            assert torch.equal(reader.read("wet zyx", 1).pooled, right)
        finally:
            inner.eos_token_id = kept


def test_words_of_other_bases_are_refused_by_name(engine, tiny, tiny_xl, word, tmp_path):
    engine.unload()
    told = refused(engine, asked(tiny, embeddings=(str(word),)))
    assert "zyx.safetensors was made for a model that reads text of width 80" in told
    save_file({"w": torch.zeros(2, 768)}, tmp_path / "one.safetensors")
    told = refused(engine, asked(tiny_xl, embeddings=(str(tmp_path / "one.safetensors"),)))
    assert "made for Stable Diffusion 1.x" in told
    save_file({"clip_l": torch.zeros(2, 32), "clip_g": torch.zeros(3, 48)}, tmp_path / "odd.safetensors")
    told = refused(engine, asked(tiny_xl, embeddings=(str(tmp_path / "odd.safetensors"),)))
    assert "is no textual inversion" in told
