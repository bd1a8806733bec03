# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said in one process arrives as it was in the other."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from sd_blender.core.errors import ErrorKind, OutOfMemory
from sd_blender.core.messages import GeneratedImage, Picture, Result, Seam
from sd_blender.core.request import TextToImage
from sd_blender.core.sentence import Sentence
from sd_blender.worker.frames import Frame, WireError
from sd_blender.worker.protocol import (
    error_frame,
    error_of,
    generate_frame,
    message_frame,
    message_of,
    request_of,
    result_frame,
    result_of,
)

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


def test_a_picture_keeps_everything_the_engine_said():
    back = message_of(sent(message_frame(Picture("job", IMAGE))))
    assert isinstance(back, Picture) and back.job_id == "job"
    for field in dataclasses.fields(GeneratedImage):
        if field.name != "pixels":
            assert getattr(back.image, field.name) == getattr(IMAGE, field.name), field.name
    assert np.array_equal(back.image.pixels, IMAGE.pixels)


@pytest.mark.parametrize("name", ["seed", "seam", "warnings", "prompt", "negative_prompt", "score"])
def test_a_picture_that_lacks_something_is_malformed(name):
    frame = sent(message_frame(Picture("job", IMAGE)))
    del frame.header[name]
    with pytest.raises(WireError):
        message_of(frame)


def test_a_result_says_which_of_the_pictures_it_has_in_which_order():
    pictures = {seed: dataclasses.replace(IMAGE, seed=seed) for seed in (5, 6, 7)}
    precision = Sentence("{network} in {precision}", network="U-Net", precision="float32")
    result = Result(REQUEST, (pictures[7], pictures[5]), 2.5, precision)
    frame = sent(result_frame("job", result))
    assert not frame.arrays, "they crossed already"
    back = result_of(frame, REQUEST, pictures)
    assert back.request is REQUEST and back.seconds == 2.5
    assert back.precision == precision and back.precision.pattern == precision.pattern
    assert [image.seed for image in back.images] == [7, 5]


@pytest.mark.parametrize("seeds", [[9], [[5]], None, 5])
def test_a_result_of_pictures_that_did_not_cross_is_malformed(seeds):
    frame = sent(result_frame("job", Result(REQUEST, (IMAGE,), 2.5)))
    frame.header["seeds"] = seeds
    with pytest.raises(WireError):
        result_of(frame, REQUEST, {5: IMAGE})


@pytest.mark.parametrize("error", [OutOfMemory("The memory ran out; try 512 x 512."), MemoryError()])
def test_memory_that_ran_out_is_called_so(error):
    back = error_of(sent(error_frame("job", error, "")))
    assert back.kind is ErrorKind.OUT_OF_MEMORY and back.message.startswith("The memory ran out; ")
