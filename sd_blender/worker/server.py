# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's side of the pipe: runs one job after the other on its main thread until its stdin closes."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import queue
import threading
import time
import traceback
from typing import BinaryIO

from ..core.engine_protocol import Engine, EngineFactory, IsCancelled
from ..core.errors import DeviceLost, JobCancelled
from ..core.messages import Loading, Message
from ..core.version import VERSION
from ..core.work import run
from .frames import Frame, WireError, read_frame, write_frame
from .protocol import (
    DEAF,
    HEARTBEAT,
    LOST_DEVICE,
    MALFORMED,
    NO_MEMORY,
    PREPARE,
    PROTOCOL,
    WORK,
    error_frame,
    message_frame,
    outcome_frame,
    work_of,
)

logger = logging.getLogger(__name__)

IMPORTING = "Loading the libraries"


class Server:
    """inbox, outbox: the pipes. engine_factory: called at the first job, or to prepare for it, on the main thread."""

    def __init__(self, inbox: BinaryIO, outbox: BinaryIO, engine_factory: EngineFactory) -> None:
        self._inbox, self._outbox = inbox, outbox
        self._engine_factory = engine_factory
        self._engine: Engine | None = None
        self._is_preparing = False
        self._jobs: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self._cancelled: set[str] = set()
        self._writing = threading.Lock()

    def run(self) -> None:
        """Serve until the process exits: it ends itself when its parent closes the pipe, however busy it is."""
        python = platform.python_version()
        self._send(
            Frame(
                {
                    "type": "greeting",
                    "protocol": PROTOCOL,
                    "version": VERSION,
                    "python": python,
                    "pid": os.getpid(),
                }
            )
        )
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        while True:
            frame = self._jobs.get()
            if frame.type == PREPARE:
                self._prepare()
            else:
                self._run_job(frame)

    def _prepare(self) -> None:
        """Make the engine before there is a job. What fails then fails again under the job, which tells it."""
        if self._engine is not None:
            return
        self._is_preparing = True
        try:
            self._engine = self._engine_factory()
        except Exception:
            logger.info("the engine could not be made ready", exc_info=True)
        finally:
            self._is_preparing = False

    def _run_job(self, frame: Frame) -> None:
        job_id = str(frame.header.get("job"))
        try:
            work = work_of(frame)
            if self._engine is None:
                self._report(Loading(job_id, IMPORTING))
                self._engine = self._engine_factory()
            outcome = run(self._engine, job_id, work, self._report, self._cancel_asked(job_id))
            self._send(outcome_frame(job_id, outcome))
        except JobCancelled as cancelled:
            self._send(error_frame(job_id, cancelled, ""))
        except Exception as error:  # every job is answered, whatever the engine raises
            logger.info("job %s failed", job_id, exc_info=True)
            details = getattr(error, "details", "") or traceback.format_exc()
            what = "training" if frame.type == "train" else "generation"
            self._send(error_frame(job_id, error, details, what))
            if isinstance(error, DeviceLost):
                _exit(LOST_DEVICE)
        finally:
            self._cancelled.discard(job_id)

    def _cancel_asked(self, job_id: str) -> IsCancelled:
        """Whether the job was cancelled. An engine asks within its steps, so that to be asked is a sign of its work."""
        due = time.monotonic() + HEARTBEAT

        def ask() -> bool:
            nonlocal due
            now = time.monotonic()
            if now >= due:
                due = now + HEARTBEAT
                self._send(Frame({"type": "working", "job": job_id}))
            return job_id in self._cancelled

        return ask

    def _report(self, message: Message) -> None:
        self._send(message_frame(message))

    def _send(self, frame: Frame) -> None:
        try:
            with self._writing:
                write_frame(self._outbox, frame)
        except OSError:  # nobody reads any more
            _exit(0)

    def _read(self) -> None:
        """On a thread of its own, so that a cancel is heard and the parent's end is seen while a job runs.

        A worker that no longer hears ends, whatever the reason: its parent sees that at once, and starts another.
        """
        code = DEAF
        try:
            while (frame := read_frame(self._inbox)) is not None:
                if frame.type == "cancel":
                    self._cancelled.add(str(frame.header.get("job")))
                elif frame.type == PREPARE or frame.type in WORK:
                    if self._is_preparing and frame.type != PREPARE:  # what this job will wait for
                        self._report(Loading(str(frame.header.get("job")), IMPORTING))
                    self._jobs.put(frame)
                else:
                    raise WireError(f"unknown frame {frame.type!r}")
            code = 0
        except MemoryError:
            code = NO_MEMORY
        except WireError as error:
            code = MALFORMED
            logger.error("cannot understand the parent: %s", error)
        except OSError:
            code = 0
            logger.info("the pipe broke")
        finally:
            _exit(code)

    def _beat(self) -> None:
        pause = threading.Event()
        while not pause.wait(HEARTBEAT):
            with contextlib.suppress(MemoryError):  # the next beat may find some
                self._send(Frame({"type": "heartbeat"}))


def _exit(code: int) -> None:
    """End at once: a library's clean-up may hang, and there is nothing here that must be saved."""
    try:
        logging.shutdown()
    finally:
        os._exit(code)
