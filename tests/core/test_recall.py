# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings read back from a picture: all of ours, as much as can be of others', and nothing of what is damaged."""

from __future__ import annotations

import json
import struct
import zlib

import numpy as np
import pytest

from sd_blender.core import png
from sd_blender.core.errors import InvalidRequest
from sd_blender.core.foreign.infotext import parse
from sd_blender.core.messages import GeneratedImage, Seam
from sd_blender.core.recall import from_foreign, from_picture, from_provenance
from sd_blender.core.request import ImageToImage, Inpaint, Sampling, TextToImage, Tiling
from sd_blender.core.serialization import ARRAY_FIELDS, KEYWORD, fingerprint, provenance, to_json

IMAGE = np.random.default_rng(1).integers(0, 256, (16, 24, 3), dtype=np.uint8)
MASK = np.zeros((16, 24), np.float32)
MASK[2:5, 3:9] = 1
COMMON = {
    "prompt": "größer “stone” {a|b} 🧱",
    "negative_prompt": "blurry",
    "tiling": Tiling.X,
    "model": "/models/a b",
    "sampling": Sampling(
        width=640, seed=2**64 - 1, scheduler="Euler a", guidance_scale=0.5, clip_guidance_scale=2.5, count=3
    ),
}
REQUESTS = [
    TextToImage(**COMMON),
    ImageToImage(**COMMON, image=IMAGE, strength=0.25, keep=2, reference=IMAGE[:8], clip="/models/clip"),
    Inpaint(**COMMON, image=IMAGE, mask=MASK, feather=3, crop_to_mask=False, context=7),
]


def story_of(request, seed=None):
    picture = GeneratedImage(IMAGE, request.sampling.seed if seed is None else seed, Seam(1.0, 1.0))
    return provenance(request, picture)


def expected(request):
    """Every field of the request and of its sampling in one, without its pixels."""
    header, _ = to_json(request)
    return {**header, **header.pop("sampling")} | {"task": header["task"]}


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: type(r).__name__)
def test_our_own_story_comes_back_whole(request_):
    recalled = from_provenance(story_of(request_))
    wanted = expected(request_)
    del wanted["version"], wanted["sampling"]
    assert dict(recalled.values) == {"spacing": "auto", "clip_skip": 0, "speed": "exact"} | wanted
    assert recalled.lost == ()
    arrays = {name: getattr(request_, name, None) for name in ARRAY_FIELDS}
    assert dict(recalled.arrays) == {n: fingerprint(a) for n, a in arrays.items() if a is not None}
    assert from_picture(png.encode(IMAGE, {KEYWORD: story_of(request_)})) == recalled


def test_a_picture_of_a_batch_comes_back_with_its_own_seed():
    assert from_provenance(story_of(REQUESTS[0], seed=5)).values["seed"] == 5


def test_a_drawn_prompt_comes_back_as_it_was_typed():
    picture = GeneratedImage(IMAGE, 1, Seam(1.0, 1.0), prompt="größer “stone” b 🧱")
    assert from_provenance(provenance(REQUESTS[0], picture)).values["prompt"] == COMMON["prompt"]


@pytest.mark.parametrize(("version", "meant"), [(1, "DPM++ 2M SDE"), (2, "DPM++ SDE")])
def test_a_story_of_any_version_means_the_scheduler_that_it_meant(version, meant):
    sampling = {"scheduler": "DPM++ SDE", "steps": 3}
    recalled = from_provenance(changed(version=version, sampling=sampling))
    assert (recalled.values["scheduler"], recalled.lost) == (meant, ())


def test_spacing_and_clip_skip_come_back_and_go_back_to_the_usual():
    sampling = Sampling(scheduler="Euler", spacing="trailing", clip_skip=2, speed="fast")
    values = from_provenance(story_of(TextToImage(prompt="a", sampling=sampling))).values
    assert (values["spacing"], values["clip_skip"], values["speed"]) == ("trailing", 2, "fast")
    values = from_provenance(story_of(TextToImage(prompt="a"))).values
    assert (values["spacing"], values["clip_skip"], values["speed"]) == ("auto", 0, "exact")
    tomorrow = from_provenance(
        changed(sampling={"spacing": "cosine", "clip_skip": 40, "speed": "ludicrous", "steps": 3})
    )
    assert set(tomorrow.lost) == {"spacing", "clip skip", "speed"}
    assert not {"spacing", "clip_skip", "speed"} & set(tomorrow.values)


def changed(**values):
    return json.dumps(json.loads(story_of(REQUESTS[0])) | values)


def test_what_is_wrong_or_unknown_is_named_and_the_rest_is_there():
    sampling = {"width": 99999, "steps": "many", "seed": 3, "sharpness": 1, "guidance_scale": float("nan")}
    recalled = from_provenance(changed(tiling="hex", shine=2, result={}, sampling=sampling))
    assert set(recalled.lost) == {"width", "steps", "sharpness", "guidance scale", "tiling", "shine"}
    assert recalled.values["seed"] == 3
    assert recalled.values["prompt"] == COMMON["prompt"]
    assert not {"width", "steps", "tiling", "shine"} & set(recalled.values)


@pytest.mark.fault("F54")
@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        b"{}",
        "",
        "{",
        "[]",
        "null",
        "[" * 500_000,
        "9" * 6000,
        '{"a":' * 90_000,
        "x" * 10_000_000,
        "{}",
        changed(version=3),
        changed(task="video"),
        changed(task=["text_to_image"]),
        json.dumps({"version": 1, "task": "inpaint", **{f"a{i}": 1 for i in range(500)}}),
        json.dumps({"version": 1, "task": "inpaint", "x" * 90: 1}),
    ],
    ids=range(17),
)
def test_what_is_no_story_is_refused_in_one_sentence(text):
    with pytest.raises(InvalidRequest, match=r"^[^.]*; [^;]*\.$"):
        from_provenance(text)


@pytest.mark.fault("F54")
@pytest.mark.parametrize("name", ["sampling", "result", "arrays", "software", "model", "prompt", "tiling"])
@pytest.mark.parametrize("value", [None, 7, "x\0", [], [[]], {}, {"seed": [1]}, {"image": 3}, 10**400])
def test_any_value_anywhere_never_raises_anything_else(name, value):
    recalled = from_provenance(changed(**{name: value}))
    assert recalled.values["task"] == "text_to_image"


def from_infotext(text):
    return from_foreign(parse(text))


def test_an_infotext_is_validated_too():
    recalled = from_infotext("moss\nSteps: 5000, Seed: -1, Size: 64x64, Sampler: Restart, CFG scale: nan")
    usual = {"spacing": "auto", "clip_skip": 0, "speed": "exact"}
    assert dict(recalled.values) == usual | {
        "task": "text_to_image",
        "prompt": "moss",
        "width": 64,
        "height": 64,
    }
    assert set(recalled.lost) == {'sampler "Restart"', "steps", "seed", "guidance scale"}
    assert from_infotext("\nSteps: 5").lost == ("prompt",)
    with pytest.raises(InvalidRequest, match="holds no settings"):
        from_infotext("  ")


def test_names_that_are_lost_fit_on_a_line():
    lost = from_infotext("moss\nSteps: 5, Model: \u202ea\u2028b" + "x" * 500).lost
    assert all(name.isprintable() and len(name) <= 60 for name in lost)


def with_chunk(kind, body):
    data = png.encode(IMAGE)
    return data[:33] + png._chunk(kind, body) + data[33:]


INFOTEXT = "moß\nSteps: 20, Seed: 1"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"tEXt", b"parameters\0" + INFOTEXT.encode("latin-1")),
        (b"zTXt", b"parameters\0\0" + zlib.compress(INFOTEXT.encode("latin-1"))),
        (b"iTXt", b"parameters\0\0\0\0\0" + INFOTEXT.encode()),
        (b"iTXt", b"parameters\0\1\0\0\0" + zlib.compress(INFOTEXT.encode())),
    ],
)
def test_pictures_of_other_programs(kind, body):
    values = from_picture(with_chunk(kind, body)).values
    assert (values["prompt"], values["seed"], values["steps"]) == ("moß", 1, 20)


def test_ours_comes_before_theirs():
    data = png.encode(IMAGE, {"parameters": INFOTEXT, KEYWORD: story_of(REQUESTS[0])})
    assert from_picture(data).values["prompt"] == COMMON["prompt"]


@pytest.mark.fault("F54")
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not a PNG file"),
        (b"GIF89a", "not a PNG file"),
        (png.encode(IMAGE)[:-9], "cut short"),
        (png.SIGNATURE + struct.pack(">I", 2**31) + b"tEXt", "damaged|cut short"),
        (png.encode(IMAGE), "holds no settings of this add-on or AUTOMATIC1111"),
        (png.encode(IMAGE, {"prompt": "{}"}), "holds no settings"),
        (png.encode(IMAGE, {KEYWORD: "x"}), "settings of this picture are damaged"),
        (with_chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"\0" * (png.MAX_TEXT + 1))), "too long"),
        (with_chunk(b"zTXt", b"parameters\0\0not zlib"), "damaged"),
        (with_chunk(b"zTXt", b"parameters"), "no settings"),
    ],
    ids=range(10),
)
def test_files_without_settings(data, why):
    with pytest.raises(InvalidRequest, match=why):
        from_picture(data)


@pytest.mark.fault("F54")
def test_many_texts_together_do_not_fill_the_memory():
    half = zlib.compress(b"\0" * (png.MAX_TEXT // 2 + 1))
    chunks = b"".join(png._chunk(b"zTXt", b"%d\0\0" % i + half) for i in range(50))
    data = png.encode(IMAGE)
    with pytest.raises(InvalidRequest, match="too long"):
        from_picture(data[:33] + chunks + data[33:])
