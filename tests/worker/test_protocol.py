# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said in one process arrives as it was in the other."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from sd_blender.core.messages import GeneratedImage, Result, Seam
from sd_blender.core.request import TextToImage
from sd_blender.worker.frames import Frame, WireError
from sd_blender.worker.protocol import generate_frame, request_of, result_frame, result_of

REQUEST = TextToImage(prompt="{red|blue} __stone__", wildcards="/lists")
IMAGE = GeneratedImage(
    np.full((4, 6, 3), 7, np.uint8),
    5,
    Seam(1.5, 0.5),
    ("cut",),
    prompt="red größe",
    negative_prompt="wet",
    score=0.25,
)


def sent(frame: Frame) -> Frame:
    return Frame(json.loads(json.dumps(frame.header)), frame.arrays)


def test_a_request_keeps_its_prompt_undrawn_and_its_lists():
    assert request_of(sent(generate_frame("job", REQUEST))) == REQUEST


def test_a_result_keeps_everything_the_engine_said():
    back = result_of(sent(result_frame("job", Result(REQUEST, (IMAGE,), 2.5))), REQUEST)
    assert back.request is REQUEST and back.seconds == 2.5
    for field in dataclasses.fields(GeneratedImage):
        if field.name != "pixels":
            assert getattr(back.images[0], field.name) == getattr(IMAGE, field.name), field.name
    assert np.array_equal(back.images[0].pixels, IMAGE.pixels)


@pytest.mark.parametrize("name", ["seed", "seam", "warnings", "prompt", "negative_prompt", "score"])
def test_a_result_that_lacks_something_is_malformed(name):
    frame = sent(result_frame("job", Result(REQUEST, (IMAGE,), 2.5)))
    del frame.header["images"][0][name]
    with pytest.raises(WireError):
        result_of(frame, REQUEST)
