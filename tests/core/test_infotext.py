# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings text of other programs: what is understood, what is named as lost, and what no text may do."""

from __future__ import annotations

import time

import pytest

from sd_blender.core.errors import InvalidRequest
from sd_blender.core.foreign.infotext import MAX_TEXT
from sd_blender.core.foreign.infotext import parse as told
from sd_blender.core.foreign.samplers import scheduler
from sd_blender.core.lora_tags import Call
from sd_blender.core.request import SCHEDULERS
from sd_blender.core.serialization import FORMAT_VERSION

USUAL = """mossy cobblestone, (detailed:1.2),
seamless texture
Negative prompt: blurry, text,
watermark
Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 1234567, Size: 512x768, \
Model hash: 6ce0161689, Model: deliberate_v2, Clip skip: 2, Lora hashes: "a: 1, b: 2", Version: v1.9.4"""


def parse(text):
    read = told(text)
    return read.header, read.lost


def test_a_usual_text():
    header, lost = parse(USUAL)
    assert header == {
        "version": FORMAT_VERSION,
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
            "spacing": "auto",
            "clip_skip": 2,
        },
    }
    assert lost == ['model "deliberate_v2"']


def of(settings):
    return parse(f"moss\nSteps: 20, {settings}")


def test_the_task_is_told_by_what_only_it_has():
    header, lost = of("Denoising strength: 0.45")
    assert (header["task"], header["strength"], lost) == ("image_to_image", 0.45, [])
    assert of("Denoising strength: 0.7, Mask blur: 4")[0]["task"] == "inpaint"
    header, lost = of("Denoising strength: 0.5, Hires upscale: 2, Hires upscaler: Latent")
    assert header["task"] == "text_to_image" and "strength" not in header
    assert lost == ["hires fix", "hires upscale", "hires upscaler"]


def test_tiling_and_what_is_the_same_everywhere():
    header, lost = of("Tiling: True, Clip skip: 1")
    assert (header["tiling"], lost, "clip_skip" in header["sampling"]) == ("both", [], False)
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
    assert scheduler(name) == scheduler(name.upper()) == ({"scheduler": name, "spacing": "auto"}, [])


@pytest.mark.parametrize(
    ("sampler", "schedule", "ours", "spacing"),
    [
        ("DPM++ 2M", "Karras", "DPM++ 2M Karras", "auto"),
        ("DPM++ 2M", "Automatic", "DPM++ 2M Karras", "auto"),
        ("DPM++ 2M", "Uniform", "DPM++ 2M", "linspace"),
        ("DPM++ 2M Karras", "", "DPM++ 2M Karras", "auto"),
        ("DPM++ 2M Karras", "Karras", "DPM++ 2M Karras", "auto"),
        ("Euler a", "Automatic", "Euler a", "auto"),
        ("euler A Karras", "", "Euler a", "karras"),
        ("DPM++ 2M SDE", "Automatic", "DPM++ 2M SDE", "exponential"),
        ("DPM++ 2M SDE", "Karras", "DPM++ 2M SDE Karras", "auto"),
        ("DPM++ 2M SDE Karras", "", "DPM++ 2M SDE Karras", "auto"),
        ("dpmpp_2m_sde_gpu", "karras", "DPM++ 2M SDE Karras", "auto"),
        ("dpmpp_2m", "karras", "DPM++ 2M Karras", "auto"),
        ("dpmpp_2m_k", "", "DPM++ 2M Karras", "auto"),
        ("dpmpp_sde", "normal", "DPM++ SDE", "linspace"),
        ("dpmpp_sde_gpu", "simple", "DPM++ SDE", "trailing"),
        ("dpmpp_sde_k", "", "DPM++ SDE", "karras"),
        ("DPM++ SDE", "", "DPM++ SDE", "auto"),
        ("DPM++ SDE", "Automatic", "DPM++ SDE", "karras"),
        ("DPM++ SDE", "Karras", "DPM++ SDE", "karras"),
        ("DPM++ SDE Karras", "", "DPM++ SDE", "karras"),
        ("euler_ancestral", "normal", "Euler a", "linspace"),
        ("k_euler_a", "", "Euler a", "auto"),
        ("euler_k", "", "Euler", "karras"),
        ("uni_pc", "simple", "UniPC", "trailing"),
        ("dpm_2", "normal", "DPM2", "linspace"),
        ("DPM++ 2M SDE", "SGM Uniform", "DPM++ 2M SDE", "trailing"),
        ("DPM++ 2M Trailing", "", "DPM++ 2M", "trailing"),
        ("Euler A AYS", "", "Euler a", "ays"),
        ("Euler", "Exponential", "Euler", "exponential"),
        ("Euler", "Polyexponential", "Euler", "exponential"),
        ("Euler", "Beta", "Euler", "beta"),
        ("Euler", "Align Your Steps", "Euler", "ays"),
        ("Euler", "Simple", "Euler", "trailing"),
        ("Euler", "Normal", "Euler", "linspace"),
        ("Euler", "DDIM", "Euler", "leading"),
        ("euler", "ddim_uniform", "Euler", "leading"),
        ("PLMS", "", "PNDM", "auto"),
        ("TCD", "", "TCD", "auto"),
        ("LCM", "Automatic", "LCM", "auto"),
    ],
)
def test_samplers_of_others(sampler, schedule, ours, spacing):
    assert scheduler(sampler, schedule) == ({"scheduler": ours, "spacing": spacing}, [])


@pytest.mark.parametrize(
    ("sampler", "schedule", "ours", "lost"),
    [
        ("DPM++ 3M SDE", "Exponential", "", 'sampler "DPM++ 3M SDE"'),
        ("", "Karras", "", 'sampler ""'),
        ("Euler", "KL Optimal", "Euler", 'schedule type "kl optimal"'),
        ("Euler", "Align Your Steps GITS", "Euler", 'schedule type "align your steps gits"'),
        ("euler_turbo", "", "Euler", 'schedule type "turbo"'),
        # What ours refuse beside it, which would else be told only at Generate.
        ("LCM", "SGM Uniform", "LCM", 'schedule type "sgm uniform"'),
        ("TCD", "Karras", "TCD", 'schedule type "karras"'),
        ("DPM++ 2M Karras", "Beta", "DPM++ 2M Karras", 'schedule type "beta"'),
    ],
)
def test_samplers_that_are_not_ours_as_a_whole(sampler, schedule, ours, lost):
    found = {"scheduler": ours, "spacing": "auto"} if ours else {}
    assert scheduler(sampler, schedule) == (found, [lost])


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


TAGGED = (
    "mossy stone wall, <lora:wall_v2:0.8>, <lora:rust:0.5:0.3>\nNegative prompt: blurry <lora:bad:1>\n"
    "Steps: 20, Seed: 42, Size: 512x512, "
    'Lora hashes: "wall_v2: 0123456789AB, rust: 00ff, gone: 1234", TI hashes: "neg: abcd"'
)


def test_loras_are_called_by_name_weight_and_checksum():
    read = told(TAGGED)
    assert read.header["prompt"] == "mossy stone wall" and read.header["negative_prompt"] == "blurry"
    assert read.calls == [
        Call("wall_v2", 0.8, "0123456789ab"),
        Call("rust", None, "00ff"),
        Call("gone", None, "1234"),
        Call("neg", 1.0, "abcd", is_word=True),
    ]
    assert read.lost == []


def test_a_template_keeps_the_loras_that_it_draws():
    text = "a <lora:x:1>\nSteps: 2, Seed: 1\nTemplate: {<lora:x:1>|<lora:y:1>} a"
    read = told(text)
    assert (read.header["prompt"], read.calls) == ("{<lora:x:1>|<lora:y:1>} a", [])


@pytest.mark.parametrize(
    ("settings", "call"),
    [
        ("LoRA 1: offset.safetensors : 0.1", Call("offset", 0.1)),
        ('Lora hashes: "offset: 4852686128: 0.1"', Call("offset", 0.1, "4852686128")),
        ('Civitai resources: [{"type":"checkpoint"},{"type":"lora","weight":0.6,"modelName":"a, b: c"}]',
         Call("a, b: c", 0.6)),
    ],
)  # fmt: skip
def test_loras_of_other_notations(settings, call):
    read = told(f"moss\nSteps: 20, {settings}, Seed: 4")
    assert read.calls == [call] and read.header["sampling"] == {"steps": 20, "seed": 4} and read.lost == []


@pytest.mark.parametrize(
    "unit", ["a:[", 'a:{"x":', "a:[1,", 'a:["', "<lora:", "<lora:a:1>", "<lora:a" + ":1" * 9]
)
def test_no_list_and_no_tag_takes_long(unit):
    text = (unit * MAX_TEXT)[: MAX_TEXT - 100]
    began = time.process_time()
    told(text)
    told(f"x\nSteps: 1, {text}")
    assert time.process_time() - began < 5


def test_checksums_of_files_of_all_kinds_in_one_setting():
    hashes = '{"model": "6ce0", "embed:rough": "ABCD", "lora:walls/wall": "0123456789"}'
    read = told(f"moss\nSteps: 20, Seed: 4, Hashes: {hashes}")
    assert read.calls == [Call("wall", None, "0123456789"), Call("rough", 1.0, "abcd", is_word=True)]
    read = told(f'moss <lora:wall:0.5>\nSteps: 20, Seed: 4, Lora hashes: "wall: ffff", Hashes: {hashes}')
    assert read.calls[0] == Call("wall", 0.5, "ffff")


def test_weights_beside_their_checksums():
    read = told('moss\nSteps: 20, Lora hashes: "wall: 0123", Lora weights: "wall: 0.4"')
    assert read.calls == [Call("wall", 0.4, "0123")] and read.lost == []


def test_a_second_pass_has_no_source():
    read = told("moss\nSteps: 20, Seed: 4, Second pass: True, Hires force: True, Denoising strength: 0.3")
    assert read.header["task"] == "text_to_image" and "hires fix" in read.lost
