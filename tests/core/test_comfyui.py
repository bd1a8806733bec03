# SPDX-License-Identifier: GPL-3.0-or-later
"""Graphs of ComfyUI: what a node computes is not taken for what it was given, and what it does beside is named."""

from __future__ import annotations

import json

import pytest

from sd_blender.core import foreign
from sd_blender.core.lora_tags import Call
from sd_blender.core.recall import from_foreign

SAMPLER = {
    **{"seed": 5, "steps": 20, "cfg": 7, "sampler_name": "euler", "scheduler": "normal", "denoise": 1},
    **{"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]},
}


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


def recalled(nodes, kind="KSampler", **inputs):
    """What a small graph tells with these nodes, and with its sampler as it says."""
    graph = {
        "3": node(kind, **SAMPLER | inputs),
        "4": node("CheckpointLoaderSimple", ckpt_name="dream.safetensors"),
        "5": node("EmptyLatentImage", width=512, height=768, batch_size=1),
        "6": node("CLIPTextEncode", text="moss", clip=["4", 1]),
        "7": node("CLIPTextEncode", text="blurry", clip=["4", 1]),
    }
    return from_foreign(foreign.read({"prompt": json.dumps(graph | nodes)}))


def encoded(**nodes):
    """A prompt that comes from node 20."""
    encode = node("CLIPTextEncode", text=["20", 0], clip=["4", 1])
    return recalled({"6": encode} | {name.strip("_"): made for name, made in nodes.items()})


@pytest.mark.parametrize(
    ("source", "prompt"),
    [
        (node("Text Multiline", text="red wall"), "red wall"),
        (node("CR Prompt Text", prompt="red wall"), "red wall"),
        (
            node("Wild", wildcard_text="{red|blue} wall", populated_text="red wall", mode="populate"),
            "red wall",
        ),
        (node("Reroute", **{"": ["21", 0]}), "stone"),
        (node("ShowText|pysssss", text=["21", 0], text_0="stone"), "stone"),
        (node("StringReplace", string="red wall", find="red", replace="blue"), None),
        (node("OllamaGenerate", prompt="Write a prompt about a wall", model="llama"), None),
        (node("Captioner", prompt="Describe this", image=["4", 0]), None),
        (node("Text Concatenate", text_a="red", text_b=["21", 0]), None),
    ],
    ids=range(9),
)
def test_a_text_is_taken_from_nodes_that_hold_it(source, prompt):
    read = encoded(_20=source, _21=node("PrimitiveString", value="stone"))
    assert read.values.get("prompt") == prompt
    assert ("prompt" in read.lost) == (prompt is None)


def test_the_text_for_the_other_encoder_is_named():
    both = node("CLIPTextEncodeSDXL", text_g="moss", text_l="stone", clip=["4", 1])
    same = node("CLIPTextEncodeSDXL", text_g="moss", text_l="moss", clip=["4", 1])
    assert 'prompt of the first text encoder "stone"' in recalled({"6": both}).lost
    assert recalled({"6": same}).lost == ('model "dream"',)


def test_embeddings_are_called_by_their_word_in_both_prompts():
    text = "embedding:rough.pt, (embedding:old/fine:1.2) moss"
    nodes = {name: node("CLIPTextEncode", text=text, clip=["4", 1]) for name in ("6", "7")}
    read = recalled(nodes)
    assert read.values["prompt"] == read.values["negative_prompt"] == "rough, (fine:1.2) moss"
    assert read.calls == (Call("rough", is_word=True), Call("fine", is_word=True))


@pytest.mark.parametrize(
    ("loader", "calls"),
    [
        (node("LoraLoader", lora_name="None", strength_model=1, strength_clip=1, model=["4", 0]), ()),
        (
            node("Efficient Loader", ckpt_name="dream", lora_name="a.pt", lora_model_strength=0.7),
            (Call("a", 0.7),),
        ),
        (
            node(
                "LoraLoader", lora_name="a", strength_model=["9", 0], strength_clip=["9", 0], model=["4", 0]
            ),
            (Call("a", 0.5),),
        ),
        (node("Own LoRA Loader", lora_name="a", how_much=0.7, model=["4", 0]), (Call("a", None),)),
        (
            node(
                "Power", lora_1={"on": True, "lora": "a", "strength": 0.5, "strengthTwo": 0.1}, model=["4", 0]
            ),
            (Call("a", None),),
        ),
    ],
    ids=range(5),
)
def test_weights_of_loras(loader, calls):
    read = recalled({"10": loader, "9": node("PrimitiveFloat", value=0.5)}, model=["10", 0])
    assert read.calls == calls
    assert read.lost == ('model "dream"',)


def test_the_sampler_of_another_node():
    chosen = node("Sampler Selector", sampler_name="euler_ancestral", scheduler="normal")
    assert recalled({"9": chosen}, sampler_name=["9", 0]).values["scheduler"] == "Euler a"
    assert "sampler" in recalled({"9": node("Chooser", a=1, b=2)}, sampler_name=["9", 0]).lost


@pytest.mark.parametrize(
    ("nodes", "inputs", "lost"),
    [
        ({}, {"denoise": 0.6}, "strength"),
        ({}, {"kind": "KSamplerAdvanced", "start_at_step": 5, "end_at_step": 10000}, "start at step"),
        ({}, {"kind": "KSamplerAdvanced", "start_at_step": 0, "end_at_step": 12}, "end at step"),
        (
            {"9": node("Loader", clip_skip=-2), "10": node("CLIPSetLastLayer", stop_at_clip_layer=-3)},
            {},
            "clip skip",
        ),
        ({"9": node("ImageUpscaleWithModel", image=["8", 0])}, {}, "upscaling"),
    ],
    ids=range(5),
)
def test_what_is_done_beside_is_named(nodes, inputs, lost):
    assert lost in recalled(nodes, **inputs).lost


def test_what_changes_nothing_is_not_named():
    nodes = {"9": node("CLIPSetLastLayer", stop_at_clip_layer=-1, clip=["4", 1])}
    inputs = {"kind": "KSamplerAdvanced", "start_at_step": 0, "end_at_step": 10000}
    assert recalled(nodes, **inputs).lost == ('model "dream"',)


def test_brackets_are_weights_to_a_parser_that_says_so():
    own = node("smZ CLIPTextEncode", text="[moss:stone:0.5]", parser="A1111", clip=["4", 1])
    assert recalled({"6": own}).values["prompt"] == "[moss:stone:0.5]"


@pytest.mark.parametrize(("layer", "ours"), [(-1, 1), (-2, 2), (-11, 11)])
def test_the_layer_of_the_text_encoder(layer, ours):
    read = recalled({"9": node("CLIPSetLastLayer", stop_at_clip_layer=layer, clip=["4", 1])})
    assert (read.values["clip_skip"], read.lost) == (ours, ('model "dream"',))
    read = recalled({"9": node("Efficient Loader", ckpt_name="dream", clip_skip=layer)}, model=["9", 0])
    assert (read.values["clip_skip"], read.lost) == (ours, ('model "dream"',))


@pytest.mark.parametrize(
    ("name", "schedule", "ours"),
    [
        ("dpmpp_sde", "karras", ("DPM++ SDE", "karras")),
        ("dpmpp_sde_gpu", "exponential", ("DPM++ SDE", "exponential")),
        ("dpmpp_2m_sde", "karras", ("DPM++ 2M SDE Karras", "auto")),
        ("euler", "sgm_uniform", ("Euler", "trailing")),
        ("euler", "ddim_uniform", ("Euler", "leading")),
        ("euler", "normal", ("Euler", "linspace")),
        ("euler", "beta", ("Euler", "beta")),
    ],
)
def test_schedules(name, schedule, ours):
    read = recalled({}, sampler_name=name, scheduler=schedule)
    assert (read.values["scheduler"], read.values["spacing"]) == ours
    assert read.lost == ('model "dream"',)
