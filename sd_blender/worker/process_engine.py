# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine that runs in a child process. To the generation thread it is an engine like any other."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from ..core.engine_protocol import IsCancelled, Report
from ..core.errors import EngineUnavailable, ErrorKind, JobCancelled, SDBlenderError, WorkerDied
from ..core.messages import GeneratedImage, Loading, Message, Picture, Result, Started, TrainingResult
from ..core.request import Request
from ..core.sentence import Sentence
from ..core.training_request import Training
from ..core.work import Work
from .child import Child, Ended
from .frames import Frame, WireError
from .log_file import WorkerLog
from .protocol import (
    CLOSING,
    DEAF,
    NO_MEMORY,
    PREPARE,
    PROTOCOL,
    error_of,
    message_of,
    result_of,
    work_frame,
)
from .training_frames import trained_of
from .watch import Limits, Restarts, Watch

_Work = TypeVar("_Work", bound=Work)
_Outcome = TypeVar("_Outcome", Result, TrainingResult)

ENDS: dict[int | None, str] = {
    NO_MEMORY: "had no memory to take in the job",
    DEAF: "could not read what it was sent",
}
"""What a worker did, by the exit code that says so."""

TICK = 0.1
"""Seconds between two looks at the cancel flag and the watch."""


class ProcessEngine:
    """Implements :class:`~..core.engine_protocol.Engine` with a worker that is started at the first job, or before it.

    command: starts the worker, see :func:`~.child.worker_command`. A worker that dies fails the job it ran, and the
    next job starts another; one that hangs is ended. :meth:`unload` ends it, which gives all its memory back.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: WorkerLog | None = None,
        limits: Limits | None = None,
        restarts: Restarts | None = None,
    ) -> None:
        self._command = command
        self.log = log or WorkerLog()
        self._limits = limits or Limits()
        self._restarts = restarts or Restarts()
        self._child: Child | None = None
        self._abandoned = threading.Event()

    @property
    def pid(self) -> int | None:
        """Of the worker, None when there is none."""
        return self._child.pid if self._child else None

    def generate(self, job_id: str, request: Request, report: Report, is_cancelled: IsCancelled) -> Result:
        """See :class:`~..core.engine_protocol.Engine`. Raises WorkerDied when the worker ended or had to be ended."""
        advice = "generate again, at a smaller size if it happens twice"
        pictures: dict[int, GeneratedImage] = {}

        def pass_on(message: Message) -> None:
            if isinstance(message, Picture):
                pictures[message.image.seed] = message.image
            report(message)

        def outcome_of(frame: Frame, request: Request) -> Result:
            return result_of(frame, request, pictures)

        return self._done(job_id, request, outcome_of, advice, pass_on, is_cancelled)

    def train(
        self, job_id: str, request: Training, report: Report, is_cancelled: IsCancelled
    ) -> TrainingResult:
        """See :class:`~..core.engine_protocol.Trainer`. Raises WorkerDied when the worker ended or had to be ended."""
        advice = "train again, which goes on from the last checkpoint"
        # A step of training is many of denoising, and on a processor takes minutes. What it learned is saved after the
        # step in which it is cancelled: how long that may take, the watch says.
        step = max(self._limits.step, self._limits.quiet)
        patient = replace(self._limits, step=step, pause=math.inf)
        return self._done(job_id, request, trained_of, advice, report, is_cancelled, patient)

    def _done(
        self,
        job_id: str,
        work: _Work,
        outcome_of: Callable[[Frame, _Work], _Outcome],
        advice: str,
        report: Report,
        is_cancelled: IsCancelled,
        limits: Limits | None = None,
    ) -> _Outcome:
        """Have the worker do it. advice: to the artist, should the worker die. limits: other than usual."""
        self._abandoned.clear()
        child = self._ready(job_id, report, is_cancelled)
        child.send(work_frame(job_id, work))
        talk = _Conversation(
            child, job_id, report, is_cancelled, self._abandoned.is_set, limits or self._limits
        )
        try:
            closing = talk.run()
            outcome = outcome_of(_successful(closing), work)
        except _Deaf:
            self._end()
            raise JobCancelled from None
        except (_Gone, WireError) as error:
            raise self._died(child, error, advice) from error
        except SDBlenderError as error:
            if error.kind is ErrorKind.DEVICE_LOST:
                self._end()
            raise
        self._restarts.forgive()
        return outcome

    def prepare(self, is_cancelled: IsCancelled) -> None:
        """See :class:`~..core.engine_protocol.Preparable`: start the worker and have it import its libraries."""
        if self._child is not None:
            return
        try:
            self._ready("", lambda message: None, is_cancelled).send(Frame({"type": PREPARE}))
        except EngineUnavailable:
            self._restarts.forgive()  # nobody has seen it fail yet
            raise

    def abandon(self) -> None:
        """See :class:`~..core.engine_protocol.Abandonable`."""
        self._abandoned.set()

    def unload(self) -> None:
        """End the worker. The next job starts another, whatever happened before."""
        self._end()
        self._restarts.forgive()
        self.log.close()

    def _ready(self, job_id: str, report: Report, is_cancelled: IsCancelled) -> Child:
        """The worker, started and greeted when there is none."""
        if self._child is not None and not self._child.is_alive:
            self._end()
            self._restarts.died()  # while it was idle
        if self._child is not None:
            return self._child
        report(Loading(job_id, "Starting the engine"))
        until = time.monotonic() + self._restarts.wait(str(self.log.path))
        while time.monotonic() < until:
            if is_cancelled():
                raise JobCancelled
            time.sleep(TICK)
        self._child = Child(self._command, self.log)
        try:
            self._greet(self._child, is_cancelled)
        except BaseException:
            self._end()
            raise
        return self._child

    def _greet(self, child: Child, is_cancelled: IsCancelled) -> None:
        until = time.monotonic() + self._limits.start
        frame: Frame | Ended | None = None
        while frame is None and time.monotonic() < until:
            if is_cancelled():
                raise JobCancelled
            frame = child.receive(TICK)
        if isinstance(frame, Frame) and frame.type == "greeting":
            if frame.header.get("protocol") == PROTOCOL:
                return
            raise EngineUnavailable("The engine is of another version; restart Blender to start the new one.")
        self._restarts.died()
        how = (
            child.how_it_ended()
            if isinstance(frame, Ended)
            else Sentence("no answer in {start} s", start=f"{self._limits.start:.0f}")
        )
        raise EngineUnavailable(
            Sentence(
                "The engine did not start ({how}); press Diagnose in the preferences, or install it there.",
                how=how,
            ),
            details=self.log.last_lines,
        )

    def _died(self, child: Child, error: Exception, advice: str) -> WorkerDied:
        """What to raise for a worker that is gone or past use; ends what is left of it."""
        if isinstance(error, WireError):
            reason: str = Sentence("sent what is no answer ({error})", error=error)
        else:
            reason = (
                str(error)
                or ENDS.get(child.exit_code())
                or Sentence("stopped ({how_it_ended})", how_it_ended=child.how_it_ended())
            )
        self._end()
        self._restarts.died()
        sentence = Sentence("The engine {reason}; {advice}.", reason=reason, advice=advice)
        return WorkerDied(sentence, details=f"Log: {self.log.path}\n{self.log.last_lines}")

    def _end(self) -> None:
        if self._child is not None:
            child, self._child = self._child, None
            child.end()


class _Gone(Exception):
    """The worker can do no more for this job; the text says why, "" when its process ended by itself."""


class _Deaf(Exception):
    """A cancelled job that does not stop by itself."""


class _Conversation:
    """One job, from the request sent to the frame that closes it."""

    def __init__(
        self,
        child: Child,
        job_id: str,
        report: Report,
        is_cancelled: IsCancelled,
        is_abandoned: IsCancelled,
        limits: Limits,
    ) -> None:
        self._child, self._job_id, self._report = child, job_id, report
        self._is_cancelled, self._is_abandoned, self._limits = is_cancelled, is_abandoned, limits
        self._watch = Watch(limits)
        self._has_begun = False
        self._cancelled_at: float | None = None

    def run(self) -> Frame:
        """The ``result``, ``cancelled`` or ``error`` frame. Raises _Gone, WireError or _Deaf."""
        while True:
            self._check_cancel()
            answer = self._child.receive(TICK)
            if isinstance(answer, Ended):
                raise _Gone(answer.reason)
            if answer is not None:
                self._watch.alive()
                if answer.header.get("job") == self._job_id and answer.type in CLOSING:
                    return answer
                self._pass_on(answer)
            if reason := self._watch.overdue():
                raise _Gone(Sentence("{reason} and was stopped", reason=reason))

    def _pass_on(self, frame: Frame) -> None:
        """Report a message of this job; what another one left behind is no longer of interest."""
        if frame.type == "working" and frame.header.get("job") == self._job_id:
            self._watch.working()
            return
        message = message_of(frame)
        if message is not None and message.job_id == self._job_id:
            self._watch.reported(message)
            self._has_begun |= isinstance(message, Started)
            self._report(message)

    def _check_cancel(self) -> None:
        """Pass a cancel on once, then give the job some time to stop by itself."""
        if self._cancelled_at is None:
            if self._is_cancelled():
                self._child.send(Frame({"type": "cancel", "job": self._job_id}))
                self._cancelled_at = time.monotonic()
            return
        patience = self._limits.cancel + (self._limits.pause if self._has_begun else 0)
        if self._is_abandoned() or time.monotonic() > self._cancelled_at + patience:
            raise _Deaf


def _successful(frame: Frame) -> Frame:
    """The frame itself unless it closes a job that did not end well. Raises JobCancelled or RemoteError."""
    if frame.type in ("result", "trained"):
        return frame
    if frame.type == "cancelled":
        raise JobCancelled
    raise error_of(frame)
