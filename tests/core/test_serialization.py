# SPDX-License-Identifier: GPL-3.0-or-later
import dataclasses
import json

import numpy as np
import pytest

from sd_blender.core.errors import InvalidRequest
from sd_blender.core.messages import GeneratedImage, Seam
from sd_blender.core.request import (
    RENAMED_SCHEDULERS,
    SCHEDULERS,
    ImageToImage,
    Inpaint,
    Sampling,
    TextToImage,
    Tiling,
)
from sd_blender.core.serialization import ARRAY_FIELDS, from_json, provenance, to_json
from sd_blender.core.training_json import training_from_json, training_to_json
from sd_blender.core.training_request import TrainLora

IMAGE = np.random.default_rng(1).integers(0, 256, (16, 24, 3), dtype=np.uint8)
MASK = np.zeros((16, 24), np.float32)
MASK[2:5, 3:9] = 1
COMMON = {
    "prompt": "größer “stone” 🧱",
    "negative_prompt": "blurry",
    "tiling": Tiling.X,
    "model": "/models/a b",
    "sampling": Sampling(
        width=640, seed=2**64 - 1, scheduler="Euler a", guidance_scale=0.5, clip_guidance_scale=2.5, count=3
    ),
}
REQUESTS = [
    TextToImage(**COMMON),
    ImageToImage(
        **{**COMMON, "sampling": Sampling(count=4)},
        image=IMAGE,
        strength=0.25,
        keep=3,
        reference=IMAGE[:8],
        clip="/models/clip",
        lora_folders=("/loras", "/trained"),
        image_name="Stein",
    ),
    Inpaint(
        **COMMON,
        image=IMAGE,
        mask=MASK,
        feather=3,
        crop_to_mask=False,
        context=7,
        image_name="Stein",
        mask_name="Stein Mask",
    ),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: type(r).__name__)
def test_every_field_survives(request_):
    header, arrays = to_json(request_)
    back = from_json(json.loads(json.dumps(header)), arrays)
    assert type(back) is type(request_)
    for field in dataclasses.fields(request_):
        before, after = getattr(request_, field.name), getattr(back, field.name)
        if field.name in ARRAY_FIELDS:
            assert np.array_equal(before, after)
        else:
            assert before == after and type(before) is type(after)


def test_what_is_left_out_takes_its_default():
    assert from_json({"version": 1, "task": "text_to_image", "prompt": "sand"}, {}) == TextToImage(
        prompt="sand"
    )


@pytest.mark.fault("F54")
@pytest.mark.parametrize(
    "header, arrays, field",
    [
        (None, {}, "version"),
        ({"task": "text_to_image", "prompt": "a"}, {}, "version"),
        ({"version": 3, "task": "text_to_image", "prompt": "a"}, {}, "version"),
        ({"version": True, "task": "text_to_image", "prompt": "a"}, {}, "version"),
        ({"version": 1, "task": "__import__", "prompt": "a"}, {}, "task"),
        ({"version": 1, "task": "text_to_image"}, {}, "prompt"),
        ({"version": 1, "task": "text_to_image", "prompt": "a", "__proto__": 1}, {}, "__proto__"),
        ({"version": 1, "task": "text_to_image", "prompt": "a", "image": [1]}, {}, "image"),
        ({"version": 1, "task": "text_to_image", "prompt": "a", "tiling": {}}, {}, "tiling"),
        ({"version": 1, "task": "text_to_image", "prompt": "a", "sampling": 5}, {}, "sampling"),
        ({"version": 1, "task": "text_to_image", "prompt": "a", "sampling": {"eta": 1}}, {}, "sampling.eta"),
        ({"version": 1, "task": "text_to_image", "prompt": "a", "sampling": {"steps": 1e9}}, {}, "steps"),
        ({"version": 1, "task": "text_to_image", "prompt": ["a"]}, {}, "prompt"),
        ({"version": 1, "task": "inpaint", "prompt": "a"}, {"image": IMAGE}, "mask"),
        ({"version": 1, "task": "image_to_image", "prompt": "a"}, {"image": MASK}, "image"),
    ],
)
def test_hostile_settings_are_refused_with_their_field(header, arrays, field):
    with pytest.raises(InvalidRequest) as caught:
        from_json(header, arrays)
    assert caught.value.field == field


def test_provenance_tells_everything_but_the_pixels():
    request = REQUESTS[2]
    image = GeneratedImage(IMAGE, seed=12, seam=Seam(1.23456, 0.9), warnings=("cut",))
    told = json.loads(provenance(request, image))
    header, _ = to_json(request)
    assert {name: told[name] for name in header} == json.loads(json.dumps(header))
    assert told["result"] == {"seed": 12, "seam": {"x": 1.2346, "y": 0.9}, "warnings": ["cut"]}
    assert told["arrays"]["image"]["shape"] == [16, 24, 3]
    drawn = dataclasses.replace(image, prompt="größer slate", negative_prompt=request.negative_prompt)
    assert json.loads(provenance(request, drawn))["result"] == told["result"] | {"prompt": "größer slate"}
    changed = dataclasses.replace(request, image=IMAGE + 1)
    assert json.loads(provenance(changed))["arrays"]["image"] != told["arrays"]["image"]


def test_what_nobody_asks_for_is_not_written_so_that_older_versions_can_read_it():
    header, arrays = to_json(TextToImage(prompt="sand"))
    assert not {"keep", "clip", "reference", "loras", "embeddings"} & set(header) and not arrays


def test_the_score_of_a_picture_is_told_where_there_is_one():
    picture = GeneratedImage(IMAGE, 1, Seam(1.0, 1.0))
    request = TextToImage(prompt="sand")
    assert "score" not in json.loads(provenance(request, picture))["result"]
    judged = dataclasses.replace(picture, score=0.123456)
    assert json.loads(provenance(request, judged))["result"]["score"] == 0.1235


@pytest.mark.parametrize(("first", "now"), RENAMED_SCHEDULERS.items())
def test_a_scheduler_that_was_called_otherwise_is_the_same_one(first, now):
    """The name means another one since version 2, in which it is written; what can be, older versions can read."""
    old = {"version": 1, "task": "text_to_image", "prompt": "stone", "sampling": {"scheduler": first}}
    assert from_json(old, {}).sampling.scheduler == now
    assert from_json(old | {"version": 2}, {}).sampling.scheduler == first
    for name in SCHEDULERS:
        request = TextToImage(prompt="stone", sampling=Sampling(scheduler=name))
        header, arrays = to_json(request)
        assert from_json(header, arrays) == request
        assert header["version"] == (2 if name == first else 1)


def test_a_training_keeps_its_scheduler_too():
    for name in SCHEDULERS:
        training = TrainLora(images="/a", output="/b.safetensors", sampling=Sampling(scheduler=name))
        assert training_from_json(training_to_json(training)) == training
    old = training_to_json(TrainLora(images="/a", output="/b.safetensors")) | {"version": 1}
    old["sampling"] |= {"scheduler": "DPM++ SDE"}
    assert training_from_json(old).sampling.scheduler == "DPM++ 2M SDE"


def test_spacing_and_clip_skip_are_written_where_they_are_not_as_usual():
    assert not {"spacing", "clip_skip"} & set(to_json(TextToImage(prompt="sand"))[0]["sampling"])
    request = TextToImage(prompt="sand", sampling=Sampling(spacing="ays", clip_skip=2))
    header, arrays = to_json(request)
    assert (header["sampling"]["spacing"], header["sampling"]["clip_skip"]) == ("ays", 2)
    assert from_json(json.loads(json.dumps(header)), arrays) == request
    told = json.loads(provenance(request))
    assert (told["sampling"]["spacing"], told["sampling"]["clip_skip"]) == ("ays", 2)
