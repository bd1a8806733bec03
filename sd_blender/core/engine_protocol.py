# SPDX-License-Identifier: GPL-3.0-or-later
"""The one interface behind which pictures are made; the generation thread cannot tell engines apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from .messages import Message, Result, TrainingResult
from .request import Request
from .training_request import Training

Report = Callable[[Message], None]
IsCancelled = Callable[[], bool]


class Engine(Protocol):
    """Makes pictures. Used by one thread at a time; an engine may keep a loaded model between calls."""

    def generate(self, job_id: str, request: Request, report: Report, is_cancelled: IsCancelled) -> Result:
        """Run a validated request and return its pictures.

        Reports ``Loading``, ``Started``, ``Progress`` and ``Preview`` with ``job_id``, and each ``Picture`` as soon as
        it is done, so that it is kept whatever comes; never ``Queued`` or a closing message: those are the caller's.
        Asks ``is_cancelled`` before slow work and every few seconds within it, since a job that asks is seen to be
        alive, and raises :class:`~.errors.JobCancelled` when it says so. Raises :class:`~.errors.SDBlenderError` for
        what an artist can act on. After any exception the next call works.
        """
        ...

    def unload(self) -> None:
        """Give back the memory of the loaded model. The next ``generate`` loads again. Safe to call twice."""
        ...


@runtime_checkable
class Trainer(Engine, Protocol):
    """An engine that can also teach a model."""

    def train(
        self, job_id: str, request: Training, report: Report, is_cancelled: IsCancelled
    ) -> TrainingResult:
        """Run a validated training, or go on with the one that its folder holds; what holds for ``generate`` holds.

        Reports ``Losses`` and ``Sample`` too. Whatever ends it, a cancel among that, what was learned up to the last
        checkpoint is on the disk, and the same request goes on from there.
        """
        ...


@runtime_checkable
class Abandonable(Engine, Protocol):
    """An engine whose job can be ended in the middle of a step, since it runs elsewhere."""

    def abandon(self) -> None:
        """Wait no longer for the cancelled job that runs, even if it loses what it was about to save.

        Called on any thread, and returns at once; the job still ends by JobCancelled.
        """
        ...


@runtime_checkable
class Preparable(Engine, Protocol):
    """An engine that can do ahead what its first job would else wait for, and that is the same for every model."""

    def prepare(self, is_cancelled: IsCancelled) -> None:
        """Begin it, and return without waiting for its end. No model is loaded.

        Raises what ``generate`` may raise; the next job tries again, and tells.
        """
        ...


EngineFactory = Callable[[], Engine]
