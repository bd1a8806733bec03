# SPDX-License-Identifier: GPL-3.0-or-later
"""ProcessEngine with real worker processes, whose engine is scripted: every fault ends in a sentence and a next job."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sd_blender.core.errors import EngineUnavailable, ErrorKind, JobCancelled, SDBlenderError, WorkerDied
from sd_blender.core.generation_thread import GenerationThread
from sd_blender.core.messages import Cancelled, Failed, Finished, Loading, Picture, Preview, Progress, Started
from sd_blender.core.request import ImageToImage, Inpaint, Sampling, TextToImage
from sd_blender.worker import child, frames
from sd_blender.worker.frames import WireError
from sd_blender.worker.log_file import WorkerLog
from sd_blender.worker.process_engine import ProcessEngine
from sd_blender.worker.watch import Limits, Restarts
from tests.fakes import picture

STUB = Path(__file__).with_name("stub_worker.py")
LIMITS = Limits(start=20, heartbeat=20, quiet=20, step=20, cancel=0.5)
SMALL = Sampling(width=16, height=24, steps=4, seed=5)

posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")


@pytest.fixture
def make(tmp_path):
    """Makes engines; whatever a test does, their workers are gone after it."""
    engines = []

    def factory(fault: str = "", limits: Limits = LIMITS, **options: object) -> ProcessEngine:
        command = [sys.executable, str(STUB), *([fault] if fault else [])]
        engine = ProcessEngine(command, WorkerLog(tmp_path), limits, **options)
        engines.append(engine)
        return engine

    yield factory
    for engine in engines:
        engine.unload()


class Job:
    """A job on a thread of its own, as the generation thread runs it."""

    def __init__(self, engine: ProcessEngine, prompt: str, **changes: object) -> None:
        self.messages, self.cancelled = [], threading.Event()
        self.result = self.error = None
        request = TextToImage(prompt=prompt, sampling=SMALL, **changes)

        def run() -> None:
            try:
                self.result = engine.generate("job", request, self.messages.append, self.cancelled.is_set)
            except (SDBlenderError, JobCancelled) as error:
                self.error = error

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def wait_for(self, kind: type) -> None:
        until = time.monotonic() + 20
        while not any(isinstance(m, kind) for m in self.messages):
            assert time.monotonic() < until and self.thread.is_alive(), (kind, self.messages, self.error)
            time.sleep(0.01)

    def end(self, seconds: float = 20) -> None:
        self.thread.join(seconds)
        assert not self.thread.is_alive(), "the job hangs"


def run(engine: ProcessEngine, prompt: str = "moss", request=None, messages=None):
    request = request or TextToImage(prompt=prompt, sampling=SMALL)
    report = (messages if messages is not None else []).append
    return engine.generate("job", request, report, lambda: False)


def assert_works(engine: ProcessEngine) -> None:
    assert np.array_equal(run(engine).images[0].pixels, picture(5, 16, 24))


def gone(pid: int, seconds: float = 1.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(FileNotFoundError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.01)
                continue
        return True
    return False


def test_a_job_and_all_its_messages(make):
    messages = []
    engine = make()
    result = run(engine, messages=messages)
    assert np.array_equal(result.images[0].pixels, picture(5, 16, 24))
    assert (result.images[0].seed, result.request.prompt) == (5, "moss")
    assert [m for m in messages if not isinstance(m, (Preview, Picture))] == [
        Loading("job", "Starting the engine"),
        Loading("job", "Loading the libraries"),
        Loading("job", "Loading the model"),
        Started("job", 4),
        *(Progress("job", step, 4, step // 4) for step in range(1, 5)),
    ]
    assert sum(isinstance(m, Preview) for m in messages) == 4


def test_the_same_process_serves_the_next_job_until_it_is_unloaded(make):
    engine = make()
    run(engine)
    first = engine.pid
    run(engine)
    assert engine.pid == first
    engine.unload()
    assert engine.pid is None and gone(first)
    assert_works(engine)


@pytest.mark.parametrize("side", [16, 700])
def test_pictures_and_masks_cross_unchanged(make, side):
    random = np.random.default_rng(side)
    image = random.integers(0, 256, (side, side + 3, 4), dtype=np.uint8)
    mask = np.zeros((side, side + 3), np.float32)
    mask[3:9, 4:9] = 1
    result = run(make(), request=Inpaint(prompt="moss", image=image, mask=mask, feather=0, sampling=SMALL))
    assert np.array_equal(result.images[0].pixels[mask == 0], image[mask == 0])
    engine = make()
    assert run(engine, request=ImageToImage(prompt="a", image=image, sampling=SMALL)).images[0].pixels.size


def test_many_pictures_come_in_order(make):
    sampling = Sampling(width=16, height=16, steps=1, seed=7, count=9)
    images = run(make(), request=TextToImage(prompt="a", sampling=sampling)).images
    assert [i.seed for i in images] == list(range(7, 16))
    assert all(np.array_equal(i.pixels, picture(i.seed, 16, 16)) for i in images)


@pytest.mark.fault("F24")
def test_what_a_library_prints_goes_to_the_log(make):
    engine = make()
    assert run(engine, "print").images
    engine.unload()
    assert "a library says hello" in engine.log.last_lines and "so does its child" in engine.log.last_lines


@posix
@pytest.mark.fault("F05")
@pytest.mark.parametrize(("prompt", "when"), [("load", Loading), ("hold", Started)])
def test_a_killed_worker_fails_its_job_within_a_second_and_the_next_works(make, prompt, when):
    engine = make()
    run(engine)
    job = Job(engine, prompt)
    job.wait_for(when)
    killed = time.monotonic()
    os.kill(engine.pid, signal.SIGKILL)
    job.end()
    assert time.monotonic() - killed < 1.5
    assert isinstance(job.error, WorkerDied)
    assert "signal 9, killed" in job.error.message and str(engine.log.path) in job.error.details
    assert_works(engine)


@posix
@pytest.mark.fault("F05")
def test_a_worker_killed_between_two_jobs_costs_none_of_them(make):
    engine = make()
    run(engine)
    os.kill(engine.pid, signal.SIGKILL)
    time.sleep(0.2)
    assert_works(engine)


@posix
@pytest.mark.fault("F05")
def test_a_worker_killed_while_it_starts(make):
    engine = make("silent")
    job = Job(engine, "moss")
    job.wait_for(Loading)
    while engine.pid is None:
        time.sleep(0.01)
    os.kill(engine.pid, signal.SIGKILL)
    job.end()
    assert isinstance(job.error, EngineUnavailable) and "signal 9" in job.error.message


@pytest.mark.fault("F05")
@pytest.mark.parametrize(("prompt", "how"), [("exit", "exit code 7"), ("abort", "signal 6")])
def test_a_worker_that_ends_by_itself(make, prompt, how):
    engine = make()
    with pytest.raises(WorkerDied, match=how):
        run(engine, prompt)
    assert_works(engine)


@pytest.mark.fault("F05")
def test_after_three_restarts_the_engine_says_so_and_unload_tries_again(make):
    engine = make(restarts=Restarts(waits=(0.0,)))
    for _ in range(4):
        with pytest.raises(WorkerDied):
            run(engine, "exit")
    with pytest.raises(EngineUnavailable, match="stopped 4 times in 5 minutes; press Unload Model"):
        run(engine)
    engine.unload()
    assert_works(engine)


@pytest.mark.fault("F06")
def test_a_worker_that_hangs_in_a_step_is_ended(make):
    engine = make(limits=Limits(step=0.5, slowdown=1, heartbeat=20))
    run(engine)
    pid = engine.pid
    with pytest.raises(WorkerDied, match="made no progress"):
        run(engine, "deaf")
    assert gone(pid)
    assert_works(engine)


@posix
@pytest.mark.fault("F06")
def test_a_frozen_worker_is_ended(make):
    engine = make(limits=Limits(heartbeat=2.5))
    run(engine)
    pid = engine.pid
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(WorkerDied, match="no sign of life"):
        run(engine)
    assert gone(pid)
    assert_works(engine)


@pytest.mark.fault("F11")
@pytest.mark.parametrize(
    ("prompt", "when", "survives"),
    [("hold", Started, True), ("slow", Progress, True), ("deaf", Started, False), ("load", Loading, False)],
)
def test_cancel_ends_a_job_at_every_stage(make, prompt, when, survives):
    engine = make()
    run(engine)
    pid = engine.pid
    job = Job(engine, prompt)
    job.wait_for(when)
    job.cancelled.set()
    began = time.monotonic()
    job.end()
    assert time.monotonic() - began < LIMITS.cancel + 2.5
    assert isinstance(job.error, JobCancelled)
    assert (engine.pid == pid) is survives and (survives or gone(pid))
    assert_works(engine)


@pytest.mark.fault("F11")
def test_cancel_while_the_worker_starts(make):
    engine = make("silent")
    job = Job(engine, "moss")
    job.wait_for(Loading)
    job.cancelled.set()
    job.end(5)
    assert isinstance(job.error, JobCancelled) and engine.pid is None


@pytest.mark.fault("F04")
def test_a_lost_device_ends_the_worker_and_not_the_queue(make):
    engine = make()
    run(engine)
    pid = engine.pid
    with pytest.raises(SDBlenderError) as caught:
        run(engine, "lost")
    assert caught.value.kind is ErrorKind.DEVICE_LOST
    assert gone(pid)
    assert_works(engine)


@pytest.mark.fault("F24")
def test_bytes_that_are_no_frame_end_the_worker(make):
    engine = make()
    with pytest.raises(WorkerDied, match="no answer"):
        run(engine, "nonsense")
    assert_works(engine)


@pytest.mark.fault("F24")
def test_a_worker_that_prints_before_it_speaks(make):
    with pytest.raises(EngineUnavailable, match="did not start"):
        run(make("chatty"))


@pytest.mark.fault("F45")
@pytest.mark.parametrize(("fault", "details"), [("dies", "cannot import numpy"), ("silent", "")])
def test_a_worker_that_does_not_start(make, fault, details):
    engine = make(fault, limits=Limits(start=1.0 if fault == "silent" else 20.0))
    with pytest.raises(EngineUnavailable, match="did not start") as caught:
        run(engine)
    assert details in caught.value.details


@pytest.mark.fault("F45")
def test_a_python_that_is_not_there(tmp_path):
    engine = ProcessEngine([str(tmp_path / "python")], WorkerLog(tmp_path))
    with pytest.raises(EngineUnavailable, match="cannot be started; install"):
        run(engine)


@pytest.mark.fault("F45")
def test_the_kind_and_the_words_of_an_error_arrive(make):
    engine = make()
    with pytest.raises(SDBlenderError, match="torch is not installed") as caught:
        run(engine, "nothere")
    assert caught.value.kind is ErrorKind.ENGINE_UNAVAILABLE
    with pytest.raises(SDBlenderError, match=r"ValueError: the engine's own mistake") as caught:
        run(engine, "raise")
    assert caught.value.kind is ErrorKind.UNEXPECTED and "Traceback" in caught.value.details
    assert_works(engine)


@posix
@pytest.mark.fault("F21")
@pytest.mark.parametrize("prompt", ["hold", "load", "slow"])
def test_no_orphan_is_left_when_the_parent_is_killed(tmp_path, prompt):
    """SIGKILL of the parent, in each phase: the worker is gone within a second."""
    script = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from pathlib import Path
from sd_blender.core.request import Sampling, TextToImage
from sd_blender.worker.log_file import WorkerLog
from sd_blender.worker.process_engine import ProcessEngine
engine = ProcessEngine([sys.executable, {str(STUB)!r}], WorkerLog(Path({str(tmp_path)!r})))
request = TextToImage(prompt={prompt!r}, sampling=Sampling(width=16, height=16, steps=1000))
engine.generate("job", request, lambda m: print(engine.pid, type(m).__name__, flush=True), lambda: False)
"""
    import subprocess

    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        waited = "Loading" if prompt == "load" else "Started"
        seen = 0
        for line in parent.stdout:
            pid, name = line.split()
            seen += name == waited
            if seen and pid != "None":
                break
        parent.kill()
    assert gone(int(pid))


@posix
@pytest.mark.fault("F56")
def test_many_jobs_leave_nothing_behind(make):
    """Threads and handles of this process and the memory of both stay flat over 200 jobs."""
    engine = make()

    def used() -> tuple[int, int]:
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    def resident(pid: int) -> int:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])

    for _ in range(40):
        run(engine)
    before, pages = used(), (resident(os.getpid()), resident(engine.pid))
    for _ in range(200):
        run(engine)
    assert used() == before
    for was, pid in zip(pages, (os.getpid(), engine.pid), strict=True):
        assert resident(pid) < was * 1.02 + 128
    for _ in range(10):
        engine.unload()
        run(engine)
    time.sleep(0.2)
    assert used() == before


IMAGE = ImageToImage(prompt="moss", image=np.zeros((24, 16, 3), np.uint8), sampling=SMALL)


@pytest.mark.fault("F65")
@pytest.mark.parametrize(
    ("fault", "words"),
    [("reader", "had no memory to take in the job"), ("surprise", "could not read what it was sent")],
)
def test_a_worker_that_cannot_take_in_a_job_says_so_at_once_and_the_next_works(make, fault, words):
    engine = make(fault)
    run(engine)
    pid, began = engine.pid, time.monotonic()
    with pytest.raises(WorkerDied, match=words):
        run(engine, request=IMAGE)
    assert time.monotonic() - began < 15, "no limit of patience was needed"
    assert gone(pid)
    assert_works(engine)


@pytest.mark.fault("F65")
@pytest.mark.parametrize(
    ("error", "words"),
    [(MemoryError, "sent more than Blender has memory for"), (LookupError, "could not be heard")],
)
def test_a_parent_that_cannot_take_in_an_answer_says_so_at_once(make, monkeypatch, error, words):
    engine = make()
    run(engine)
    pid, read = engine.pid, child.read_frame

    def fails(stream):
        frame = read(stream)
        if frame is not None and frame.type == "picture":
            raise error("no room")
        return frame

    monkeypatch.setattr(child, "read_frame", fails)
    engine.unload()
    with pytest.raises(WorkerDied, match=words):
        run(engine)
    assert gone(pid)
    monkeypatch.undo()
    assert_works(engine)


@pytest.mark.fault("F65")
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "for which Blender has too little memory"),
        (WireError("arrays of 5 GB are too long"), r"could not be sent the job \(arrays of 5 GB"),
    ],
)
def test_a_job_that_cannot_be_sent_is_said_so_at_once(make, monkeypatch, error, words):
    engine = make()
    run(engine)

    def fails(stream, frame):
        raise error

    monkeypatch.setattr(child, "write_frame", fails)
    with pytest.raises(WorkerDied, match=words):
        run(engine)
    monkeypatch.undo()
    assert_works(engine)


MANY = TextToImage(prompt="moss", sampling=Sampling(width=16, height=24, steps=3, seed=5, count=4))


@pytest.mark.fault("F66")
@pytest.mark.parametrize(
    ("prompt", "closing"),
    [
        ("third-exit", Failed),
        ("third-memory", Failed),
        ("third-lost", Failed),
        ("third-hold", Cancelled),
        ("third-deaf", Cancelled),
    ],
)
def test_whatever_ends_a_job_the_pictures_that_are_done_are_kept(make, prompt, closing):
    """A worker that ends, memory, a lost device, a cancel, and one that is not heard."""
    engine = make()
    thread = GenerationThread(lambda: engine)
    try:
        job = thread.submit(replace(MANY, prompt=prompt))
        crossed = []
        while not isinstance(message := thread.wait(20), closing):
            assert message is not None and not isinstance(message, (Finished, Failed, Cancelled))
            crossed += [message.image] if isinstance(message, Picture) else []
            if len(crossed) == 2 and closing is Cancelled:
                thread.cancel(job)
        assert [image.seed for image in crossed] == [5, 6]
        assert list(message.result.images) == crossed
        assert np.array_equal(crossed[1].pixels, picture(6, 16, 24))
        thread.submit(MANY)
        while not isinstance(message := thread.wait(20), Finished):
            assert message is not None
        assert [image.seed for image in message.result.images] == [5, 6, 7, 8]
    finally:
        thread.stop()


@pytest.mark.fault("F66")
def test_many_pictures_may_be_more_than_a_frame_holds(make, monkeypatch):
    monkeypatch.setattr(frames, "MAX_ARRAY_BYTES", 2 * 16 * 24 * 3)
    sampling = Sampling(width=16, height=24, steps=1, seed=7, count=9)
    assert len(run(make(), request=TextToImage(prompt="a", sampling=sampling)).images) == 9


@pytest.mark.fault("F67")
def test_a_slow_step_that_works_is_waited_for(make):
    engine = make(limits=Limits(step=4, slowdown=0, heartbeat=20))
    run(engine)
    pid = engine.pid
    assert run(engine, "asks").images, "a step of more than silence may take"
    assert engine.pid == pid


def never() -> bool:
    return False


def imported(engine: ProcessEngine, times: int = 1) -> None:
    """Wait until the worker made its engine so many times."""
    until = time.monotonic() + 20
    while engine.log.last_lines.count("imports in") < times:
        assert time.monotonic() < until, engine.log.last_lines
        time.sleep(0.01)


def test_a_prepared_worker_is_the_one_that_does_the_job(make):
    engine, messages = make(), []
    engine.prepare(never)
    imported(engine)
    pid = engine.pid
    engine.prepare(never)
    run(engine, messages=messages)
    assert engine.pid == pid and engine.log.last_lines.count("imports in") == 1
    assert [m.text for m in messages if isinstance(m, Loading)] == ["Loading the model"]


def test_a_job_that_comes_while_libraries_are_imported_waits_for_them_and_says_so(make):
    engine, messages = make("imports"), []
    engine.prepare(never)
    imported(engine)
    run(engine, messages=messages)
    assert [m.text for m in messages if isinstance(m, Loading)] == [
        "Loading the libraries",
        "Loading the model",
    ]


def test_to_prepare_does_not_wait_for_the_imports(make):
    engine = make("imports")
    engine.prepare(never)
    assert engine.log.last_lines.count("imports in") <= 1
    engine.unload()  # in the middle of them
    assert engine.pid is None


def test_libraries_that_cannot_be_imported_are_told_by_the_job(make):
    engine = make("nothere")
    engine.prepare(never)
    imported(engine)
    with pytest.raises(SDBlenderError, match="torch is not installed"):
        run(engine)


def test_a_worker_that_dies_while_it_is_prepared_is_started_again_for_the_job(make):
    engine = make("crashes")
    engine.prepare(never)
    imported(engine)
    assert gone(engine.pid)
    with pytest.raises(WorkerDied, match="exit code 9"):
        run(engine)


def test_a_worker_that_cannot_start_costs_no_try_before_there_is_a_job(make):
    engine = make("dies", restarts=Restarts(most=0))
    for _ in range(3):
        with pytest.raises(EngineUnavailable, match="did not start"):
            engine.prepare(never)
    with pytest.raises(EngineUnavailable, match="did not start"):
        run(engine)
    with pytest.raises(EngineUnavailable, match="stopped 1 times"):
        run(engine)


def test_to_prepare_can_be_given_up(make):
    engine = make("silent")
    with pytest.raises(JobCancelled):
        engine.prepare(lambda: True)
    assert engine.pid is None
