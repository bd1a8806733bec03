# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts that change on the way, BREAK, and LoRAs that a prompt calls: what the U-Net is told at each evaluation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from sd_blender.core.diffusion.prompt_guidance import condition
from sd_blender.core.request import ImageToImage, Inpaint, Lora, Sampling, TextToImage
from sd_blender.core.serialization import provenance
from sd_blender.core.wildcards import Prompts
from sd_blender.engine.libraries import quiet
from sd_blender.engine.models import ModelStore
from sd_blender.engine.prompt_encoding import count_tokens

from .conftest import box_mask, painting
from .lora_files import LINEAR, random_changes, save_kohya

SIZE, STEPS, SCALE = 64, 4, 5.0


def sampling(**changes):
    values = {
        "width": SIZE,
        "height": SIZE,
        "steps": STEPS,
        "guidance_scale": SCALE,
        "scheduler": "DDIM",
        "seed": 3,
    }
    return Sampling(**values | changes)


def asked(folder, prompt, kind=TextToImage, negative="rust", **changes):
    others = {"image": painting(SIZE, SIZE)} if kind is not TextToImage else {}
    if kind is Inpaint:
        others |= {"mask": box_mask(SIZE, SIZE, 13, 9, 41, 50), "crop_to_mask": False, "feather": 0}
    given = sampling(**{k: changes.pop(k) for k in list(changes) if k in Sampling.__dataclass_fields__})
    return kind(
        prompt=prompt, negative_prompt=negative, model=str(folder), sampling=given, **others, **changes
    )


@pytest.fixture
def told(monkeypatch):
    """What the U-Net is told of the text, evaluation after evaluation."""
    seen: list[Tensor] = []
    original = UNet2DConditionModel.forward

    def forward(self, sample, timestep, encoder_hidden_states, *arguments, **named):
        pooled = (named.get("added_cond_kwargs") or {}).get("text_embeds")
        seen.append(
            encoder_hidden_states
            if pooled is None
            else torch.cat([encoder_hidden_states.flatten(1), pooled], 1)
        )
        return original(self, sample, timestep, encoder_hidden_states, *arguments, **named)

    monkeypatch.setattr(UNet2DConditionModel, "forward", forward)
    return seen


def alone(run, told, request):
    """What the U-Net is told by a prompt that does not change."""
    told.clear()
    run(request)
    first = told[0].clone()
    assert all(torch.equal(first, later) for later in told)
    return first


@pytest.mark.parametrize("model", ["tiny", "tiny_inpaint", "tiny_8", "tiny_xl"])
@pytest.mark.parametrize("kind", [TextToImage, ImageToImage, Inpaint])
def test_the_words_change_at_the_step(request, run, told, model, kind):
    folder = request.getfixturevalue(model)
    forest, desert = (alone(run, told, asked(folder, word, kind)) for word in ("a forest", "a desert"))
    told.clear()
    run(asked(folder, "a [forest:desert:0.5]", kind))
    half = len(told) // 2
    assert half and not torch.equal(forest, desert)
    # The same texts, each encoded for itself as before; only which one is told is new.
    torch.testing.assert_close(
        torch.stack(told), torch.stack([forest] * half + [desert] * (len(told) - half))
    )


def test_a_second_order_scheduler_counts_steps(run, told, tiny):
    forest, desert = (alone(run, told, asked(tiny, word, scheduler="Heun")) for word in ("forest", "desert"))
    told.clear()
    run(asked(tiny, "[forest:desert:1]", scheduler="Heun"))
    torch.testing.assert_close(torch.stack(told), torch.stack([forest] * 2 + [desert] * (2 * STEPS - 3)))


def test_words_that_alternate(run, told, tiny):
    forest, desert = (alone(run, told, asked(tiny, word)) for word in ("forest", "desert"))
    told.clear()
    run(asked(tiny, "[forest|desert]"))
    torch.testing.assert_close(torch.stack(told), torch.stack([forest, desert] * 2))


def test_a_longer_stage_gives_all_of_them_as_many_chunks(run, told, tiny):
    long = " ".join(["stone"] * 80)
    run(asked(tiny, f"[forest:{long}:0.5]"))
    alike = {tensor.shape for tensor in told}
    told.clear()
    run(asked(tiny, "forest"))
    assert len(alike) == 1 and alike.pop()[1] > told[0].shape[1]


@pytest.mark.parametrize("scale", [0.0, 1.0, 5.0])
@pytest.mark.parametrize(
    ("prompt", "plain"), [("[forest:forest:0.5]", "forest"), ("[a:b:0]", "b"), ("[a:b:99]", "a")]
)
def test_words_that_never_change_make_the_picture_of_a_plain_prompt(run, tiny, prompt, plain, scale):
    pictures = [run(asked(tiny, words, guidance_scale=scale)).pixels for words in (prompt, plain)]
    np.testing.assert_array_equal(*pictures)


def test_each_picture_of_a_batch_has_its_own_words(run, told, tiny):
    together = run(asked(tiny, "[{forest|desert}:wood:0.5]", count=3)).result.images
    for index, image in enumerate(together):
        single = run(asked(tiny, "[{forest|desert}:wood:0.5]", seed=3 + index)).result.images[0]
        assert image.prompt == single.prompt
        assert np.abs(image.pixels.astype(int) - single.pixels.astype(int)).max() <= 1
    assert {image.prompt for image in together} <= {"[forest:wood:0.5]", "[desert:wood:0.5]"}


@pytest.fixture(scope="module")
def model(tiny):
    with quiet():
        return ModelStore(torch.device("cpu"), torch.float32).get(tiny, print, lambda: False)


def hidden(model, prompt):
    with torch.no_grad():
        return condition(model.text, [Prompts(prompt, "")], 1.0).text.hidden


def test_break_begins_another_chunk(model):
    red, blue = hidden(model, "red stone"), hidden(model, "(blue:1.2) wood")
    both = hidden(model, "red stone BREAK (blue:1.2) wood")
    torch.testing.assert_close(both, torch.cat([red, blue], 1))
    empty = hidden(model, "")
    torch.testing.assert_close(hidden(model, "BREAK red stone"), torch.cat([empty, red], 1))
    torch.testing.assert_close(hidden(model, "red stone BREAK"), red)


@pytest.mark.parametrize(
    "prompt", ["BREAK", "a BREAK " * 12, "BREAK " * 20, "BREAK " * 20 + "moss", "a" + " BREAK" * 3]
)
def test_break_and_the_end_of_what_is_read(model, prompt):
    count = count_tokens(model.tokenizer, prompt)
    assert (
        1 <= count.chunks <= 8
        and hidden(model, prompt).shape[1] == model.tokenizer.model_max_length * count.chunks
    )
    assert ("moss" in count.cut) == prompt.endswith("moss")


@pytest.fixture(scope="module")
def lora(tiny, tmp_path_factory):
    with quiet():
        unet = UNet2DConditionModel.from_pretrained(tiny / "unet")
    return save_kohya(tmp_path_factory.mktemp("loras") / "Moss v1.safetensors", random_changes(unet, LINEAR))


def test_a_lora_that_is_called_is_one_of_the_list(run, tiny, lora):
    path = Path(lora)
    folders = (str(path.parent),)
    plain = run(asked(tiny, "wet moss")).pixels
    listed = run(asked(tiny, "wet moss", loras=(Lora(path=str(path), weight=0.5),))).pixels
    called = run(asked(tiny, "wet moss<lora:moss v1:0.5>", lora_folders=folders))
    np.testing.assert_array_equal(called.pixels, listed)
    assert (called.pixels != plain).any()
    np.testing.assert_array_equal(run(asked(tiny, "wet moss")).pixels, plain)
    story = json.loads(provenance(called.result.request, called.result.images[0]))
    assert story["prompt"] == "wet moss<lora:moss v1:0.5>" and "prompt" not in story["result"]


def test_what_was_typed_and_what_was_drawn_are_told(run, tiny, lora):
    folders = (str(Path(lora).parent),)
    made = run(asked(tiny, "{wet|wet} <lora:moss v1:0.5>", lora_folders=folders))
    story = json.loads(provenance(made.result.request, made.result.images[0]))
    assert story["prompt"] == "{wet|wet} <lora:moss v1:0.5>"
    assert story["result"]["prompt"] == "wet <lora:moss v1:0.5>"


def test_what_is_read_as_words_is_told(run, tiny):
    assert "AND is a word here" in " ".join(run(asked(tiny, "moss AND stone")).result.images[0].warnings)
    assert not run(asked(tiny, "moss and stone")).result.images[0].warnings
