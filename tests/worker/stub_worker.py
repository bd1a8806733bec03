# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker with a scripted engine: what ProcessEngine starts in the tests. The fault is named on the command line."""

from __future__ import annotations

import os
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sd_blender.core.errors import DeviceLost, EngineUnavailable  # noqa: E402
from sd_blender.core.messages import Loading  # noqa: E402
from sd_blender.worker import frames  # noqa: E402
from sd_blender.worker.__main__ import take_pipes  # noqa: E402
from sd_blender.worker.server import Server  # noqa: E402
from tests.fake_trainer import FakeTrainer  # noqa: E402


class FaultyEngine(FakeTrainer):
    """FakeTrainer with faults that only a process of its own survives, chosen by the prompt of the request."""

    word = ""

    def generate(self, job_id, request, report, is_cancelled):
        word = request.prompt.split()[0]
        self.hold = threading.Event() if word in ("hold", "deaf") else None
        self.deaf = word == "deaf"
        self.step_seconds = 0.05 if word == "slow" else 0.0
        self.word = word
        if word == "load":
            report(Loading(job_id, "Loading the model"))
            threading.Event().wait()
        if word == "print":
            print("a library says hello on stdout")
            os.system("echo and so does its child")
        if word == "lost":
            raise DeviceLost("The device failed; generate again.")
        if word == "exit":
            os._exit(7)
        if word == "abort":
            os.abort()
        if word == "raise":
            raise ValueError("the engine's own mistake")
        if word == "nothere":
            raise EngineUnavailable("torch is not installed in this Python.")
        if word == "nonsense":
            os.write(PIPE, b"these bytes are no frame")
        return super().generate(job_id, request, report, is_cancelled)

    def _step(self, step, is_cancelled):
        if self.word == "asks" and step == 1:  # a step that takes long and says so
            until = time.monotonic() + 6
            while time.monotonic() < until:
                is_cancelled()
                time.sleep(0.01)
        if step == 7:  # the third picture
            if self.word == "third-exit":
                os._exit(7)
            if self.word == "third-memory":
                raise MemoryError
            if self.word == "third-lost":
                raise DeviceLost("The device failed; generate again.")
            if self.word in ("third-hold", "third-deaf"):
                self.hold, self.deaf = threading.Event(), self.word == "third-deaf"
        super()._step(step, is_cancelled)

    def train(self, job_id, request, report, is_cancelled):
        """A word of the trigger says how long each step takes, in which a cancel is not heard."""
        self.hold, self.step_seconds = None, float(request.trigger)
        return super().train(job_id, request, report, is_cancelled)


def engine(fault: str) -> FaultyEngine:
    """What imports torch in a real worker, and says in the log that it begins to."""
    print(f"imports in {os.getpid()}", file=sys.stderr, flush=True)
    if fault == "imports":  # slowly
        time.sleep(1.0)
    if fault == "nothere":
        raise EngineUnavailable("torch is not installed in this Python.")
    if fault == "crashes":
        os._exit(9)
    return FaultyEngine()


def break_reader(error: type[Exception]) -> None:
    class NoRoom:
        def __getattr__(self, name):
            return getattr(np, name)

        def empty(self, shape, dtype):
            raise error("no room for what was sent")

    frames.np = NoRoom()


def main() -> None:
    global PIPE
    fault = sys.argv[1] if len(sys.argv) > 1 else ""
    if fault == "silent":
        time.sleep(60)
    if fault == "dies":
        print("cannot import numpy", file=sys.stderr)
        sys.exit(5)
    if fault == "chatty":
        print("Welcome!", flush=True)
    if (
        fault == "reader"
    ):  # the first frame that is larger than a cancel finds no memory, or something unheard of
        break_reader(MemoryError)
    if fault == "surprise":
        break_reader(LookupError)
    inbox, outbox = take_pipes()
    PIPE = outbox.fileno()
    Server(inbox, outbox, partial(engine, fault)).run()


if __name__ == "__main__":
    main()
