# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the core alone must survive: too many clicks, results that are no pictures, clocks, hostile settings."""

from __future__ import annotations

import ast
import itertools
import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from sd_blender.core.errors import ErrorKind, InvalidRequest, QueueFull
from sd_blender.core.generation_thread import QUEUE_LIMIT, GenerationThread
from sd_blender.core.messages import Cancelled, Failed, Finished, Queued, Started
from sd_blender.core.request import Sampling, TextToImage
from sd_blender.core.serialization import from_json
from tests.fakes import FakeEngine, picture

PACKAGE = Path(__file__).parents[2] / "sd_blender"
REQUEST = TextToImage(prompt="stone", sampling=Sampling(width=32, height=16, steps=2, seed=5))
CLOSING = (Finished, Cancelled, Failed)


@pytest.fixture
def start():
    threads = []

    def start(engine):
        threads.append(GenerationThread(lambda: engine))
        return threads[-1]

    yield start
    for thread in threads:
        assert thread.stop()


def messages_until(thread, closings, timeout=20.0):
    """All messages up to the ``closings``-th closing one."""
    messages, deadline = [], time.monotonic() + timeout
    while closings and time.monotonic() < deadline:
        message = thread.wait(0.1)
        if message is not None:
            messages.append(message)
            closings -= isinstance(message, CLOSING)
    assert not closings, messages[-3:]
    return messages


def submit(thread, times):
    """The ids of the jobs that were taken, and how often the queue was full."""
    jobs, refused = [], 0
    for _ in range(times):
        try:
            jobs.append(thread.submit(REQUEST))
        except QueueFull:
            refused += 1
    return jobs, refused


@pytest.mark.fault("F12")
def test_a_hundred_clicks(start):
    """The queue takes what it can hold, each job has its own id and its own uninterrupted story."""
    engine = FakeEngine(hold=threading.Event())
    thread = start(engine)
    jobs, refused = submit(thread, 100)
    assert (len(jobs), refused) == (QUEUE_LIMIT, 100 - QUEUE_LIMIT) and len(set(jobs)) == QUEUE_LIMIT
    engine.hold.set()
    told = [m for m in messages_until(thread, QUEUE_LIMIT) if not isinstance(m, Queued)]
    stories = [told[0].job_id] + [b.job_id for a, b in itertools.pairwise(told) if a.job_id != b.job_id]
    assert stories == jobs, "one job after the other, no message between those of another"
    assert [m.job_id for m in told if isinstance(m, Finished)] == jobs


@pytest.mark.fault("F12")
def test_clicks_during_a_cancel(start):
    """While an engine takes its time to notice, more jobs come and go; the last one is made."""
    engine = FakeEngine(hold=threading.Event(), deaf=True)
    thread = start(engine)
    first = thread.submit(REQUEST)
    while not isinstance(thread.wait(1), Started):
        pass
    thread.cancel(first)
    jobs, _ = submit(thread, 5)
    for job in jobs[:-1]:
        thread.cancel(job)
    engine.deaf = False
    engine.hold.set()
    closings = {m.job_id: type(m) for m in messages_until(thread, 6) if isinstance(m, CLOSING)}
    assert closings == {first: Cancelled, **dict.fromkeys(jobs[:-1], Cancelled), jobs[-1]: Finished}


BAD_PIXELS = {
    "float64": picture(1, 32, 16).astype(np.float64),
    "float32 with NaN": np.full((16, 32, 3), np.nan, np.float32),
    "uint16": picture(1, 32, 16).astype(np.uint16),
    "a pixel too wide": picture(1, 33, 16),
    "a pixel too low": picture(1, 32, 15),
    "lying down": picture(1, 16, 32),
    "grey": picture(1, 32, 16)[..., 0],
    "two channels": picture(1, 32, 16)[..., :2],
    "nothing": np.zeros((0, 0, 3), np.uint8),
}


@pytest.mark.fault("F10")
@pytest.mark.fault("F08")
@pytest.mark.parametrize("kind", BAD_PIXELS)
def test_what_is_no_picture_is_refused_with_its_size(start, kind):
    """On the thread: it never reaches the timer of the main thread. Values that are not numbers have no uint8."""
    engine = FakeEngine(pixels=BAD_PIXELS[kind], seam=1.0)
    thread = start(engine)
    thread.submit(REQUEST)
    closing = messages_until(thread, 1)[-1]
    assert isinstance(closing, Failed) and closing.kind is ErrorKind.BAD_RESULT
    assert str(BAD_PIXELS[kind].shape) in closing.message and "32 x 16" in closing.message
    engine.pixels = None
    thread.submit(REQUEST)
    assert isinstance(messages_until(thread, 1)[-1], Finished)


WALL_CLOCKS = {
    ("time", "time"),
    ("time", "time_ns"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("date", "today"),
}


def wall_clocks(source):
    """Line numbers of calls of a clock that jumps: with the time zone, daylight saving, or a correction."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = (
                node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            )
            if (owner, node.attr) in WALL_CLOCKS:
                yield node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (node.lineno for alias in node.names if alias.name in ("time", "time_ns"))


@pytest.mark.fault("F49")
def test_only_clocks_that_never_jump():
    found = [
        f"{file.relative_to(PACKAGE)}:{line}"
        for file in sorted(PACKAGE.rglob("*.py"))
        for line in wall_clocks(file.read_text(encoding="utf-8"))
    ]
    assert not found, "use time.monotonic()"


@pytest.mark.parametrize(
    "source",
    ["import time\ntime.time()", "import datetime\ndatetime.datetime.now()", "from time import time"],
)
def test_a_clock_that_jumps_is_recognised(source):
    assert list(wall_clocks(source))


def nested(levels):
    return json.loads("[" * levels + "]" * levels)


HOSTILE = {
    "deep prompt": ({"prompt": nested(900)}, "prompt"),
    "deep tiling": ({"tiling": nested(900)}, "tiling"),
    "deep task": ({"task": nested(900)}, "task"),
    "deep steps": ({"sampling": {"steps": nested(900)}}, "steps"),
    "deep scheduler": ({"sampling": {"scheduler": nested(900)}}, "scheduler"),
    "huge guidance": ({"sampling": {"guidance_scale": 10**400}}, "guidance_scale"),
    "huge negative guidance": ({"sampling": {"guidance_scale": -(10**400)}}, "guidance_scale"),
    "huge steps": ({"sampling": {"steps": 10**4000}}, "steps"),
    "a number too long to print": ({"sampling": {"seed": 10**5000}}, "seed"),
    "infinite guidance": ({"sampling": {"guidance_scale": json.loads("1e999")}}, "guidance_scale"),
    "NaN": ({"sampling": {"guidance_scale": json.loads("NaN")}}, "guidance_scale"),
    "null": ({"prompt": None}, "prompt"),
    "a prototype": ({"__proto__": {"polluted": True}}, "__proto__"),
    "a class": ({"__class__": "os.system"}, "__class__"),
    "a prototype in the sampling": ({"sampling": {"__init__": 1}}, "sampling.__init__"),
    "a long unknown name": ({"x" * 10**6: 1}, "x" * 60),
    "text for a number": ({"sampling": {"width": "512"}}, "width"),
    "a list for text": ({"negative_prompt": ["a"]}, "negative_prompt"),
    "a dictionary for a model": ({"model": {"path": "/"}}, "model"),
    "a null byte": ({"model": "a\0b"}, "model"),
    "an array in the header": ({"image": [[0]]}, "image"),
    "version of tomorrow": ({"version": 10**4000}, "version"),
    "version as text": ({"version": "1"}, "version"),
    "true for a number": ({"sampling": {"count": True}}, "count"),
}


@pytest.mark.fault("F54")
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_settings(kind):
    changes, field = HOSTILE[kind]
    with pytest.raises(InvalidRequest) as caught:
        from_json({"version": 1, "task": "text_to_image", "prompt": "sand"} | changes, {})
    error = caught.value
    assert error.field == field
    assert len(str(error)) < 400 and "\n" not in str(error) and str(error).endswith(".")


@pytest.mark.fault("F54")
@pytest.mark.parametrize("header", [None, [], "text", 5, True, {}, nested(900)])
def test_settings_that_are_no_object(header):
    with pytest.raises(InvalidRequest):
        from_json(header, {})
