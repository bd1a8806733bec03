# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done is kept, however the job ends, and each picture is finished once."""

from __future__ import annotations

import dataclasses
import threading

import numpy as np
import pytest

from sd_blender.core.errors import DeviceLost, OutOfMemory
from sd_blender.core.generation_thread import GenerationThread
from sd_blender.core.kept_pictures import KeptPictures, best_of
from sd_blender.core.messages import Cancelled, Failed, Finished, GeneratedImage, Picture, Seam
from sd_blender.core.request import Sampling, TextToImage
from tests.fakes import FakeEngine, picture

SAMPLING = Sampling(width=16, height=24, steps=2, seed=5, count=4)
REQUEST = TextToImage(prompt="stone", sampling=SAMPLING)


def image(seed: int, score: float | None = None, side: int = 16) -> GeneratedImage:
    return GeneratedImage(picture(seed, side, 24), seed, Seam(1, 1), score=score)


@pytest.fixture
def start():
    threads = []

    def start(engine, finish=None):
        threads.append(GenerationThread(lambda: engine, finish))
        return threads[-1]

    yield start
    for thread in threads:
        thread.stop()


def until(thread, wanted, count=1):
    """The messages up to the ``count``-th of the kind ``wanted``."""
    messages = []
    while sum(isinstance(message, wanted) for message in messages) < count:
        message = thread.wait(20)
        assert message is not None, messages
        messages.append(message)
    return messages


ENDS = [OutOfMemory("Too large."), DeviceLost("It is gone."), MemoryError(), ValueError("a defect")]


@pytest.mark.fault("F66")
@pytest.mark.parametrize("error", ENDS, ids=lambda error: type(error).__name__)
def test_an_error_at_the_third_picture_keeps_two(start, error):
    thread = start(FakeEngine(error=error, error_at=6))
    thread.submit(REQUEST)
    closing = until(thread, Failed)[-1]
    assert [kept.seed for kept in closing.result.images] == [5, 6]
    assert np.array_equal(closing.result.images[1].pixels, picture(6, 16, 24))
    assert closing.result.request is REQUEST and closing.message.endswith(".")


@pytest.mark.fault("F66")
def test_a_cancel_keeps_what_is_done(start):
    engine = FakeEngine(step_seconds=0.02)
    thread = start(engine)
    job = thread.submit(REQUEST)
    messages = until(thread, Picture, 2)
    thread.cancel(job)
    messages += until(thread, Cancelled)
    crossed = [message.image for message in messages if isinstance(message, Picture)]
    assert len(crossed) >= 2 and list(messages[-1].result.images) == crossed


@pytest.mark.fault("F66")
def test_an_engine_that_does_not_let_go_loses_no_picture_that_it_made(start):
    go_on = threading.Event()

    class Stuck(FakeEngine):
        def _step(self, step, is_cancelled):
            if step == 6:
                go_on.wait()

    thread = start(Stuck())
    thread.submit(REQUEST)
    until(thread, Picture, 2)
    assert not thread.stop(0.1)
    assert [kept.seed for kept in until(thread, Cancelled)[-1].result.images] == [5, 6]
    go_on.set()


def test_a_job_without_a_picture_has_no_result(start):
    thread = start(FakeEngine(error=OutOfMemory("Too large.")))
    thread.submit(REQUEST)
    assert until(thread, Failed)[-1].result is None


@pytest.mark.fault("F66")
def test_what_is_no_picture_is_not_kept(start):
    engine = FakeEngine(pixels=picture(1, 17, 24))
    thread = start(engine)
    thread.submit(REQUEST)
    messages = until(thread, Failed)
    assert messages[-1].result is None and "shape" in messages[-1].message
    assert not any(isinstance(message, Picture) for message in messages)


def test_pictures_come_in_the_order_in_which_they_are_made_and_the_result_has_the_same(start):
    thread = start(FakeEngine(), finish=lambda request, image: dataclasses.replace(image, png=b"encoded"))
    thread.submit(REQUEST)
    messages = until(thread, Finished)
    crossed = [message.image for message in messages if isinstance(message, Picture)]
    assert [kept.seed for kept in crossed] == [5, 6, 7, 8]
    assert all(a is b for a, b in zip(crossed, messages[-1].result.images, strict=True))
    assert {kept.png for kept in crossed} == {b"encoded"}


@pytest.mark.parametrize("keep", [0, 2])
def test_only_what_stays_is_finished_and_that_once(start, keep):
    finished = []

    def finish(request, image):
        assert threading.current_thread() is not threading.main_thread()
        finished.append(image.seed)
        return image

    thread = start(FakeEngine(), finish)
    thread.submit(dataclasses.replace(REQUEST, keep=keep))
    result = until(thread, Finished)[-1].result
    assert [kept.seed for kept in result.images] == finished == ([8, 7] if keep else [5, 6, 7, 8])


@pytest.mark.fault("F66")
def test_of_what_was_judged_before_an_error_the_best_are_kept(start):
    finished = []

    def finish(request, image):
        finished.append(image.seed)
        return image

    thread = start(FakeEngine(error=OutOfMemory("Too large."), error_at=7), finish)
    thread.submit(dataclasses.replace(REQUEST, keep=2))
    assert [kept.seed for kept in until(thread, Failed)[-1].result.images] == finished == [7, 6]


def test_the_best_of_what_was_judged():
    images = [image(1, 0.2), image(2, 0.9), image(3, 0.2), image(4, 0.5)]
    assert [kept.seed for kept in best_of(images, 3)] == [2, 4, 1]
    assert best_of(images, 0) == images and best_of([], 2) == []
    unjudged = [*images, image(5)]
    assert best_of(unjudged, 2) == unjudged, "nobody knows whether it was the best"


def test_a_picture_that_cannot_be_finished_is_kept_with_a_warning():
    def fail(request, image):
        raise OSError("disk full")

    kept = KeptPictures(REQUEST, fail)
    kept.add(image(5))
    assert "disk full" in kept.so_far().images[0].warnings[0]
