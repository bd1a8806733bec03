# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the panels what runs, how far it is, how much longer it takes, and what waits."""

from __future__ import annotations

import time

from ...core.jobs import Job, JobState
from ...core.pace import Pace, in_words
from ...core.sentence import Sentence
from .. import session, translation
from ..properties import QueuedJob, status
from ..results import naming
from ..training import status as training_status
from . import live_preview

_pace = Pace(time.monotonic)
_paced = ""


def refresh() -> None:
    """Bring the status up to date; at the pace of the panels, not of the messages."""
    jobs = _in_order([ticket.job for ticket in session.open_tickets()])
    status.busy = bool(jobs)
    status.factor, status.text, status.queue = 0.0, "", ()
    training_status.follow(jobs)
    if not jobs:
        live_preview.clear()
        return
    first = jobs[0]
    live_preview.show(first.preview)
    status.factor, told = _how_far(first)
    if len(jobs) > 1:
        told.append(Sentence("{jobs} more in queue", jobs=len(jobs) - 1))
        status.queue = tuple(QueuedJob(job.id, _title(job), job is first) for job in jobs)
    status.text = Sentence.joined(", ", told)


def _in_order(jobs: list[Job]) -> list[Job]:
    """The one that runs, then those that wait in the order in which they will run."""
    current = session.current()
    places = {job_id: place for place, job_id in enumerate(current.thread.waiting() if current else ())}
    return sorted(jobs, key=lambda job: places.get(job.id, -1))


def _how_far(job: Job) -> tuple[float, list[str]]:
    """0..1, and in words: the parts of a list."""
    if job.state is JobState.LOADING:
        return job.loaded, [job.text]
    if not job.steps:
        return 0.0, ["Waiting"]
    told: list[str] = [Sentence("Step {step} of {steps}", step=job.step, steps=job.steps)]
    if loss := training_status.loss_of(job):
        told.append(loss)
    count = job.request.sampling.count
    if count > 1:
        told.append(Sentence("{images} of {count} done", images=job.images, count=count))
    if (left := _seconds_left(job)) is not None:
        told.append(Sentence("{in_words} left", in_words=in_words(left)))
    return job.step / job.steps, told


def _seconds_left(job: Job) -> float | None:
    global _pace, _paced
    if _paced != job.id:
        _pace, _paced = Pace(time.monotonic), job.id
    if job.step and job.step != _pace.last_step:
        _pace.step(job.step)
    return _pace.seconds_left(job.steps) if job.step < job.steps else None


def _title(job: Job) -> str:
    if training_status.is_training(job):
        name = naming.of_file(job.request.output)
        return translation.shown(Sentence("Training {name}", name=name))
    return job.request.prompt.strip() or translation.shown("(no prompt)")
