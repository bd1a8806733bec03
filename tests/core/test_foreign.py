# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of other programs: the writer is found, what it tells is read, and JSON is never a prompt."""

from __future__ import annotations

import contextlib
import json
import struct
import time
import zlib

import numpy as np
import pytest

from sd_blender.core import foreign, picture_text, png
from sd_blender.core.errors import InvalidRequest
from sd_blender.core.foreign import novelai
from sd_blender.core.lora_tags import Call
from sd_blender.core.recall import from_foreign, from_picture

SEED = 2**63 + 5


def graph(**changes):
    nodes = {
        "3": {
            "class_type": "KSampler",
            "inputs": {
                **{"seed": SEED, "steps": 20, "cfg": 6.5, "sampler_name": "dpmpp_2m", "scheduler": "karras"},
                **{"denoise": 1, "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0]},
                "latent_image": ["5", 0],
            },
        },
        "10": {
            "class_type": "LoraLoader",
            "inputs": {
                **{"lora_name": "walls/wall.safetensors", "strength_model": 0.8, "strength_clip": 0.8},
                **{"model": ["4", 0], "clip": ["4", 1]},
            },
        },
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "dream.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 768, "height": 512, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "mossy stone wall", "clip": ["10", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["10", 1]}},
    }
    return nodes | changes


EDITOR = {
    "nodes": [
        {
            **{
                "id": 3,
                "type": "KSampler",
                "widgets_values": [SEED, "fixed", 20, 6.5, "dpmpp_2m", "karras", 1],
            },
            "inputs": [
                {"name": "model", "link": 1},
                {"name": "positive", "link": 2},
                {"name": "negative", "link": 3},
                {"name": "latent_image", "link": 4},
            ],
        },
        {
            **{"id": 10, "type": "LoraLoader", "widgets_values": ["walls/wall.safetensors", 0.8, 0.8]},
            "inputs": [{"name": "model", "link": 5}],
        },
        {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": ["dream.safetensors"]},
        {"id": 5, "type": "EmptyLatentImage", "widgets_values": [768, 512, 1]},
        {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["mossy stone wall"]},
        {"id": 7, "type": "CLIPTextEncode", "widgets_values": ["blurry"]},
    ],
    "links": [
        *([1, 10, 0, 3, 0, "MODEL"], [2, 6, 0, 3, 1, "C"], [3, 7, 0, 3, 2, "C"], [4, 5, 0, 3, 3, "L"]),
        [5, 4, 0, 10, 0, "MODEL"],
    ],
}
SWARM = {
    "sui_image_params": {
        **{
            "prompt": "mossy stone wall",
            "negativeprompt": "blurry",
            "model": "dream",
            "images": 1,
            "seed": SEED,
        },
        **{
            "steps": "20",
            "cfgscale": 6.5,
            "width": 768,
            "height": 512,
            "sampler": "dpmpp_2m",
            "scheduler": "karras",
        },
        **{"loras": ["wall"], "loraweights": ["0.8"], "swarm_version": "0.9.7", "initimagecreativity": 0.0},
    },
    "sui_models": [{"name": "wall.safetensors", "param": "loras", "hash": "0xE8055d97ec312203"}],
}
FOOOCUS = {
    **{
        "base_model": "dream",
        "guidance_scale": 6.5,
        "metadata_scheme": "fooocus",
        "negative_prompt": "blurry",
    },
    **{
        "prompt": "mossy stone wall",
        "resolution": "(768, 512)",
        "sampler": "dpmpp_2m",
        "scheduler": "karras",
    },
    **{
        "seed": str(SEED),
        "steps": 20,
        "version": "Fooocus v2.3.1",
        "lora_combined_1": "wall.safetensors : 0.8",
    },
}
RUINED = {
    **{
        "Prompt": "mossy stone wall",
        "Negative": "blurry",
        "steps": 20,
        "cfg": 6.5,
        "width": 768,
        "height": 512,
    },
    **{
        "seed": SEED,
        "sampler_name": "dpmpp_2m",
        "scheduler": "karras",
        "base_model_name": "dream.safetensors",
    },
    **{"loras": [["E8055D97EC", "0.8 - wall.safetensors"]], "denoise": None, "software": "RuinedFooocus"},
}
INVOKE = {
    **{
        "generation_mode": "txt2img",
        "positive_prompt": "mossy stone wall",
        "negative_prompt": "blurry",
        "width": 768,
    },
    **{
        "height": 512,
        "seed": SEED,
        "cfg_scale": 6.5,
        "steps": 20,
        "scheduler": "dpmpp_2m_k",
        "app_version": "4.2",
    },
    **{
        "model": {"name": "dream", "hash": "blake3:ab"},
        "loras": [{"model": {"name": "wall"}, "weight": 0.8}],
    },
}
INVOKE_OLD = {
    "model_weights": "dream",
    "app_id": "invoke-ai/InvokeAI",
    "image": {
        **{"prompt": [{"prompt": "mossy stone wall [blurry]", "weight": 1}], "steps": 20, "cfg_scale": 6.5},
        **{"seed": SEED, "width": 768, "height": 512, "sampler": "k_dpmpp_2m_karras", "type": "txt2img"},
    },
}
DREAM = f'"mossy stone wall [blurry]" -s 20 -S {SEED} -W 768 -H 512 -C 6.5 -A k_dpmpp_2m_karras'
NOVEL = {
    **{
        "prompt": "mossy stone wall",
        "uc": "blurry",
        "steps": 20,
        "sampler": "k_dpmpp_2m",
        "noise_schedule": "karras",
    },
    **{"scale": 6.5, "seed": SEED, "width": 768, "height": 512, "request_type": "PromptGenerateRequest"},
}
DRAW = {
    **{"c": "mossy stone wall", "uc": "blurry", "seed": SEED, "steps": 20, "scale": 6.5, "size": "768x512"},
    **{
        "sampler": "DPM++ 2M Karras",
        "model": "dream.ckpt",
        "strength": 1,
        "lora": [{"model": "wall", "weight": 0.8}],
    },
}
XMP = f"<x><exif:UserComment><rdf:Alt><rdf:li>{json.dumps(DRAW).replace(chr(34), '&quot;')}</rdf:li></rdf:Alt></x>"
EASY = {
    **{
        "prompt": "mossy stone wall",
        "negative_prompt": "blurry",
        "seed": str(SEED),
        "num_inference_steps": "20",
    },
    **{"guidance_scale": "6.5", "width": "768", "height": "512", "sampler_name": "dpmpp_2m_karras"},
    **{"use_stable_diffusion_model": "dream", "use_lora_model": "wall", "lora_alpha": "0.8"},
}
SPACE = {
    **{
        "prompt": "mossy stone wall",
        "negative_prompt": "blurry",
        "resolution": "768 x 512",
        "guidance_scale": 6.5,
    },
    **{"num_inference_steps": 20, "seed": SEED, "sampler": "DPM++ 2M Karras", "Model": {"Model": "dream"}},
}
PICTURES = {
    "ComfyUI": {"prompt": graph(), "workflow": EDITOR},
    "ComfyUI, editor alone": {"workflow": EDITOR},
    "ComfyUI, WebP": {"Model": "prompt:" + json.dumps(graph()), "Make": "workflow:" + json.dumps(EDITOR)},
    "SwarmUI": {"parameters": SWARM},
    "SwarmUI, JPEG": {"UserComment": SWARM},
    "Fooocus": {"parameters": FOOOCUS, "fooocus_scheme": "fooocus"},
    "RuinedFooocus": {"parameters": RUINED},
    "InvokeAI": {"invokeai_metadata": INVOKE, "invokeai_graph": "{}"},
    "InvokeAI 2": {"sd-metadata": INVOKE_OLD, "Dream": DREAM},
    "InvokeAI 1": {"Dream": DREAM},
    "NovelAI": {
        "Software": "NovelAI",
        "Source": "dream",
        "Comment": NOVEL,
        "Title": "NovelAI generated image",
    },
    "Draw Things": {"XML:com.adobe.xmp": XMP},
    "Easy Diffusion": EASY,
    "Easy Diffusion, JPEG": {"UserComment": EASY},
    "a page around diffusers": {"metadata": SPACE},
}
WITHOUT_LORA = {"InvokeAI 2", "InvokeAI 1", "NovelAI", "a page around diffusers"}


def as_texts(picture):
    return {name: text if isinstance(text, str) else json.dumps(text) for name, text in picture.items()}


def recalled(picture):
    return from_foreign(foreign.read(as_texts(picture)))


@pytest.mark.parametrize("name", PICTURES)
def test_the_same_settings_of_every_writer(name):
    read = recalled(PICTURES[name])
    assert dict(read.values) == {
        "task": "text_to_image",
        "prompt": "mossy stone wall",
        "negative_prompt": "blurry",
        "seed": SEED,
        "steps": 20,
        "guidance_scale": 6.5,
        "width": 768,
        "height": 512,
        "scheduler": "DPM++ 2M Karras",
        "spacing": "auto",
        "clip_skip": 0,
        "speed": "exact",
    }
    assert read.lost == (() if name == "InvokeAI 1" else ('model "dream"',))
    assert [(call.name, call.weight) for call in read.calls] == (
        [] if name in WITHOUT_LORA else [("wall", 0.8)]
    )


def test_checksums_of_loras_are_taken():
    assert recalled(PICTURES["SwarmUI"]).calls == (Call("wall", 0.8, "e8055d97ec312203"),)
    assert recalled(PICTURES["RuinedFooocus"]).calls == (Call("wall", 0.8, "e8055d97ec"),)


@pytest.mark.parametrize(
    ("picture", "lost"),
    [
        ({"parameters": {"text": "moss", "x": 1}}, "damaged or of a program that is not known here"),
        ({"parameters": "{}"}, "damaged or of a program that is not known here"),
        (
            {"parameters": '{"sui_image_params": {"prompt": "broken'},
            "damaged or of a program that is not known here",
        ),
        ({"parameters": {"sui_image_params": {"loras": 7}}}, "of SwarmUI, and its settings cannot be read"),
        (
            {"prompt": {"1": {"class_type": "SaveImage", "inputs": {}}}},
            "of ComfyUI, and its graph has no sampler",
        ),
        ({"workflow": {"nodes": []}}, "of ComfyUI, and its graph has no sampler"),
        (
            {"prompt": graph(**{"30": graph()["3"]})},
            "of ComfyUI, and its graph has no sampler, or not one alone",
        ),
        (
            {"Description": "moss --v 6 Job ID: 01234567-89ab-cdef-0123-456789abcdef"},
            "of Midjourney, which tells nothing",
        ),
        ({"Software": "Adobe Firefly"}, "of Adobe Firefly, which tells nothing"),
    ],
    ids=range(9),
)
def test_what_cannot_be_read_is_refused_by_name(picture, lost):
    with pytest.raises(InvalidRequest, match=lost) as caught:
        foreign.read(as_texts(picture))
    assert str(caught.value).endswith("; choose another picture.")


@pytest.mark.parametrize(
    "texts", [{}, {"Software": "gimp"}, {"Comment": "Created with GIMP"}, {"UserComment": "Hi"}]
)
def test_a_picture_of_no_such_program(texts):
    assert foreign.read(texts) is None


COMFY = graph()


def sampler(**inputs):
    return graph(**{"3": {"class_type": "KSampler", "inputs": COMFY["3"]["inputs"] | inputs}})


@pytest.mark.parametrize(
    ("nodes", "lost"),
    [
        (
            sampler() | {"30": {"class_type": "KSampler", "inputs": {"latent_image": ["3", 0], "steps": 9}}},
            "second sampler",
        ),
        (
            sampler(positive=["20", 0])
            | {
                "20": {
                    "class_type": "ControlNetApplyAdvanced",
                    "inputs": {"positive": ["6", 0], "negative": ["7", 0]},
                }
            },
            "ControlNet",
        ),
        (
            sampler(model=["20", 0])
            | {"20": {"class_type": "IPAdapterAdvanced", "inputs": {"model": ["10", 0]}}},
            "IP-Adapter",
        ),
        (sampler() | {"20": {"class_type": "CLIPSetLastLayer", "inputs": {"clip": ["4", 1]}}}, "clip skip"),
        (sampler() | {"20": {"class_type": "VAELoader", "inputs": {"vae_name": "x"}}}, "VAE"),
        (sampler(seed=["20", 0]) | {"20": {"class_type": "SeedOfNoise", "inputs": {"a": 1, "b": 2}}}, "seed"),
        (sampler(positive=["20", 0]) | {"20": {"class_type": "Mystery", "inputs": {}}}, "prompt"),
        (sampler(latent_image=["20", 0]) | {"20": {"class_type": "Mystery", "inputs": {}}}, "size"),
    ],
    ids=range(8),
)
def test_what_a_graph_does_beside_is_named(nodes, lost):
    assert lost in recalled({"prompt": nodes}).lost


def test_a_graph_from_an_image():
    nodes = sampler(latent_image=["20", 0], denoise=0.6) | {"20": {"class_type": "VAEEncode", "inputs": {}}}
    values = recalled({"prompt": nodes}).values
    assert (values["task"], values["strength"]) == ("image_to_image", 0.6)


def test_a_seed_and_a_text_of_another_node():
    nodes = sampler(seed=["20", 0], positive=["21", 0]) | {
        "20": {"class_type": "Seed (rgthree)", "inputs": {"seed": 77}},
        "21": {"class_type": "CLIPTextEncode", "inputs": {"text": ["22", 0]}},
        "22": {"class_type": "StringConstant", "inputs": {"string": "moss [x]"}},
    }
    values = recalled({"prompt": nodes}).values
    assert (values["seed"], values["prompt"]) == (77, r"moss \[x\]")


def test_a_graph_in_a_circle_ends():
    nodes = sampler(model=["10", 0]) | {"10": {"class_type": "Reroute", "inputs": {"": ["10", 0]}}}
    nodes["6"] = {"class_type": "Reroute", "inputs": {"": ["6", 0]}}
    nodes["5"] = {"class_type": "Reroute", "inputs": {"": ["5", 0]}}
    assert {"prompt", "size"} <= set(recalled({"prompt": nodes}).lost)


@pytest.mark.parametrize(
    ("theirs", "ours", "left"),
    [
        ("moss", "moss", False),
        ("{{moss}}, [wall]", "(moss:1.103), (wall:0.952)", False),
        ("moss (wet)", r"moss \(wet\)", False),
        ("{moss, [wall]}", "{moss, (wall:0.952)}", True),
        ("1.5::moss::", "1.5::moss::", True),
    ],
)
def test_weights_of_novelai(theirs, ours, left):
    assert novelai.weighted(theirs) == (ours, left)


@pytest.mark.fault("F54")
@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("value", [None, 7, "x\0", [], [[]], {}, {"seed": [1]}, True, 10**400, float("nan")])
def test_any_value_anywhere_is_read_or_refused(name, value):
    """A stranger's file: each value in turn is another one."""
    for keyword, whole in PICTURES[name].items():
        if not isinstance(whole, dict):
            continue
        for key, old in whole.items():
            changes = [value, *({inner: value} for inner in old)] if isinstance(old, dict) else [value]
            for changed in changes:
                mixed = old | changed if isinstance(changed, dict) and isinstance(old, dict) else changed
                picture = PICTURES[name] | {keyword: whole | {key: mixed}}
                try:
                    told = foreign.read(as_texts(picture))
                    if told is not None:
                        from_foreign(told)
                except InvalidRequest as error:
                    assert str(error).endswith(".")


@pytest.mark.fault("F54")
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "unit", ["{", '{"a":', "[", "<exif:UserComment>", '"', "-s", "Job ID: ", "[a]", "{{a}}", "(("]
)
def test_no_text_takes_long(unit):
    text = (unit * 100_000)[:100_000]
    began = time.monotonic()
    for keyword in (
        "parameters",
        "prompt",
        "workflow",
        "Dream",
        "sd-metadata",
        "Comment",
        "XML:com.adobe.xmp",
        "Make",
    ):
        for extra in ({}, {"Software": "NovelAI", "Description": text}):
            with contextlib.suppress(InvalidRequest):
                foreign.read({keyword: text, **extra})
    assert time.monotonic() - began < 20


def exif(order, tags):
    """A TIFF file with one directory of texts, and one below it for the user comment."""
    mark = "<" if order == b"II*\0" else ">"
    inner_tags = {tag: value for tag, value in tags.items() if tag in (0x9286, 0x927C)}
    outer = {tag: value for tag, value in tags.items() if tag not in inner_tags}
    first = 8
    second = first + 2 + 12 * (len(outer) + 1) + 4
    at = second + 2 + 12 * len(inner_tags) + 4
    bodies, written = b"", []
    for group in (outer, inner_tags):
        entries = []
        for tag, value in group.items():
            value = value if len(value) > 4 else value + b"\0" * (5 - len(value))
            entries.append(
                struct.pack(f"{mark}HHII", tag, 7 if tag == 0x9286 else 2, len(value), at + len(bodies))
            )
            bodies += value
        written.append(entries)
    written[0].append(struct.pack(f"{mark}HHII", 0x8769, 4, 1, second))
    data = order + struct.pack(f"{mark}I", first)
    for entries in written:
        data += struct.pack(f"{mark}H", len(entries)) + b"".join(entries) + b"\0\0\0\0"
    return data + bodies


INFOTEXT = "moß 石\nSteps: 20, Seed: 1, Size: 64x64"
COMMENTS = {
    "UTF-16 BE": b"UNICODE\0" + INFOTEXT.encode("utf-16-be"),
    "UTF-16 LE": b"UNICODE\0" + INFOTEXT.encode("utf-16-le"),
    "UTF-16 with its mark": b"UNICODE\0" + INFOTEXT.encode("utf-16"),
    "UTF-8 as ASCII": b"ASCII\0\0\0" + INFOTEXT.encode(),
    "UTF-8 as nothing": b"\0" * 8 + INFOTEXT.encode(),
    "UTF-8 alone": INFOTEXT.encode(),
}


def jpeg(tiff):
    body = b"Exif\0\0" + tiff
    scan = b"\xff\xda\0\x02" + b"\x00" * 40
    return b"\xff\xd8\xff\xe0\0\x04ab\xff\xe1" + struct.pack(">H", len(body) + 2) + body + scan + b"\xff\xd9"


def webp(tiff):
    chunk = b"VP8X" + struct.pack("<I", 10) + b"\0" * 10 + b"EXIF" + struct.pack("<I", len(tiff)) + tiff
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def png_with(kind, body):
    data = png.encode(np.zeros((8, 8, 3), np.uint8))
    return data[:33] + png._chunk(kind, body) + data[33:]


@pytest.mark.parametrize("order", [b"II*\0", b"MM\0*"])
@pytest.mark.parametrize("comment", COMMENTS)
@pytest.mark.parametrize(
    "kind", [jpeg, webp, lambda tiff: png_with(b"eXIf", tiff)], ids=["jpeg", "webp", "png"]
)
def test_a_comment_in_exif(order, comment, kind):
    values = from_picture(kind(exif(order, {0x9286: COMMENTS[comment]}))).values
    assert (values["prompt"], values["seed"], values["steps"]) == ("moß 石", 1, 20)


def test_another_writer_of_exif_agrees(tmp_path):
    image = pytest.importorskip("PIL.Image")
    made = image.new("RGB", (16, 16))
    tags = image.Exif()
    tags[0x0131] = "Fooocus v2.3.1"
    tags[0x9286] = json.dumps(FOOOCUS)
    tags[0x927C] = "fooocus"
    for name in ("x.jpg", "x.webp", "x.png"):
        made.save(tmp_path / name, exif=tags)
        assert from_picture((tmp_path / name).read_bytes()).values["seed"] == SEED


@pytest.mark.fault("F54")
def test_damaged_exif_does_no_harm():
    whole = exif(b"II*\0", {0x9286: COMMENTS["UTF-16 BE"], 0x010F: b"maker"})
    for data in (jpeg(whole), webp(whole), png_with(b"eXIf", whole)):
        for length in range(0, len(data), 7):
            try:
                picture_text.read(data[:length])
            except ValueError as error:
                assert "PNG" in str(error)
    for at in range(len(whole)):
        picture_text.read(jpeg(whole[:at] + b"\xff" + whole[at + 1 :]))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("größe 石の壁", "utf-8"), ("größe", "utf-8"), ("größe", "latin-1"), ("caf\u00e9", "latin-1")],
)
@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt"])
def test_plain_chunks_are_of_either_encoding(text, encoding, kind):
    value = text.encode(encoding)
    body = b"parameters\0" + (value if kind == b"tEXt" else b"\0" + zlib.compress(value))
    assert png.read_text(png_with(kind, body)) == {"parameters": text}


def hidden(word, height=160):
    """A picture whose first column hides a word in its alpha."""
    bits = np.unpackbits(np.frombuffer(word, np.uint8))
    pixels = np.full((height, 8, 4), 255, np.uint8)
    pixels[: len(bits), 0, 3] = 254 + bits
    return png.encode(pixels)


@pytest.mark.parametrize("word", [b"stealth_pnginfo", b"stealth_pngcomp"])
def test_settings_in_the_pixels_are_named(word):
    with pytest.raises(InvalidRequest, match="hidden in its pixels, as NovelAI"):
        from_picture(hidden(word))


@pytest.mark.parametrize("data", [hidden(b"nothing of it.."), png.encode(np.zeros((200, 4, 3), np.uint8))])
def test_a_picture_that_hides_nothing(data):
    with pytest.raises(InvalidRequest, match="holds no settings of this add-on or AUTOMATIC1111"):
        from_picture(data)


@pytest.mark.parametrize("text", ["[1, 2]", '[{"prompt": "moss"}]', " []"])
def test_a_list_is_no_prompt(text):
    with pytest.raises(InvalidRequest, match="damaged or of a program that is not known here"):
        foreign.read({"parameters": text})


@pytest.mark.parametrize("text", ["[moss]", "[moss|stone] wall", "[[moss]]"])
def test_brackets_are_a_prompt(text):
    assert recalled({"parameters": text}).values["prompt"] == text


def with_more(name, **more):
    """A picture of a program whose text says more."""
    keyword, whole = next((k, w) for k, w in PICTURES[name].items() if isinstance(w, dict))
    return recalled(PICTURES[name] | {keyword: whole | more})


V4 = {"caption": {"base_caption": "mossy wall", "char_captions": [{"char_caption": "a knight"}]}}
LAYERED = {"controlLayers": [{"a": 1}], "regionalGuidance": [{"a": 1}], "rasterLayers": [{"a": 1}]}
WHOLE = {"hiresFix": True, "clipSkip": 2, "refinerModel": "fine", "upscaler": "", "controls": []}


@pytest.mark.parametrize(
    ("name", "more", "lost"),
    [
        ("NovelAI", {"v4_prompt": V4, "sm": True, "dynamic_thresholding": True},
         {"prompts of characters", "sm", "dynamic thresholding"}),
        ("InvokeAI", {"canvas_v2_metadata": LAYERED, "cfg_rescale_multiplier": 0.2, "hrf_strength": 0.4,
                      "positive_style_prompt": "oil"},
         {"ControlNet", "regional prompts", "cfg rescale multiplier", "hires fix", "positive style prompt"}),
        ("Draw Things", {"v2": WHOLE}, {"hires fix", "refiner"}),
    ],
)  # fmt: skip
def test_what_has_an_effect_is_named(name, more, lost):
    picture = PICTURES[name]
    if name == "Draw Things":
        draw = json.dumps(DRAW | more).replace(chr(34), "&quot;")
        read = recalled(
            {"XML:com.adobe.xmp": f"<exif:UserComment><rdf:Alt><rdf:li>{draw}</rdf:li></rdf:Alt>"}
        )
    else:
        read = with_more(name, **more)
    assert set(read.lost) - set(recalled(picture).lost) == lost


def test_a_style_that_is_the_prompt_adds_nothing():
    assert with_more("InvokeAI", positive_style_prompt="mossy stone wall").lost == ('model "dream"',)


def test_the_prompt_of_a_novelai_picture_without_the_old_name():
    told = {name: value for name, value in NOVEL.items() if name not in ("prompt", "uc")}
    unwanted = {"caption": {"base_caption": "blurry", "char_captions": []}}
    told |= {"v4_prompt": V4, "v4_negative_prompt": unwanted}
    values = recalled({"Software": "NovelAI", "Comment": told}).values
    assert (values["prompt"], values["negative_prompt"]) == ("mossy wall", "blurry")


def test_tags_of_swarmui_with_a_value():
    params = SWARM["sui_image_params"] | {"prompt": "moss <fromto[0.4]:cat,dog> <setvar[x]:y> a < b"}
    lost = recalled({"parameters": SWARM | {"sui_image_params": params}}).lost
    assert {"prompt tag <fromto>", "prompt tag <setvar>"} <= set(lost)


def test_a_list_of_loras_as_python_shows_it():
    more = {"use_lora_model": "['wall', 'rust']", "lora_alpha": "[0.8, 0.5]"}
    assert recalled({"parameters": "", **EASY, **more}).calls == (Call("wall", 0.8), Call("rust", 0.5))
    assert recalled({**EASY, "use_lora_model": "['wall"}).calls[0].name == "['wall"


@pytest.mark.parametrize(
    ("name", "more", "layer"),
    [
        ("InvokeAI", {"clip_skip": 1}, 2),  # counts the layers that are left out
        ("InvokeAI", {"clip_skip": 0}, 0),
        ("Fooocus", {"clip_skip": 2}, 2),
        ("RuinedFooocus", {"clip_skip": 3}, 3),
        ("RuinedFooocus", {"clip_skip": 1}, 0),
        ("Easy Diffusion", {"clip_skip": "True"}, 2),
        ("Easy Diffusion", {"clip_skip": "False"}, 0),
    ],
)
def test_the_layer_of_the_text_encoder(name, more, layer):
    read = with_more(name, **more) if name != "Easy Diffusion" else recalled({**EASY, **more})
    assert (read.values["clip_skip"], read.lost) == (layer, ('model "dream"',))


def test_the_layer_of_swarmui_and_draw_things():
    params = SWARM["sui_image_params"] | {"clipstopatlayer": -2}
    read = recalled({"parameters": SWARM | {"sui_image_params": params}})
    assert read.values["clip_skip"] == 2 and "clip skip" not in read.lost
    draw = json.dumps(DRAW | {"v2": WHOLE}).replace(chr(34), "&quot;")
    read = recalled({"XML:com.adobe.xmp": f"<exif:UserComment><rdf:Alt><rdf:li>{draw}</rdf:li></rdf:Alt>"})
    assert read.values["clip_skip"] == 2


def test_a_layer_that_is_none_is_named():
    read = with_more("Fooocus", clip_skip="deep")
    assert "clip skip" in read.lost and "clip_skip" not in read.values
