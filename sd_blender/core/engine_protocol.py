# SPDX-License-Identifier: GPL-3.0-or-later
"""The one interface behind which pictures are made; the generation thread cannot tell engines apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .messages import Message, Result
from .request import Request

Report = Callable[[Message], None]
IsCancelled = Callable[[], bool]


class Engine(Protocol):
    """Makes pictures. Used by one thread at a time; an engine may keep a loaded model between calls."""

    def generate(self, job_id: str, request: Request, report: Report, is_cancelled: IsCancelled) -> Result:
        """Run a validated request and return its pictures.

        Reports ``Loading``, ``Started``, ``Progress`` and ``Preview`` with ``job_id``, never ``Queued`` or a closing
        message: those are the caller's. Asks ``is_cancelled`` at least once a denoising step and before slow
        work, and raises :class:`~.errors.JobCancelled` when it says so. Raises
        :class:`~.errors.SDBlenderError` for what an artist can act on. After any exception the next call works.
        """
        ...

    def unload(self) -> None:
        """Give back the memory of the loaded model. The next ``generate`` loads again. Safe to call twice."""
        ...


EngineFactory = Callable[[], Engine]
