# SPDX-License-Identifier: GPL-3.0-or-later
"""The promise: exactly one closing message per job, whatever happens, and the next job works."""

import dataclasses
import threading
import time

import numpy as np
import pytest

from sd_blender.core.errors import (
    EngineUnavailable,
    ErrorKind,
    InvalidRequest,
    JobCancelled,
    OutOfMemory,
    QueueFull,
)
from sd_blender.core.generation_thread import QUEUE_LIMIT, GenerationThread
from sd_blender.core.messages import (
    Cancelled,
    Failed,
    Finished,
    Loading,
    Picture,
    Preview,
    Progress,
    Queued,
    Started,
)
from sd_blender.core.request import Sampling, TextToImage
from tests.fakes import FakeEngine, picture

REQUEST = TextToImage(prompt="stone", sampling=Sampling(width=32, height=16, steps=3, seed=5))
CLOSING = (Finished, Cancelled, Failed)


@pytest.fixture
def start():
    threads = []

    def factory(engine, **options):
        make = engine if callable(engine) else lambda: engine
        threads.append(GenerationThread(make, **options))
        return threads[-1]

    yield factory
    for thread in threads:
        assert thread.stop()


def until_closed(thread, job_id, timeout=10.0):
    """All messages up to the closing one of ``job_id``."""
    messages, deadline = [], time.monotonic() + timeout
    while time.monotonic() < deadline:
        message = thread.wait(0.1)
        if message is None:
            continue
        messages.append(message)
        if message.job_id == job_id and isinstance(message, CLOSING):
            return messages
    raise AssertionError(f"job {job_id} was never closed: {messages}")


def drain(thread):
    messages = []
    while (message := thread.poll()) is not None:
        messages.append(message)
    return messages


def test_a_job_tells_its_whole_story(start):
    thread = start(FakeEngine())
    job = thread.submit(REQUEST)
    messages = until_closed(thread, job)
    assert [type(m) for m in messages] == [
        Queued,
        Loading,
        Started,
        *[Preview, Progress] * 3,
        Picture,
        Finished,
    ]
    assert [m.step for m in messages if isinstance(m, Progress)] == [1, 2, 3]
    assert (messages[-1].result.images[0].pixels == picture(5, 32, 16)).all()


def test_refusals_make_no_job(start):
    thread = start(FakeEngine())
    with pytest.raises(InvalidRequest):
        thread.submit(TextToImage(prompt=""))
    assert drain(thread) == []


def test_the_engine_is_made_on_the_thread_and_once(start):
    made = []

    def factory():
        made.append(threading.current_thread())
        return FakeEngine()

    thread = start(factory)
    for _ in range(2):
        until_closed(thread, thread.submit(REQUEST))
    assert len(made) == 1 and made[0] is not threading.main_thread()


@pytest.mark.parametrize(
    "error, kind, words",
    [
        (OutOfMemory("Too big; use 512."), ErrorKind.OUT_OF_MEMORY, "Too big"),
        (RuntimeError("kaputt\nmore"), ErrorKind.UNEXPECTED, "kaputt"),
        (ZeroDivisionError(), ErrorKind.UNEXPECTED, "ZeroDivisionError"),
        (MemoryError(), ErrorKind.OUT_OF_MEMORY, "memory ran out; choose a smaller size"),
    ],
)
def test_what_the_engine_raises_becomes_one_message_and_the_next_job_works(start, error, kind, words):
    thread = start(FakeEngine(error=error, error_at=2))
    closing = until_closed(thread, thread.submit(REQUEST))[-1]
    assert isinstance(closing, Failed) and closing.kind is kind
    assert words in closing.message and "\n" not in closing.message and "Traceback" in closing.details
    assert isinstance(until_closed(thread, thread.submit(REQUEST))[-1], Finished)


def test_an_engine_that_cannot_be_made_fails_the_job_and_is_tried_again(start):
    attempts = []

    def factory():
        attempts.append(1)
        if len(attempts) == 1:
            raise EngineUnavailable("torch is missing; install it.")
        return FakeEngine()

    thread = start(factory)
    assert until_closed(thread, thread.submit(REQUEST))[-1].kind is ErrorKind.ENGINE_UNAVAILABLE
    assert isinstance(until_closed(thread, thread.submit(REQUEST))[-1], Finished)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((16, 31, 3), np.uint8), np.zeros((16, 32, 3), np.float64), np.zeros((16, 32), np.uint8)],
    ids=["size", "dtype", "shape"],
)
def test_a_wrong_picture_never_arrives(start, pixels):
    thread = start(FakeEngine(pixels=pixels))
    closing = until_closed(thread, thread.submit(REQUEST))[-1]
    assert isinstance(closing, Failed) and closing.kind is ErrorKind.BAD_RESULT


def test_cancel_while_running(start):
    thread = start(FakeEngine(hold=threading.Event()))
    job = thread.submit(REQUEST)
    while not isinstance(thread.wait(1), Started):
        pass
    thread.cancel(job)
    assert isinstance(until_closed(thread, job)[-1], Cancelled)


def test_cancel_in_the_queue_is_immediate_and_the_engine_never_sees_it(start):
    engine = FakeEngine(hold=threading.Event())
    thread = start(engine)
    first, second = thread.submit(REQUEST), thread.submit(REQUEST)
    thread.cancel(second)
    assert isinstance(until_closed(thread, second, timeout=1)[-1], Cancelled)
    engine.hold.set()
    assert isinstance(until_closed(thread, first)[-1], Finished)
    assert isinstance(until_closed(thread, thread.submit(REQUEST))[-1], Finished)
    assert len(engine.requests) == 2


def test_cancelling_twice_or_too_late_says_nothing_more(start):
    thread = start(FakeEngine())
    job = thread.submit(REQUEST)
    until_closed(thread, job)
    thread.cancel(job)
    thread.cancel("unknown")
    assert drain(thread) == []


def test_many_jobs_each_close_once_in_order(start):
    thread = start(FakeEngine())
    jobs = [thread.submit(REQUEST) for _ in range(20)]
    messages = until_closed(thread, jobs[-1])
    assert [m.job_id for m in messages if isinstance(m, CLOSING)] == jobs
    assert len(set(jobs)) == 20


def test_the_queue_is_bounded(start):
    thread = start(FakeEngine(hold=threading.Event()))
    for _ in range(QUEUE_LIMIT):
        thread.submit(REQUEST)
    with pytest.raises(QueueFull, match="wait"):
        thread.submit(REQUEST)
    thread.cancel_all()


def test_stop_closes_every_job_and_may_be_called_twice(start):
    engine = FakeEngine(hold=threading.Event())
    thread = start(engine)
    jobs = [thread.submit(REQUEST) for _ in range(3)]
    messages = []
    while not any(isinstance(message, Started) for message in messages):
        messages.append(thread.wait(1))
    assert thread.stop() and thread.stop()
    closings = [m for m in drain(thread) if isinstance(m, CLOSING)]
    assert sorted(m.job_id for m in closings) == sorted(jobs)
    assert all(isinstance(m, Cancelled) for m in closings)
    assert engine.unloads == 1
    with pytest.raises(EngineUnavailable):
        thread.submit(REQUEST)


def test_stop_is_bounded_and_closes_the_job_of_an_engine_that_does_not_listen():
    engine = FakeEngine(hold=threading.Event(), deaf=True)
    thread = GenerationThread(lambda: engine)
    job = thread.submit(REQUEST)
    while not isinstance(thread.wait(1), Started):
        pass
    began = time.monotonic()
    assert thread.stop(timeout=0.2) is False
    assert time.monotonic() - began < 2
    engine.hold.set()
    assert thread.stop(timeout=5) is True
    assert [m for m in drain(thread) if isinstance(m, CLOSING)] == [Cancelled(job)]


def test_unload_waits_for_the_jobs_before_it(start):
    engine = FakeEngine()
    thread = start(engine)
    thread.unload()  # nothing was ever started: nothing to do
    job = thread.submit(REQUEST)
    thread.unload()
    last = thread.submit(REQUEST)
    until_closed(thread, job)
    until_closed(thread, last)
    assert engine.unloads == 1


def test_finish_runs_on_the_thread_before_the_result_is_sent(start):
    def finish(request, image):
        assert threading.current_thread() is not threading.main_thread()
        return dataclasses.replace(image, png=b"encoded")

    thread = start(FakeEngine(), finish=finish)
    assert until_closed(thread, thread.submit(REQUEST))[-1].result.images[0].png == b"encoded"


def test_a_failing_finish_loses_no_picture(start):
    def finish(request, image):
        raise OSError("disk full")

    thread = start(FakeEngine(), finish=finish)
    closing = until_closed(thread, thread.submit(REQUEST))[-1]
    assert isinstance(closing, Finished)
    assert "disk full" in closing.result.images[0].warnings[0]


def test_cancel_and_finish_race_still_closes_once(start):
    thread = start(FakeEngine())
    for _ in range(50):
        job = thread.submit(REQUEST)
        thread.cancel(job)
        until_closed(thread, job)
    time.sleep(0.05)
    assert [m for m in drain(thread) if isinstance(m, CLOSING)] == []


def test_an_engine_without_work_is_unloaded_once_and_works_again(start):
    engine = FakeEngine()
    thread = start(engine, idle_seconds=0.05)
    for expected in (1, 2):
        until_closed(thread, thread.submit(REQUEST))
        until = time.monotonic() + 5
        while engine.unloads < expected and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.2)
        assert engine.unloads == expected


@pytest.mark.fault("F11")
@pytest.mark.fault("F66")
def test_a_cancel_while_the_last_picture_is_on_its_way_cancels_and_keeps_it(start):
    class Late(FakeEngine):
        def generate(self, job_id, request, report, is_cancelled):
            result = super().generate(job_id, request, report, is_cancelled)
            thread.cancel(job_id)
            return result

    thread = start(Late())
    job = thread.submit(REQUEST)
    closing = until_closed(thread, job)[-1]
    assert isinstance(closing, Cancelled) and [image.seed for image in closing.result.images] == [5]


@pytest.mark.parametrize(
    ("job", "places", "order"),
    [(2, -1, [0, 2, 1]), (2, -9, [2, 0, 1]), (0, 1, [1, 0, 2]), (0, 9, [1, 2, 0]), (1, 0, [0, 1, 2])],
)
def test_waiting_jobs_change_places_and_run_in_that_order(start, job, places, order):
    engine = FakeEngine(hold=threading.Event())
    thread = start(engine)
    running = thread.submit(REQUEST)
    while not isinstance(thread.wait(1), Started):
        pass
    jobs = [thread.submit(REQUEST) for _ in range(3)]
    assert thread.waiting() == jobs
    thread.move(jobs[job], places)
    thread.move(running, 1)  # too late: it keeps running
    thread.move("unknown", 1)
    assert thread.waiting() == [jobs[i] for i in order]
    engine.hold.set()
    messages = until_closed(thread, jobs[order[-1]])
    closed = [message.job_id for message in messages if isinstance(message, CLOSING)]
    assert closed == [running, *(jobs[i] for i in order)]


def test_an_unload_stays_after_as_many_jobs_as_it_was_asked_after(start, monkeypatch):
    engine = FakeEngine(hold=threading.Event())
    jobs_before = []
    monkeypatch.setattr(engine, "unload", lambda: jobs_before.append(len(engine.requests)))
    thread = start(engine)
    thread.submit(REQUEST)
    while not isinstance(thread.wait(1), Started):
        pass
    first = thread.submit(REQUEST)
    thread.unload()
    second = thread.submit(REQUEST)
    thread.move(second, -1)
    engine.hold.set()
    until_closed(thread, first)
    assert jobs_before == [2]


def until_prepared(engine):
    deadline = time.monotonic() + 10
    while not engine.prepared:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_an_engine_is_prepared_without_a_job_or_a_message(start):
    engine = FakeEngine()
    thread = start(engine)
    thread.prepare()
    until_prepared(engine)
    assert drain(thread) == []
    assert isinstance(until_closed(thread, thread.submit(REQUEST))[-1], Finished)
    assert (engine.prepared, len(engine.requests)) == (1, 1)


@pytest.mark.parametrize("error", [EngineUnavailable("It did not start."), JobCancelled(), OSError("gone")])
def test_what_fails_before_there_is_a_job_is_silent(start, error):
    engine = FakeEngine(prepare_error=error)
    thread = start(engine)
    thread.prepare()
    until_prepared(engine)
    assert isinstance(until_closed(thread, thread.submit(REQUEST))[-1], Finished)


def test_an_engine_that_cannot_be_made_ahead_is_tried_again_by_the_job(start):
    attempts = []

    def factory():
        attempts.append(1)
        if len(attempts) == 1:
            raise EngineUnavailable("torch is missing; install it.")
        return FakeEngine()

    thread = start(factory)
    thread.prepare()
    assert isinstance(until_closed(thread, thread.submit(REQUEST))[-1], Finished)
    assert len(attempts) == 2


def test_nothing_is_prepared_beside_a_job_or_after_the_end(start):
    engine = FakeEngine(hold=threading.Event())
    thread = start(engine)
    job = thread.submit(REQUEST)
    thread.prepare()
    engine.hold.set()
    until_closed(thread, job)
    assert thread.stop()
    thread.prepare()
    assert engine.prepared == 0


def test_a_prepared_engine_without_work_is_unloaded(start):
    engine = FakeEngine()
    thread = start(engine, idle_seconds=0.01)
    thread.prepare()
    deadline = time.monotonic() + 10
    while not engine.unloads:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert engine.prepared == 1
