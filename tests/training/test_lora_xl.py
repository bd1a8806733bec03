# SPDX-License-Identifier: GPL-3.0-or-later
"""Training on Stable Diffusion XL at tiny size: both text encoders, and what is told beside the text."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from sd_blender.core.canvas import Grid
from sd_blender.core.errors import JobCancelled
from sd_blender.core.geometry import Size
from sd_blender.core.messages import Losses
from sd_blender.core.request import Lora, Sampling, TextToImage, Tiling
from sd_blender.core.training_folder import TrainingFolder
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.training.lora.run import train
from sd_blender.training.lora.views import make_views

from .lora_images import save_images, stripes
from .lora_runs import Messages, after, elsewhere, learned, lora_request, run, same, word_request

SAMPLING = Sampling(width=64, height=64, steps=3, guidance_scale=4.0, scheduler="DDIM", seed=3)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    from sd_blender.engine.libraries import quiet
    from tests.engine.tiny_model import save_tiny_xl

    with quiet():
        return save_tiny_xl(tmp_path_factory.mktemp("model") / "tiny-xl")


@pytest.fixture
def lora(tmp_path, tiny):
    one_step = Sampling(width=64, height=64, steps=1, scheduler="DDIM")
    return lora_request(tmp_path, tiny, sample_every=100, sampling=one_step)


@pytest.fixture
def word(lora):
    return word_request(lora)


def losses_of(messages):
    return [loss for message in messages.of(Losses) for _, loss in message.points]


def test_it_learns_the_images(lora):
    messages = Messages()
    run(dataclasses.replace(lora, steps=30, learning_rate=2e-2, caption_dropout=0.0), messages)
    losses = losses_of(messages)
    assert np.mean(losses[-10:]) < 0.85 * np.mean(losses[:10])


@pytest.mark.parametrize("kind, precision", [("lora", "float16"), ("word", "bfloat16")])
def test_with_the_model_in_half_precision(request, kind, precision):
    """As on a graphics card; what is learned is float32 until it is written."""
    wanted = dataclasses.replace(request.getfixturevalue(kind), steps=2)
    messages = Messages()
    result = train("job", wanted, messages, lambda: False, "cpu", precision)
    assert result.steps == 2 and all(np.isfinite(losses_of(messages)))
    saved = learned(wanted)
    assert all(bool(tensor.isfinite().all()) for tensor in saved.values())
    assert all(bool(v.any()) for name, v in saved.items() if "lora_unet" in name and "lora_up" in name)


@pytest.mark.parametrize("kind", ["lora", "word"])
def test_a_pause_and_going_on_end_as_without(request, kind):
    wanted = request.getfixturevalue(kind)
    run(elsewhere(wanted, "unbroken"))
    with pytest.raises(JobCancelled):
        run(wanted, Messages(after(3)))
    assert TrainingFolder.of(wanted).steps_done() == 3
    run(wanted)
    assert same(learned(wanted), learned(elsewhere(wanted, "unbroken")))


def test_what_is_saved_loads_in_plain_diffusers_and_does_there_what_it_does_here(lora, tiny):
    from diffusers import StableDiffusionXLPipeline

    from sd_blender.engine.libraries import quiet

    strong = dataclasses.replace(lora, steps=10, learning_rate=5e-2)
    result = run(strong)
    engine, wanted = (
        DiffusersEngine("cpu", "float32"),
        TextToImage(prompt="zx, red", model=str(tiny), sampling=SAMPLING),
    )

    def ours(*loras):
        made = engine.generate("j", dataclasses.replace(wanted, loras=loras), print, lambda: False)
        return made.images[0].pixels.astype(int)

    def theirs(path):
        with quiet():
            pipeline = StableDiffusionXLPipeline.from_pretrained(tiny, add_watermarker=False)
            pipeline.set_progress_bar_config(disable=True)
            pipeline.load_lora_weights(path.parent, weight_name=path.name)
            assert len(pipeline.get_list_adapters()) == 3, "U-Net and both text encoders"
            made = pipeline(
                "zx, red", width=64, height=64, num_inference_steps=3, guidance_scale=4.0,
                generator=torch.Generator().manual_seed(3), output_type="np",
            ).images  # fmt: skip
        return np.rint(made[0] * 255)

    picture = ours(Lora(path=result.path))
    assert np.abs(picture - ours()).mean() > 3
    for path in (Path(result.path), TrainingFolder.of(strong).diffusers_output):
        assert np.abs(picture - theirs(path)).mean() < 0.2, path


def test_the_names_are_those_that_tools_have_for_both_text_encoders(lora):
    run(dataclasses.replace(lora, steps=2))
    keys = set(load_file(lora.output))
    for start in ("lora_te1_text_model_", "lora_te2_text_model_"):
        name = f"{start}encoder_layers_0_self_attn_q_proj"
        assert {f"{name}.{part}" for part in ("lora_down.weight", "lora_up.weight", "alpha")} <= keys
    assert "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight" in keys
    named = {key.split(".")[0] for key in load_file(TrainingFolder.of(lora).diffusers_output)}
    assert named == {"unet", "text_encoder", "text_encoder_2"}


def test_a_word_is_learned_for_both_encoders_and_speaks_in_the_engine_by_its_name(word, tiny):
    result = run(dataclasses.replace(word, steps=12, learning_rate=0.5))
    assert {k: tuple(v.shape) for k, v in learned(word).items()} == {"clip_l": (3, 32), "clip_g": (3, 48)}
    with safe_open(result.path, framework="pt") as file:
        assert file.metadata()["sd_blender_word"] == "zyx"
    wanted = TextToImage(prompt="zyx", model=str(tiny), sampling=SAMPLING)
    engine = DiffusersEngine("cpu", "float32")
    plain, speaking = (
        engine.generate("j", dataclasses.replace(wanted, embeddings=e), print, lambda: False).images[0].pixels
        for e in ((), (result.path,))
    )
    assert np.abs(plain.astype(int) - speaking).mean() > 1


# What the U-Net is told beside the text ---------------------------------------------------------------------


def added(lora, monkeypatch, **changes):
    """The conditions of every picture that is trained on: pooled text and sizes."""
    from diffusers import UNet2DConditionModel

    seen, forward = [], UNet2DConditionModel.forward

    def look(self, *inputs, **named):
        if torch.is_grad_enabled() and inputs[0].device.type == "cpu":
            told = named["added_cond_kwargs"]
            seen.extend(zip(told["text_embeds"].detach(), told["time_ids"].tolist(), strict=True))
        return forward(self, *inputs, **named)

    monkeypatch.setattr(UNet2DConditionModel, "forward", look)
    run(dataclasses.replace(lora, text_encoder=False, **changes))
    return seen


def test_sizes_and_crops_are_those_of_each_view(lora, monkeypatch, tmp_path):
    wide = str(save_images(tmp_path / "wide", width=160, height=80))
    told = added(lora, monkeypatch, images=wide, steps=8)
    assert len(told) == 16
    for _, (height, width, top, left, *target) in told:
        assert (height, width, target) == (80, 160, [64, 64])
        assert 0 <= top <= 0.25 * 64 and 0 <= left <= 1.25 * 128 - 64
    assert len({sizes[3] for _, sizes in told} - {0}) > 1


def test_what_repeats_is_shown_whole(lora, monkeypatch):
    told = added(lora, monkeypatch, tiling=Tiling.BOTH, steps=1)
    assert {tuple(sizes) for _, sizes in told} == {(64, 64, 0, 0, 64, 64)}


def test_a_caption_left_out_is_what_guidance_subtracts(lora, monkeypatch):
    assert not any(text.any() for text, _ in added(lora, monkeypatch, steps=1, caption_dropout=1.0))


def test_a_mirrored_view_has_the_crop_of_the_mirror_image(lora):
    pixels = stripes(0, 200, 100)
    views = make_views(pixels, lora, Grid(8, 16), 1, np.random.default_rng(1))
    flipped = make_views(
        pixels[:, ::-1], dataclasses.replace(lora, flip=True), Grid(8, 16), 2, np.random.default_rng(1)
    )
    again = make_views(pixels[:, ::-1], lora, Grid(8, 16), 2, np.random.default_rng(1))
    assert views[0].framing.original == Size(200, 100) and again[0].framing == flipped[0].framing
    one, other = again[1].framing, flipped[1].framing
    assert np.array_equal(again[1].pixels, flipped[1].pixels[:, ::-1]) and one.top == other.top
    # Both parts and what lies beside them make up the scaled width, which is some 1 to 1.25 times 2 x 64.
    assert 128 <= one.left + 64 + other.left <= 160
