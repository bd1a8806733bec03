# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts with weights and of any length; each picture with its own words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from sd_blender.core.diffusion.prompt_guidance import chunks_needed, condition
from sd_blender.core.errors import InvalidRequest
from sd_blender.core.geometry import Size
from sd_blender.core.request import Lora, Sampling, TextToImage
from sd_blender.core.wildcards import Prompts
from sd_blender.engine import denoiser, generation
from sd_blender.engine.diffusers_engine import STARTER_FOLDER
from sd_blender.engine.models import ModelStore
from sd_blender.engine.prompt_encoding import MAX_CHUNKS, count_tokens, encode
from tests.closeness import BYTES, NETWORK, ROUNDING, assert_near, is_near

from .conftest import plain_pipeline
from .lora_files import random_changes, save_kohya
from .tiny_model import TOKENS

pytestmark = pytest.mark.parity

SIZE = TOKENS - 2
"""Letters in a chunk: the tiny tokenizer makes a token of each."""

LONG = " ".join(["abcdefghijk"] * 5)
"""Three chunks, the last one half full."""


@pytest.fixture(scope="module")
def model(tiny):
    return ModelStore(torch.device("cpu"), torch.float32).get(tiny, lambda *told: None, lambda: False)


@pytest.fixture(scope="module")
def read(model):
    """The embedding of a prompt in so many chunks, (chunks * TOKENS, width)."""

    def encoded(prompt, chunks=1):
        with torch.no_grad():
            return encode(model.text.encoders[0], prompt, chunks).states[0]

    return encoded


@pytest.fixture(scope="module")
def plain(plain_tiny):
    """What diffusers makes of a prompt."""

    def encoded(prompt):
        with torch.no_grad():
            return plain_tiny.encode_prompt(prompt, torch.device("cpu"), 1, False)[0][0]

    return encoded


def asked(folder, prompt, negative="", **sampling):
    chosen = {"width": 32, "height": 32, "steps": 2, "scheduler": "DDIM", "guidance_scale": 3.0, "seed": 4}
    return TextToImage(
        prompt=prompt, negative_prompt=negative, model=str(folder), sampling=Sampling(**chosen | sampling)
    )


@pytest.mark.parametrize(
    "prompt",
    ["", " ", "red stone", "Stone, wet; (old", "a [b) \u00fc", "abcdefghijklmnopqrstuv", "größer 🧱 é"],
)
def test_a_plain_prompt_is_encoded_as_diffusers_does_it(read, plain, prompt):
    assert_near(read(prompt), plain(prompt), NETWORK)


def test_the_starter_model_too():
    model = ModelStore(torch.device("cpu"), torch.float32).get(STARTER_FOLDER, print, lambda: False)
    pipeline = plain_pipeline(STARTER_FOLDER)
    with torch.no_grad():
        for prompt in ("mossy grey cobblestone", "", "red brick wall, worn"):
            theirs = pipeline.encode_prompt(prompt, torch.device("cpu"), 1, False)[0]
            assert_near(model.text.read(prompt, 1).hidden, theirs, NETWORK)


def test_a_weight_of_one_changes_nothing_and_others_move_that_word_alone(read):
    assert torch.equal(read("red (stone:1.0)"), read("red stone"))
    before, empty = read("red stone wet"), read("")
    for weight in (0.0, 0.5, 1.2, 2.0):
        after = read(f"red (stone:{weight}) wet")
        word = slice(4, 9)  # after the mark and the three letters of red
        expected = empty[word] + weight * (before[word] - empty[word])
        assert_near(after[word], expected, ROUNDING)
        same = [*range(4), *range(9, TOKENS)]
        assert torch.equal(after[same], before[same])


def test_less_of_everything_is_nearer_to_the_empty_prompt(read, plain):
    distances = [(read(f"(stone:{w})") - plain("")).norm() for w in (0, 0.5, 1, 1.5)]
    assert distances == sorted(distances) and distances[0] < distances[1]


def test_a_long_prompt_is_read_in_chunks_end_to_end(read, plain):
    parts = ["abcdefghijk abcdefghijk"] * 2 + ["abcdefghijk"]
    expected = torch.cat([plain(part) for part in parts])
    assert_near(read(LONG, 3), expected, NETWORK)
    assert_near(read(LONG, 4), torch.cat([expected, plain("")]), NETWORK)


def test_weights_reach_into_later_chunks(read, plain):
    weighted = read(f"abcdefghijk abcdefghijk ({'b' * 5}:1.5)", 2)
    word = slice(TOKENS + 1, TOKENS + 6)
    expected = torch.lerp(plain(""), plain("bbbbb"), 1.5)[1:6]
    assert_near(weighted[word], expected, NETWORK)


def test_words_are_kept_whole(read, plain):
    """17 letters leave room for 5; a word of 8 goes to the next chunk, one of 30 cannot be whole."""
    whole = torch.cat([plain("a" * 17), plain("b" * 8)])
    assert_near(read(f"{'a' * 17} {'b' * 8}", 2), whole, NETWORK)
    assert read("b" * 30, 2).shape[0] == 2 * TOKENS


@pytest.mark.parametrize(
    "prompt, expected",
    [
        ("", (0, 1, "")),
        ("stone", (5, 1, "")),
        ("(stone:1.3) [wet]", (8, 1, "")),
        ("a" * SIZE, (SIZE, 1, "")),
        ("a" * (SIZE + 1), (SIZE + 1, 2, "")),
        (" ".join(["a" * SIZE] * MAX_CHUNKS), (SIZE * MAX_CHUNKS, MAX_CHUNKS, "")),
        (" ".join(["a" * SIZE] * MAX_CHUNKS) + ", Größe (of:1.2) it", (SIZE * 8 + 12, 8, ", Größe of it")),
        ("x" * (SIZE * MAX_CHUNKS) + "Yz w", (SIZE * MAX_CHUNKS + 3, MAX_CHUNKS, "Yz w")),
    ],
)
def test_tokens_are_counted_and_what_is_cut_is_told(model, prompt, expected):
    assert count_tokens(model.tokenizer, prompt) == expected


def test_guidance_says_which_texts_count(model):
    words = Prompts("stone", LONG)
    assert [chunks_needed(model.text, words, scale) for scale in (0, 1, 7.5)] == [3, 1, 3]


@pytest.mark.parametrize("prompt, negative", [(LONG, "wet"), ("wet", LONG)])
def test_both_prompts_get_as_many_chunks(model, read, plain, prompt, negative):
    with torch.no_grad():
        told = condition(model.text, [Prompts(prompt, negative)], 7.5)
    assert told.scale == 7.5
    positive, negatively = told.positive.hidden[0], told.negative.hidden[0]
    assert torch.equal(positive, read(prompt, 3)) and torch.equal(negatively, read(negative, 3))
    short = negatively if prompt == LONG else positive
    assert_near(short, torch.cat([plain("wet"), plain(""), plain("")]), NETWORK)


def test_the_end_of_a_long_prompt_and_a_weight_change_the_picture(tiny, run):
    def pixels(prompt):
        result = run(asked(tiny, prompt)).result.images[0]
        assert not result.warnings
        return result.pixels

    first = pixels(f"{LONG} red")
    assert np.array_equal(first, pixels(f"{LONG} red"))
    assert not np.array_equal(first, pixels(f"{LONG} wet"))
    assert not np.array_equal(pixels("red stone"), pixels("(red:1.8) stone"))


def test_an_inpaint_model_reads_long_prompts_too(tiny_inpaint, run):
    assert not np.array_equal(
        run(asked(tiny_inpaint, f"{LONG} red")).pixels, run(asked(tiny_inpaint, f"{LONG} wet")).pixels
    )


@pytest.mark.parametrize("chunks", [1, 3, MAX_CHUNKS])
def test_a_u_net_that_pools_the_text_takes_long_ones(chunks):
    """As the starter model's does, which is told the pooled text beside the time step."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(32,),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",),
        cross_attention_dim=32,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )
    texts = torch.randn(2, chunks * TOKENS, 32)
    with torch.no_grad():
        one, other = unet(torch.ones(2, 4, 8, 8), 5, encoder_hidden_states=texts).sample
    assert torch.isfinite(one).all() and not is_near(one, other, ROUNDING)


def test_the_starter_model_draws_a_long_prompt(run):
    long = "mossy grey cobblestone, " * 20
    sampling = Sampling(width=64, height=64, steps=2, guidance_scale=3.0)
    images = [
        run(TextToImage(prompt=f"{long} {end}", sampling=sampling)).result.images[0]
        for end in ("red brick wall", "blue water")
    ]
    assert not images[0].warnings and not np.array_equal(images[0].pixels, images[1].pixels)


def test_each_picture_has_its_own_words_and_says_them(tiny, run):
    request = asked(tiny, "{red|blue|green} stone", "{wet|dry}", count=4, seed=1)
    images = run(request).result.images
    assert len({image.prompt for image in images}) > 1
    for image in images:
        assert image.prompt in {"red stone", "blue stone", "green stone"}
        assert image.negative_prompt in {"wet", "dry"}
        sampling = replace(request.sampling, count=1, seed=image.seed)
        alone = run(replace(request, sampling=sampling)).result.images[0]
        typed = run(asked(tiny, image.prompt, image.negative_prompt, seed=image.seed)).result.images[0]
        assert alone.prompt == typed.prompt == image.prompt
        assert np.array_equal(alone.pixels, image.pixels) and np.array_equal(typed.pixels, image.pixels)


def test_pictures_made_together_do_not_see_each_others_padding(tiny, run, monkeypatch):
    """As on a GPU: only texts of one length share a call."""
    monkeypatch.setattr(denoiser, "images_per_call", lambda *_: 4)
    request = asked(tiny, f"{{red|blue|{LONG}}} stone", count=8)
    images = run(request).result.images
    monkeypatch.undo()
    assert len({len(image.prompt) for image in images}) > 1
    for image in images:
        alone = run(asked(tiny, image.prompt, seed=image.seed)).pixels
        assert_near(image.pixels, alone, BYTES)


def test_batches_are_cut_where_the_length_changes(tiny, model, monkeypatch):
    monkeypatch.setattr(denoiser, "images_per_call", lambda *_: 2)
    texts = ["a", "b", "c", LONG, LONG, "d"]
    prompts = [Prompts(text, "") for text in texts]
    work = type("Work", (), {"size": Size(32, 32), "strength": 1.0})
    made = generation.Generation(asked(tiny, "x", count=6), prompts, model, work)
    assert made.batches() == [range(0, 2), range(2, 3), range(3, 5), range(5, 6)]


def test_an_unknown_wildcard_is_refused_before_a_model_is_looked_for(run):
    with pytest.raises(InvalidRequest, match="__stone__"):
        run(asked("no such model", "a __stone__ wall"))


def test_wildcards_are_read_from_the_folder_of_the_request(tiny, run, tmp_path):
    (tmp_path / "stone.txt").write_text("slate\n")
    made = run(replace(asked(tiny, "__stone__"), wildcards=str(tmp_path)))
    assert made.result.images[0].prompt == "slate" and made.result.request.prompt == "__stone__"


@pytest.fixture
def readings(engine, tiny):
    """How often the text encoder was asked, and with how many chunks, since it was emptied."""
    network = engine._models.get(tiny, print, lambda: False).text.encoders[0].network
    calls: list[int] = []
    handle = network.register_forward_pre_hook(lambda module, inputs: calls.append(len(inputs[0])))
    yield calls
    handle.remove()


def test_a_text_is_read_once_for_all_pictures_and_not_again_in_the_next_job(tiny, run, readings):
    task = asked(tiny, "moss xyz", "rust xyz", count=4)
    first = run(task)
    assert len(readings) == 2, "the prompt and the negative prompt"
    again = run(task)
    assert len(readings) == 2
    for ours, theirs in zip(again.result.images, first.result.images, strict=True):
        assert np.array_equal(ours.pixels, theirs.pixels)
    run(asked(tiny, "moss xyz", "wet xyz"))
    assert len(readings) == 3


def test_texts_are_read_anew_where_a_lora_changes_the_encoder(tiny, run, tmp_path, engine):
    network = engine._models.get(tiny, print, lambda: False).text.encoders[0].network
    path = save_kohya(tmp_path / "words.safetensors", {}, random_changes(network, ("q_proj", "v_proj")))
    plain = run(asked(tiny, "wet stone")).pixels
    task = asked(tiny, "wet stone")
    changed = run(replace(task, loras=(Lora(path=str(path), weight=1.0),))).pixels
    assert not np.array_equal(changed, plain)
    assert np.array_equal(run(task).pixels, plain)
