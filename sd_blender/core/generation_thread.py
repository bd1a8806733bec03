# SPDX-License-Identifier: GPL-3.0-or-later
"""The generation thread: owns the queue, feeds one engine, and puts messages where the main thread drains them.

It never imports bpy and calls nobody back on another thread: whoever wants to know, polls.
"""

from __future__ import annotations

import logging
import queue
import threading
import traceback
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from .engine_protocol import Abandonable, Engine, EngineFactory, Preparable
from .errors import EngineUnavailable, JobCancelled, QueueFull, SDBlenderError, explain
from .kept_pictures import Finish, KeptPictures
from .messages import Cancelled, Closing, Failed, Finished, Message, Picture, Queued, Result
from .sentence import Sentence
from .training_request import Training
from .work import Work, check, check_result, name_of, run

logger = logging.getLogger(__name__)

QUEUE_LIMIT = 64

GRACE = 2.0
"""Seconds in which an abandoned job must have ended."""


@dataclass(frozen=True, eq=False)
class _Task:
    """kept: the pictures that are done; None for a training, which saves its own."""

    job_id: str
    request: Work
    kept: KeptPictures | None
    cancelled: threading.Event = field(default_factory=threading.Event)


class GenerationThread:
    """Runs requests one after the other on a thread of its own.

    Every submitted job gets **exactly one** closing message (``Finished``, ``Cancelled`` or ``Failed``), whatever the
    engine does and also when :meth:`stop` is called; nothing follows it.

    engine_factory: called on the thread, at the first job, so that torch is never imported on the caller's thread.
    finish: called on the thread with each picture that stays, for slow work such as encoding; see
        :class:`~.kept_pictures.KeptPictures`.
    idle_seconds: without a job for so long, the engine is unloaded; None keeps it for ever.
    """

    def __init__(
        self, engine_factory: EngineFactory, finish: Finish | None = None, idle_seconds: float | None = None
    ) -> None:
        self._idle_seconds = idle_seconds
        self._engine_factory = engine_factory
        self._finish = finish
        self._engine: Engine | None = None
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._tasks: deque[_Task | Callable[[], None] | None] = deque()
        self._work = threading.Condition(self._lock)
        self._open: dict[str, _Task] = {}
        self._running: _Task | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False

    # The caller's side -------------------------------------------------------------------------------------------

    def submit(self, request: Work) -> str:
        """Queue a request and return the id of its job.

        Raises InvalidRequest, QueueFull, or EngineUnavailable after :meth:`stop`; then no job exists.
        """
        check(request)
        kept = None if isinstance(request, Training) else KeptPictures(request, self._finish)
        task = _Task(uuid.uuid4().hex[:12], request, kept)
        with self._lock:
            if self._stopped:
                raise EngineUnavailable("The generation thread has stopped; enable the add-on again.")
            if len(self._open) >= QUEUE_LIMIT:
                raise QueueFull(
                    Sentence(
                        "{queue_limit} jobs are waiting already; wait for one to finish or cancel some.",
                        queue_limit=QUEUE_LIMIT,
                    )
                )
            self._open[task.job_id] = task
            self._messages.put(Queued(task.job_id))
            self._put(task)
            self._start()
        return task.job_id

    def prepare(self) -> None:
        """Have the engine begin before there is a job, where it can. What fails is left for the first job to tell."""
        with self._lock:
            if not (self._stopped or self._open):
                self._put(self._prepare_engine)
                self._start()

    def cancel(self, job_id: str) -> None:
        """End a job: at once if it waits, at the engine's next check if it runs. Unknown and closed ids are ignored."""
        with self._lock:
            task = self._open.get(job_id)
            if task is None:
                return
            task.cancelled.set()
            if task is not self._running:
                self._tasks.remove(task)
                self._close(Cancelled(job_id))

    def abandon(self, job_id: str) -> None:
        """As :meth:`cancel`, but do not wait for a training to save what it learned since its last checkpoint."""
        self.cancel(job_id)
        with self._lock:
            if self._running is not None and self._running.job_id == job_id:
                self._abandon_running()

    def cancel_all(self) -> None:
        with self._lock:
            open_jobs = list(self._open)
        for job_id in open_jobs:
            self.cancel(job_id)

    def waiting(self) -> list[str]:
        """The ids of the jobs that wait, in the order in which they will run."""
        with self._lock:
            return [task.job_id for task in self._tasks if isinstance(task, _Task)]

    def move(self, job_id: str, places: int) -> None:
        """Have a waiting job run so many places later, or earlier if negative; as far as there are places.

        Jobs that run or are closed by now are ignored. What is queued between jobs, such as :meth:`unload`, stays
        where it is.
        """
        with self._lock:
            slots = [i for i, task in enumerate(self._tasks) if isinstance(task, _Task)]
            tasks = [task for task in self._tasks if isinstance(task, _Task)]
            old = next((i for i, task in enumerate(tasks) if task.job_id == job_id), None)
            if old is None:
                return
            tasks.insert(max(0, old + places), tasks.pop(old))
            for slot, task in zip(slots, tasks, strict=True):
                self._tasks[slot] = task

    def poll(self) -> Message | None:
        """The next message, or None when there is none now."""
        try:
            return self._messages.get_nowait()
        except queue.Empty:
            return None

    def wait(self, timeout: float) -> Message | None:
        """The next message, waiting at most ``timeout`` seconds for it."""
        try:
            return self._messages.get(timeout=timeout)
        except queue.Empty:
            return None

    def unload(self) -> None:
        """Have the engine give its memory back once the jobs submitted so far are done."""
        with self._lock:
            if self._thread is not None and not self._stopped:
                self._put(self._unload_engine)

    def stop(self, timeout: float = 5.0) -> bool:
        """Cancel everything, end the thread and wait for it at most ``timeout`` seconds, and :data:`GRACE` more for
        an engine that can be abandoned. Safe to call twice.

        Returns False when the engine did not let go in time; its job is closed all the same, with the pictures that are
        done, and what it still reports is dropped.
        """
        with self._lock:
            first, self._stopped = not self._stopped, True
            thread = self._thread
            if first:
                self._put(None)
        self.cancel_all()
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout)
        if thread.is_alive():  # a training saves after its step, which may take minutes
            with self._lock:
                is_abandoned = self._abandon_running()
            thread.join(GRACE if is_abandoned else 0)
        with self._lock:
            for task in list(self._open.values()):
                self._close(Cancelled(task.job_id, task.kept.so_far(finish=False) if task.kept else None))
        return not thread.is_alive()

    # The thread's side -------------------------------------------------------------------------------------------

    def _put(self, item: _Task | Callable[[], None] | None) -> None:
        """Queue an item; the lock is held."""
        self._tasks.append(item)
        self._work.notify()

    def _abandon_running(self) -> bool:
        """Have the engine wait for nothing, and return whether it can do that; the lock is held."""
        if not isinstance(self._engine, Abandonable):
            return False
        self._engine.abandon()
        return True

    def _start(self) -> None:
        if self._thread is None:
            # A daemon, so that an engine stuck in native code cannot keep Blender from quitting; stop() joins it.
            self._thread = threading.Thread(target=self._run, name="SD Blender generation", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while (item := self._next_task()) is not None:
            if isinstance(item, _Task):
                self._run_task(item)
            else:
                item()
        self._unload_engine()

    def _next_task(self) -> _Task | Callable[[], None] | None:
        """The next item, at which a job stops being one that waits; None ends the thread."""
        with self._work:
            in_time = self._work.wait_for(lambda: bool(self._tasks), self._idle_seconds)
        if not in_time:
            self._unload_engine()
        with self._work:
            self._work.wait_for(lambda: bool(self._tasks))
            item = self._tasks.popleft()
            if isinstance(item, _Task):
                self._running = item
            return item

    def _run_task(self, task: _Task) -> None:
        closing = self._closing_message(task)
        with self._lock:
            self._running = None
            self._close(closing)

    def _closing_message(self, task: _Task) -> Closing:
        """Run the task; the one place where any exception becomes a message."""
        try:
            if task.cancelled.is_set():
                return Cancelled(task.job_id)
            if self._engine is None:
                self._engine = self._engine_factory()
            report = partial(self._report, task)
            result = run(self._engine, task.job_id, task.request, report, task.cancelled.is_set)
            check_result(task.request, result)
            if task.cancelled.is_set():  # while the last picture was on its way
                raise JobCancelled
            if task.kept is not None and isinstance(result, Result):
                result = task.kept.whole(result)
            return Finished(task.job_id, result)
        except JobCancelled:
            return Cancelled(task.job_id, self._kept_of(task))
        except Exception as error:  # whatever an engine raises must end as a message, not as a dead thread
            level = logging.INFO if isinstance(error, SDBlenderError) else logging.ERROR
            logger.log(level, "job %s failed", task.job_id, exc_info=True)
            kind, sentence = explain(error, name_of(task.request))
            details = getattr(error, "details", "") or traceback.format_exc()
        # Outside the except block, where the traceback no longer holds the engine's memory.
        return Failed(task.job_id, kind, sentence, details, self._kept_of(task))

    def _prepare_engine(self) -> None:
        try:
            if self._engine is None:
                self._engine = self._engine_factory()
            if isinstance(self._engine, Preparable):
                self._engine.prepare(lambda: self._stopped)
        except JobCancelled:
            pass
        except Exception:  # there is no job to tell yet
            logger.info("the engine could not be made ready", exc_info=True)

    def _kept_of(self, task: _Task) -> Result | None:
        return task.kept.so_far() if task.kept is not None else None

    def _unload_engine(self) -> None:
        if self._engine is None:
            return
        try:
            self._engine.unload()
        except Exception:  # there is no job to tell; the next one reports what is still wrong
            logger.exception("unloading the model failed")

    # Messages ----------------------------------------------------------------------------------------------------

    def _report(self, task: _Task, message: Message) -> None:
        if isinstance(message, Picture) and task.kept is not None:
            image = task.kept.add(message.image)
            if image is None:  # which the check of the result will say
                return
            message = Picture(message.job_id, image)
        with self._lock:
            if message.job_id in self._open:
                self._messages.put(message)

    def _close(self, message: Closing) -> None:
        """Send the closing message unless the job has had one; the lock is held."""
        if self._open.pop(message.job_id, None) is not None:
            self._messages.put(message)
