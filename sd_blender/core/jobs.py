# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as the artist sees them: a state machine moved by messages alone. Used on one thread, Blender's main one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from .messages import (
    Cancelled,
    Failed,
    Finished,
    Loading,
    Losses,
    Message,
    Picture,
    Preview,
    Progress,
    Queued,
    Result,
    Sample,
    Started,
    TrainingResult,
)
from .request import ImageArray
from .work import Work


class JobState(str, Enum):
    QUEUED = "queued"
    LOADING = "loading"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    FAILED = "failed"


CLOSED = frozenset({JobState.FINISHED, JobState.CANCELLED, JobState.FAILED})


@dataclass
class Job:
    """One click on Generate, from the queue to its end. images: so many pictures are done, whatever comes."""

    id: str
    request: Work
    state: JobState = JobState.QUEUED
    step: int = 0
    steps: int = 0
    images: int = 0
    loaded: float = 0.0
    text: str = ""
    preview: ImageArray | None = None
    losses: list[tuple[int, float]] = field(default_factory=list)
    sample: Sample | None = None
    result: Result | TrainingResult | None = None
    error: Failed | None = None

    @property
    def is_open(self) -> bool:
        return self.state not in CLOSED

    def apply(self, message: Message) -> None:
        """Move to the state the message tells of. Raises ValueError after a closing message: there is only one."""
        if not self.is_open:
            raise ValueError(f"job {self.id} is {self.state.value} and got {type(message).__name__}")
        match message:
            case Queued():
                self.state = JobState.QUEUED
            case Loading(text=text, factor=factor):
                self.state, self.text, self.loaded = JobState.LOADING, text, factor
            case Started(steps=steps):
                self.state, self.steps, self.text = JobState.RUNNING, steps, ""
            case Progress(step=step, steps=steps):
                self.state, self.step, self.steps = JobState.RUNNING, step, steps
            case Picture():
                self.images += 1
            case Preview(pixels=pixels):
                self.preview = pixels
            case Losses(points=points):
                self.losses += points
            case Sample():
                self.sample = message
            case Finished(result=result):
                self.state, self.result = JobState.FINISHED, result
            case Cancelled(result=result):
                self.state, self.result = JobState.CANCELLED, result
            case Failed(result=result):
                self.state, self.error, self.result = JobState.FAILED, message, result


class JobTable:
    """The jobs of a session in the order they were submitted."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}

    def add(self, job_id: str, request: Work) -> Job:
        job = self._jobs[job_id] = Job(job_id, request)
        return job

    def apply(self, message: Message) -> Job:
        """Apply a message to its job and return it. Raises KeyError for a job that was never added."""
        job = self._jobs[message.job_id]
        job.apply(message)
        return job

    def remove(self, job_id: str) -> None:
        """Forget a closed job, so that its pictures can be freed."""
        del self._jobs[job_id]

    @property
    def active(self) -> list[Job]:
        return [job for job in self._jobs.values() if job.is_open]

    def __getitem__(self, job_id: str) -> Job:
        return self._jobs[job_id]

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def __len__(self) -> int:
        return len(self._jobs)
