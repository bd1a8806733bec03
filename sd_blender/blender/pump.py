# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries messages from the generation thread into Blender: to the status of the panels and to write-back.

One function drains; a timer calls it in a window, and a loop calls it where a script waits.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import bpy

from ..core.messages import Cancelled, Failed, Finished, Message, Result, TrainingResult
from ..core.request import Inpaint
from ..core.sentence import Sentence
from . import editors, guard, interrupt, lifecycle, session
from .masks import status as mask_status
from .properties import status
from .queue import live_preview, progress
from .results import keeping
from .results.writeback import deliver
from .session import Ticket
from .training import delivery as training_delivery

logger = logging.getLogger(__name__)

TICK = 0.1
"""Seconds between two looks at the queue while jobs are open."""

BUDGET = 0.03
"""Seconds of one tick; a write-back that has begun is finished all the same."""

OLD_JOB = "That was a job of the file that was open before."

_told_of_waiting = False
_draining = guard.LoggedOnce("draining messages")


def start() -> None:
    """Begin draining from a timer. Nothing fires timers in background mode, and one left pending hangs its exit."""
    progress.refresh()
    editors.redraw()
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=TICK, persistent=True)


def drain(deadline: float | None = None) -> bool:
    """Deal with the messages there are, until ``deadline`` (of time.monotonic()); True while jobs are open.

    While Blender renders, bakes, saves or loads, or the artist has a tool in hand, nothing may be changed and the
    messages wait.
    """
    global _told_of_waiting
    current = session.current()
    if current is None:
        return False
    if busy := lifecycle.waits_for():
        _tell_of_waiting(busy)
        return bool(session.open_tickets())
    handled, _told_of_waiting = _told_of_waiting, False
    while deadline is None or time.monotonic() < deadline:
        message = current.thread.poll()
        if message is None:
            break
        handle(current.tickets[message.job_id], message)
        handled = True
    if handled:
        progress.refresh()
        editors.redraw()
    return bool(session.open_tickets())


def _tell_of_waiting(busy: str) -> None:
    global _told_of_waiting
    text = Sentence("Waiting, Blender is {busy}", busy=busy)
    if status.busy and status.text != text:
        _told_of_waiting = True
        status.text = text
        editors.redraw()


def wait(tickets: Sequence[Ticket], on_change: Callable[[], None] = lambda: None) -> None:
    """Drain until the tickets are closed; an interrupt from the keyboard cancels their jobs and is raised at the end. A
    second one abandons them: a training that is cancelled ends its step first.

    on_change: called after each message, for whoever shows the progress.
    """
    interrupted = None
    told = guard.LoggedOnce("telling of the progress")
    while any(ticket.is_open for ticket in tickets):
        try:
            message = session.current().thread.wait(TICK)
            if message is not None:
                with interrupt.deferred():
                    handle(session.current().tickets[message.job_id], message)
                progress.refresh()
                with told:
                    on_change()
        except KeyboardInterrupt as error:
            thread = session.current().thread
            stop = thread.cancel if interrupted is None else thread.abandon
            interrupted = error
            for ticket in tickets:
                stop(ticket.job.id)
    editors.redraw()
    if interrupted:
        raise interrupted


def cancel(tickets: Sequence[Ticket]) -> None:
    """Cancel the jobs of these tickets and wait until they are closed."""
    for ticket in tickets:
        session.current().thread.cancel(ticket.job.id)
    wait(tickets)


def handle(ticket: Ticket, message: Message) -> None:
    """Apply a message to its job and deal with the end of it. Never raises: an error lands on the ticket."""
    try:
        ticket.job.apply(message)
        if isinstance(message, Finished) and isinstance(message.result, TrainingResult):
            ticket.delivery = training_delivery.deliver(message.result)
            status.note = ticket.delivery.note
        elif isinstance(message, Finished):
            ticket.delivery = deliver(message.result, ticket.target, on_trial=ticket.on_trial)
            status.note = ticket.delivery.message
            if isinstance(ticket.job.request, Inpaint):
                mask_status.delivered(ticket.job.request.mask_name, ticket.delivery.images)
        elif isinstance(message, Failed):
            _fail(ticket, _with_kept(ticket, message.result, message.message), message.details)
        elif isinstance(message, Cancelled):
            said = training_delivery.paused(ticket.job) or "Cancelled."
            status.note = _with_kept(ticket, message.result, said)
    except Exception as error:
        logger.exception("job %s could not be written back", ticket.job.id)
        _fail(
            ticket,
            Sentence(
                "The texture could not be added to the file ({error}){rescue}.",
                error=error,
                rescue=_rescue(message),
            ),
            repr(error),
        )
    if not ticket.job.is_open:
        training_delivery.closed(ticket.job)
        session.forget(ticket)


def _with_kept(ticket: Ticket, result: Result | None, sentence: str) -> str:
    """Deliver what was done when the job ended early, and say so after ``sentence``."""
    if result is None:
        return sentence
    ticket.delivery = deliver(result, ticket.target, ended_early=True)
    return Sentence.joined(" ", (sentence, ticket.delivery.note))


def _fail(ticket: Ticket, sentence: str, details: str) -> None:
    if not ticket.target.is_of_open_file:
        sentence = Sentence.joined(" ", (sentence, OLD_JOB))
    ticket.error = sentence
    status.fail(sentence, details, bpy.context.scene.sd_blender)


def _rescue(message: Message) -> str:
    """The pictures of a result as files, and the words that say so."""
    result = _pictures(message)
    if result is None:
        return "; the log has the details"
    try:
        return Sentence("; it is saved as {keep}, open it from there", keep=keeping.keep(result))
    except OSError as error:
        logger.exception("no folder takes the texture")
        return Sentence(
            " nor saved in any folder ({strerror}); free some disk space and generate it again",
            strerror=error.strerror,
        )


def _pictures(message: Message) -> Result | None:
    """What a closing message brings. A training has its file already."""
    result = getattr(message, "result", None)
    return result if isinstance(result, Result) else None


def _tick() -> float | None:
    """The timer. It must not raise, or Blender drops it and the jobs are never heard of again."""
    with _draining:
        return TICK if drain(time.monotonic() + BUDGET) else None
    return TICK


def end() -> None:
    """End the jobs. The pictures that are done still go into the file, or are saved when that is busy."""
    _stop_timer()
    for ticket, message in session.stop():
        if _pictures(message) is None:
            continue
        if lifecycle.busy_with() is None:
            handle(ticket, message)
        else:
            _save_unseen(message)
    live_preview.clear()
    status.reset()


def leave() -> None:
    """End the jobs because Blender quits. What goes into the file now is gone with it, so pictures are saved."""
    _stop_timer()
    for _, message in session.stop():
        if _pictures(message) is not None:
            _save_unseen(message)


def _stop_timer() -> None:
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)


def _save_unseen(message: Message) -> None:
    """Save what nobody is left to look at; the log says where."""
    logger.warning("a texture was finished too late to be shown%s", _rescue(message))
