# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings text of other programs: what is understood, what is named as lost, and what no text may do."""

from __future__ import annotations

import time

import pytest

from sd_blender.core.errors import InvalidRequest
from sd_blender.core.infotext import MAX_TEXT, parse, scheduler
from sd_blender.core.request import SCHEDULERS

USUAL = """mossy cobblestone, (detailed:1.2),
seamless texture
Negative prompt: blurry, text,
watermark
Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 1234567, Size: 512x768, \
Model hash: 6ce0161689, Model: deliberate_v2, Clip skip: 2, Lora hashes: "a: 1, b: 2", Version: v1.9.4"""


def test_a_usual_text():
    header, lost = parse(USUAL)
    assert header == {
        "version": 1,
        "task": "text_to_image",
        "prompt": "mossy cobblestone, (detailed:1.2), seamless texture",
        "negative_prompt": "blurry, text, watermark",
        "sampling": {
            "steps": 25,
            "guidance_scale": 6.5,
            "seed": 1234567,
            "width": 512,
            "height": 768,
            "scheduler": "DPM++ 2M Karras",
        },
    }
    assert lost == ['model "deliberate_v2"', "clip skip"]


def of(settings):
    return parse(f"moss\nSteps: 20, {settings}")


def test_the_task_is_told_by_what_only_it_has():
    header, lost = of("Denoising strength: 0.45")
    assert (header["task"], header["strength"], lost) == ("image_to_image", 0.45, [])
    assert of("Denoising strength: 0.7, Mask blur: 4")[0]["task"] == "inpaint"
    header, lost = of("Denoising strength: 0.5, Hires upscale: 2, Hires upscaler: Latent")
    assert header["task"] == "text_to_image" and "strength" not in header
    assert lost == ["denoising strength", "hires upscale", "hires upscaler"]


def test_tiling_and_what_is_the_same_everywhere():
    header, lost = of("Tiling: True, Clip skip: 1")
    assert (header["tiling"], lost) == ("both", [])
    assert "tiling" not in of("Tiling: False")[0]


def test_quotes_may_hold_commas_colons_and_quotes():
    header, lost = of('Dynamic prompt: "a, b: c \\"d\\", Seed: 9", Seed: 4')
    assert header["sampling"]["seed"] == 4
    assert lost == ["dynamic prompt"]


def test_what_is_no_pair_is_passed_over():
    assert of("nonsense, : 3, =, Seed: 4, ")[0]["sampling"] == {"steps": 20, "seed": 4}


def test_a_prompt_that_talks_of_settings():
    header, _ = parse(
        "Steps: to heaven, Seed: corn\nNegative prompt: Steps: none\nSteps: 3, Seed: 5, Size: 64x64"
    )
    assert header["prompt"] == "Steps: to heaven, Seed: corn"
    assert header["negative_prompt"] == "Steps: none"
    assert header["sampling"] == {"steps": 3, "seed": 5, "width": 64, "height": 64}


def test_only_a_prompt():
    header, lost = parse("just moss,\r\nand stone")
    assert (header["prompt"], header["sampling"], lost) == ("just moss, and stone", {}, [])
    assert "negative_prompt" not in header


@pytest.mark.parametrize(
    "text",
    [
        "red moss\nNegative prompt: rain\nSteps: 2, Seed: 1\nTemplate: {red|green} moss\nNegative Template: __bad__",
        'red moss\nNegative prompt: rain\nSteps: 2, Seed: 1, Wildcard prompt: "{red|green} moss", '
        "Wildcard negative prompt: __bad__",
    ],
)
def test_the_prompt_before_its_wildcards_were_drawn(text):
    header, lost = parse(text)
    assert (header["prompt"], header["negative_prompt"]) == ("{red|green} moss", "__bad__")
    assert lost == []


@pytest.mark.parametrize("name", SCHEDULERS)
def test_our_own_names(name):
    assert scheduler(name) == scheduler(name.upper()) == (name, [])


@pytest.mark.parametrize(
    ("sampler", "schedule", "ours", "lost"),
    [
        ("DPM++ 2M", "Karras", "DPM++ 2M Karras", []),
        ("DPM++ 2M", "Automatic", "DPM++ 2M Karras", []),
        ("DPM++ 2M", "Uniform", "DPM++ 2M", []),
        ("DPM++ 2M Karras", "", "DPM++ 2M Karras", []),
        ("Euler a", "Automatic", "Euler a", []),
        ("euler A Karras", "", "Euler a", ['schedule type "karras"']),
        ("DPM++ SDE", "SGM Uniform", "DPM++ SDE", ['schedule type "sgm uniform"']),
        ("PLMS", "", "PNDM", []),
        ("DPM++ 3M SDE", "Exponential", "", ['sampler "DPM++ 3M SDE"']),
        ("", "Karras", "", ['sampler ""']),
    ],
)
def test_samplers_of_others(sampler, schedule, ours, lost):
    assert scheduler(sampler, schedule) == (ours, lost)


def test_odd_numbers_stay_for_the_validation_to_refuse():
    header, _ = parse(
        "moss\nSteps: many, CFG scale: nan, Seed: 1e999, Size: 512, Sampler: Euler, Denoising strength: ½"
    )
    sampling = header["sampling"]
    assert (sampling["steps"], sampling["seed"], sampling["height"]) == ("many", float("inf"), "")
    assert sampling["guidance_scale"] != sampling["guidance_scale"]
    assert header["strength"] == "½"
    assert parse(f"moss\nSteps: {'9' * 9000}")[0]["sampling"]["steps"] == float("inf")


def test_null_and_control_characters_are_spaces():
    assert parse("mo\0ss\x1b[0m\nSteps: 1\0, Seed: 2")[0]["prompt"] == "mo ss [0m"


@pytest.mark.fault("F54")
def test_ten_megabytes_are_refused():
    with pytest.raises(InvalidRequest, match="too long to be settings; choose another picture"):
        parse("x" * 10_000_000)


@pytest.mark.fault("F54")
@pytest.mark.parametrize(
    "unit",
    ["a:", 'a:"', "a:,", ",", '"', "\\", 'a:"\\"', "\n", "Steps:\n", "Negative prompt:\n", "Template:\n"],
)
def test_no_text_takes_long(unit):
    text = (unit * MAX_TEXT)[: MAX_TEXT - 100]
    began = time.monotonic()
    parse(text)
    parse("Steps: 1, " + text.replace("\n", ""))
    assert time.monotonic() - began < 2
