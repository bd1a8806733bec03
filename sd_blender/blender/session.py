# SPDX-License-Identifier: GPL-3.0-or-later
"""The one owner of the generation thread and its jobs, made at the first submit, or when a prompt is written, and gone
at unregister.

All of it is used on Blender's main thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..core.engine_protocol import EngineFactory
from ..core.errors import EngineUnavailable
from ..core.generation_thread import GenerationThread
from ..core.jobs import Job, JobTable
from ..core.messages import Message
from ..core.work import Work
from . import engines, preferences
from .engines import EngineChoice
from .results.delivery import Delivery
from .results.saving import Saver
from .results.targets import Target


@dataclass
class Ticket:
    """A submitted job, its target, and how it ended.

    error: one sentence when it failed, or when its result could not be written back; "" otherwise. on_trial: several
    pictures are variants to look at before one is applied; else the first one is, at once.
    """

    job: Job
    target: Target
    delivery: Delivery | None = None
    error: str = ""
    is_open: bool = True
    on_trial: bool = False


@dataclass
class Session:
    thread: GenerationThread
    saver: Saver
    engine: EngineChoice | None
    table: JobTable = field(default_factory=JobTable)
    tickets: dict[str, Ticket] = field(default_factory=dict)


_session: Session | None = None
_engine_factory: EngineFactory | None = None


def current() -> Session | None:
    """The session, None before the first submit or :func:`prepare`, and after :func:`stop`."""
    return _session


def set_engine_factory(factory: EngineFactory | None) -> None:
    """Have ``factory`` make the engine of the next session instead of the real one; None brings that back."""
    global _engine_factory
    stop()
    _engine_factory = factory


def check(request: Work) -> None:
    """Raise EngineUnavailable where the engine that it would go to cannot do it; the pixels do not matter."""
    session = _ensure_session()
    if session.engine is None:
        return
    try:
        session.engine.refuse(request)
    except EngineUnavailable:
        if session.tickets and engines.choose(preferences.read()) != session.engine:
            raise EngineUnavailable(
                "The engine that was installed begins when the queue is empty; wait for what is in it, or cancel it."
            ) from None
        raise


def submit(request: Work, target: Target) -> Ticket:
    """Queue a request. Raises InvalidRequest, QueueFull or EngineUnavailable; then nothing has changed."""
    check(request)
    session = _ensure_session()
    job_id = session.thread.submit(request)
    ticket = Ticket(session.table.add(job_id, request), target)
    session.tickets[job_id] = ticket
    return ticket


def prepare() -> bool:
    """Have the engine of the next job begin ahead of it, without a model. What is wrong with it is told by that job.

    Returns False where the engine is broken; where jobs are open, there is nothing to do.
    """
    if open_tickets():
        return True
    try:
        _ensure_session().thread.prepare()
    except EngineUnavailable:
        return False
    return True


def open_tickets() -> list[Ticket]:
    """Tickets of the jobs that wait, run, or have a result that is not written back, oldest first."""
    return list(_session.tickets.values()) if _session else []


def cancel_all() -> None:
    if _session:
        _session.thread.cancel_all()


def unload() -> None:
    """Give back the memory of the model once the jobs submitted so far are done."""
    if _session:
        _session.thread.unload()


def forget(ticket: Ticket) -> None:
    """Drop a job that is dealt with, so that its pictures can be freed."""
    ticket.is_open = False
    if _session and _session.tickets.pop(ticket.job.id, None):
        _session.table.remove(ticket.job.id)


def stop() -> list[tuple[Ticket, Message]]:
    """End the thread, waiting at most some seconds, and forget the session. Safe to call twice.

    Returns what was still to be drained, so that a picture that was just finished need not be lost.
    """
    global _session
    if _session is None:
        return []
    session, _session = _session, None
    session.thread.stop()
    left = []
    while (message := session.thread.poll()) is not None:
        left.append((session.tickets[message.job_id], message))
    return left


def _ensure_session() -> Session:
    """The session for the preferences as they are now; a change of engine waits for the jobs that are open."""
    global _session
    wanted = preferences.read()
    busy = _session is not None and bool(_session.tickets)
    choice = engines.choose(wanted) if _engine_factory is None and not busy else None
    if _session is not None and not busy and _session.engine != choice:
        stop()
    if _session is None:
        saver = Saver()
        idle = choice.idle_seconds if choice else None
        _session = Session(GenerationThread(_engine_factory or choice.make, saver, idle), saver, choice)
    _session.saver.folder = wanted.output_folder
    return _session
