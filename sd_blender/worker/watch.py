# SPDX-License-Identifier: GPL-3.0-or-later
"""When to stop waiting for a worker: signs of life, progress, and how often it may be started again.

Monotonic clocks only: a changed date or time zone is no reason to end anything.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ..core.errors import EngineUnavailable
from ..core.messages import Loading, Message, Preview, Progress, Started

Clock = Callable[[], float]


@dataclass(frozen=True)
class Limits:
    """In seconds. Generous, since a slow machine must not lose a picture to impatience.

    start: until a started process greets. heartbeat: between two signs of life; importing torch or loading a kernel
    can hold Python's lock for long. quiet: between two reports of a job while it loads or decodes. step: the least
    that one denoising step may take; slowdown: or this many times the longest so far. cancel: until a cancelled job
    must have stopped by itself; pause: so much longer once it has begun. suspended: when nobody asked for so long, the
    computer was asleep.
    """

    start: float = 60.0
    heartbeat: float = 120.0
    quiet: float = 900.0
    step: float = 180.0
    slowdown: float = 20.0
    cancel: float = 3.0
    pause: float = 0.0
    suspended: float = 5.0


class Watch:
    """One job's patience. Told of every frame; asked a few times a second whether it is over."""

    def __init__(self, limits: Limits, clock: Clock = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._alive = self._reported = self._step_began = self._asked = clock()
        self._longest_step = 0.0
        self._denoising = False

    def alive(self) -> None:
        """Anything came."""
        self._alive = self._clock()

    def reported(self, message: Message) -> None:
        """The job reported. Between its start and its last step, a step's time is what is waited for."""
        now = self._clock()
        match message:
            case Started():
                self._denoising = True
            case Progress(step=step, steps=steps):
                self._longest_step = max(self._longest_step, now - self._step_began)
                self._denoising = step < steps
            case Loading():
                self._denoising = False
        if not isinstance(message, Preview):
            self._step_began = now
        self._alive = self._reported = now

    def overdue(self) -> str:
        """What has been waited for too long, in words, or ""."""
        now = self._clock()
        if (gap := now - self._asked) > self._limits.suspended:
            # Nobody asked for a while: the computer slept, and the worker with it.
            self._alive += gap
            self._reported += gap
            self._step_began += gap
        self._asked = now
        if now - self._alive > self._limits.heartbeat:
            return f"gave no sign of life for {self._limits.heartbeat:.0f} s"
        patience = self._limits.quiet
        if self._denoising:
            patience = max(self._limits.step, self._limits.slowdown * self._longest_step)
        if now - self._reported > patience:
            return f"made no progress for {patience:.0f} s"
        return ""


@dataclass
class Restarts:
    """How often a worker that died may be started again: ``most`` times in ``window`` seconds, ever more slowly."""

    most: int = 3
    window: float = 300.0
    waits: tuple[float, ...] = (0.0, 0.0, 1.0, 4.0)
    clock: Clock = time.monotonic
    _deaths: deque[float] = field(default_factory=deque)

    def died(self) -> None:
        self._deaths.append(self.clock())

    def forgive(self) -> None:
        """Start counting anew: the artist asked for it, or the worker did its work."""
        self._deaths.clear()

    def wait(self, log: str) -> float:
        """Seconds until the next start may be tried. Raises EngineUnavailable after too many. log: where why is."""
        now = self.clock()
        while self._deaths and now - self._deaths[0] > self.window:
            self._deaths.popleft()
        if len(self._deaths) > self.most:
            minutes = f"{self.window / 60:.0f} minutes"
            raise EngineUnavailable(
                f"The engine stopped {len(self._deaths)} times in {minutes}; press Unload Model to try again, or "
                f"read why in {log}."
            )
        if not self._deaths:
            return 0.0
        pause = self.waits[min(len(self._deaths), len(self.waits) - 1)]
        return max(0.0, self._deaths[-1] + pause - now)
