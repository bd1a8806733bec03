# SPDX-License-Identifier: GPL-3.0-or-later
"""The layer of the text encoder that is read: as diffusers reads it, in each family, and refused before slow work."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from sd_blender.core.choices import MAX_CLIP_SKIP
from sd_blender.core.errors import InvalidRequest
from sd_blender.core.request import Sampling, TextToImage
from sd_blender.core.validation import validate
from sd_blender.engine.libraries import quiet
from sd_blender.engine.models import ModelStore
from tests.closeness import NETWORK, assert_near, is_near

from .tiny_model import STABLE_DIFFUSION_2, save_tiny_model

pytestmark = pytest.mark.parity

LAYERS = 4


def deepen(folder):
    """Give each text encoder of a model so many layers that differ from each other."""
    for name, kind in (("text_encoder", CLIPTextModel), ("text_encoder_2", CLIPTextModelWithProjection)):
        if (folder / name).is_dir():
            config = json.loads((folder / name / "config.json").read_text(encoding="utf-8"))
            torch.manual_seed(7)
            network = kind(CLIPTextConfig(**config | {"num_hidden_layers": LAYERS}))
            network.save_pretrained(folder / name)
    return folder


@pytest.fixture(scope="module")
def sd1(tiny, tmp_path_factory):
    return deepen(shutil.copytree(tiny, tmp_path_factory.mktemp("models") / "sd1"))


@pytest.fixture(scope="module")
def sd2(tmp_path_factory):
    return deepen(save_tiny_model(tmp_path_factory.mktemp("models") / "sd2", **STABLE_DIFFUSION_2))


@pytest.fixture(scope="module")
def xl(tiny_xl, tmp_path_factory):
    return deepen(shutil.copytree(tiny_xl, tmp_path_factory.mktemp("models") / "xl"))


@pytest.fixture
def model(request):
    """The folder of a model, by its fixture."""
    return request.getfixturevalue(request.param)


def loaded(folder):
    return ModelStore(torch.device("cpu"), torch.float32).get(folder, lambda *told: None, lambda: False)


def asked(folder, layer, **sampling):
    usual = {"width": 32, "height": 32, "steps": 2, "scheduler": "DDIM", "guidance_scale": 3.0, "seed": 4}
    return TextToImage(
        prompt="red stone",
        negative_prompt="rust",
        model=str(folder),
        sampling=Sampling(clip_skip=layer, **usual | sampling),
    )


def pipeline_of(folder):
    kind = StableDiffusionXLPipeline if folder.name == "xl" else StableDiffusionPipeline
    with quiet():
        pipeline = kind.from_pretrained(folder, **({} if folder.name == "xl" else {"safety_checker": None}))
    encoder = pipeline.text_encoder
    if not hasattr(encoder, "text_model"):
        # Where diffusers looks for the norm; newer versions of transformers have it in the network itself.
        vars(encoder)["text_model"] = encoder
    return pipeline


@torch.no_grad()
def plain(folder, clip_skip, prompt="red stone"):
    """What diffusers makes of a prompt, and of XL the pooled text."""
    pipeline = pipeline_of(folder)
    call = {"device": "cpu", "num_images_per_prompt": 1, "do_classifier_free_guidance": False}
    states, _, *pooled = pipeline.encode_prompt(prompt, **call, clip_skip=clip_skip)
    return states[0], pooled[0][0] if pooled else None


@torch.no_grad()
def read(folder, layer):
    text = loaded(folder).text.at_layer(layer).read("red stone", 1)
    return text.hidden[0], text.pooled[0] if hasattr(text, "pooled") else None


@pytest.mark.parametrize("model", ["sd1", "sd2"], indirect=True)
@pytest.mark.parametrize("layer", range(LAYERS + 1))
def test_a_layer_is_the_one_of_diffusers(model, layer):
    assert_near(read(model, layer)[0], plain(model, layer - 1 if layer else None)[0], NETWORK)


@pytest.mark.parametrize("layer", [0, 2, 3, 4])
def test_of_both_encoders_of_xl_too(xl, layer):
    """The pooled text is always of the last layer."""
    for ours, theirs in zip(read(xl, layer), plain(xl, layer - 2 if layer else None), strict=True):
        assert_near(ours, theirs, NETWORK)


@torch.no_grad()
def test_the_last_layer_of_xl_which_diffusers_cannot_be_asked_for(xl):
    pipeline = pipeline_of(xl)
    expected = []
    for tokenizer, encoder in (
        (pipeline.tokenizer, pipeline.text_encoder),
        (pipeline.tokenizer_2, pipeline.text_encoder_2),
    ):
        ids = tokenizer("red stone", padding="max_length", return_tensors="pt").input_ids
        expected.append(encoder(ids, output_hidden_states=True).hidden_states[-1][0])
    assert_near(read(xl, 1)[0], torch.cat(expected, dim=-1), NETWORK)


@pytest.mark.parametrize("model", ["sd1", "sd2", "xl"], indirect=True)
def test_each_layer_says_something_else(model):
    hidden = [read(model, layer)[0] for layer in range(1, LAYERS + 1)]
    assert not any(is_near(a, b, NETWORK) for a, b in pairwise(hidden))


@pytest.mark.parametrize("model", ["sd1", "xl"], indirect=True)
def test_the_picture_is_that_of_diffusers(run, model):
    pipeline, layer = pipeline_of(model), 3
    is_xl = model.name == "xl"
    names = ("prompt_embeds", "pooled_prompt_embeds") if is_xl else ("prompt_embeds",)
    texts = {
        prefix + name: value[None]
        for prefix, text in (("", "red stone"), ("negative_", "rust"))
        # By hand: diffusers reads the usual layer of what is guided away from; other programs that of the prompt.
        for name, value in zip(names, plain(model, layer - (2 if is_xl else 1), text), strict=False)
    }
    made = pipeline(
        **texts,
        generator=torch.Generator().manual_seed(4),
        width=32,
        height=32,
        num_inference_steps=2,
        guidance_scale=3.0,
        output_type="np",
    ).images[0]
    ours = run(asked(model, layer)).result.images[0].pixels
    assert np.abs(ours.astype(int) - np.rint(made * 255)).max() <= 1
    usual = run(asked(model, 0)).result.images[0].pixels
    assert np.abs(usual.astype(int) - ours).max() > 1


@pytest.mark.parametrize("model", ["sd1", "xl"], indirect=True)
def test_more_layers_than_there_are_are_refused_before_anything_is_loaded(run, model, monkeypatch):
    monkeypatch.setattr(ModelStore, "get", None)
    with pytest.raises(InvalidRequest) as caught:
        run(asked(model, LAYERS + 1))
    assert caught.value.field == "clip_skip"
    assert str(caught.value) == (
        f"Clip Skip is {LAYERS + 1} and a text encoder of this model has {LAYERS} layers; set it to {LAYERS} at "
        "most, or to 0 for the usual one."
    )


def test_the_encoder_with_the_fewest_layers_decides(xl, run, tmp_path):
    folder = shutil.copytree(xl, tmp_path / "xl")
    config = json.loads((folder / "text_encoder" / "config.json").read_text(encoding="utf-8"))
    config["num_hidden_layers"] = 2
    CLIPTextModel(CLIPTextConfig(**config)).save_pretrained(folder / "text_encoder")
    with pytest.raises(InvalidRequest, match="has 2 layers"):
        run(asked(folder, 3))


def test_a_request_takes_what_the_panel_offers(sd1):
    validate(asked(sd1, MAX_CLIP_SKIP))
    with pytest.raises(InvalidRequest):
        validate(replace(asked(sd1, 0), sampling=Sampling(clip_skip=MAX_CLIP_SKIP + 1)))
