# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's side of the pipe: runs one job after the other on its main thread until its stdin closes."""

from __future__ import annotations

import logging
import os
import platform
import queue
import threading
import traceback
from typing import BinaryIO

from ..core.engine_protocol import Engine, EngineFactory
from ..core.errors import DeviceLost, JobCancelled
from ..core.messages import Loading, Message
from ..core.version import VERSION
from ..core.work import run
from .frames import Frame, WireError, read_frame, write_frame
from .protocol import HEARTBEAT, PROTOCOL, WORK, error_frame, message_frame, outcome_frame, work_of

logger = logging.getLogger(__name__)

LOST_DEVICE = 3
"""Exit code of a worker whose device failed: CUDA recovers only in another process."""
MALFORMED = 4
"""Exit code of a worker that was sent something that is no frame."""


class Server:
    """inbox, outbox: the pipes. engine_factory: called at the first job, on the main thread."""

    def __init__(self, inbox: BinaryIO, outbox: BinaryIO, engine_factory: EngineFactory) -> None:
        self._inbox, self._outbox = inbox, outbox
        self._engine_factory = engine_factory
        self._engine: Engine | None = None
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
            self._run_job(self._jobs.get())

    def _run_job(self, frame: Frame) -> None:
        job_id = str(frame.header.get("job"))
        try:
            work = work_of(frame)
            if self._engine is None:
                self._report(Loading(job_id, "Loading the libraries"))
                self._engine = self._engine_factory()
            outcome = run(self._engine, job_id, work, self._report, lambda: job_id in self._cancelled)
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

    def _report(self, message: Message) -> None:
        self._send(message_frame(message))

    def _send(self, frame: Frame) -> None:
        try:
            with self._writing:
                write_frame(self._outbox, frame)
        except OSError:  # nobody reads any more
            _exit(0)

    def _read(self) -> None:
        """On a thread of its own, so that a cancel is heard and the parent's end is seen while a job runs."""
        code = 0
        try:
            while (frame := read_frame(self._inbox)) is not None:
                if frame.type == "cancel":
                    self._cancelled.add(str(frame.header.get("job")))
                elif frame.type in WORK:
                    self._jobs.put(frame)
                else:
                    raise WireError(f"unknown frame {frame.type!r}")
        except WireError as error:
            logger.error("cannot understand the parent: %s", error)
            code = MALFORMED
        except OSError:
            logger.info("the pipe broke")
        _exit(code)

    def _beat(self) -> None:
        pause = threading.Event()
        while not pause.wait(HEARTBEAT):
            self._send(Frame({"type": "heartbeat"}))


def _exit(code: int) -> None:
    """End at once: a library's clean-up may hang, and there is nothing here that must be saved."""
    logging.shutdown()
    os._exit(code)
