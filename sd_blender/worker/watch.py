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
from ..core.messages import Loading, Message, Picture, Progress, Started
from ..core.sentence import Sentence

Clock = Callable[[], float]


@dataclass(frozen=True)
class Limits:
    """In seconds. Generous, since a slow machine must not lose a picture to impatience.

    start: until a started process greets. heartbeat: between two signs of life; importing torch or loading a kernel
    can hold Python's lock for long. quiet: between two signs of work of a job while it loads or decodes. step: the same
    while it denoises, however long a step takes: a sign comes from within it; slowdown: or this many times the longest
    silence so far, on a device that works ahead of what it says. cancel: until a cancelled job must have stopped by
    itself; pause: so much longer once it has begun. suspended: when nobody asked for so long, the computer was asleep.
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
        self._alive = self._worked = self._asked = clock()
        self._longest_silence = 0.0
        self._denoising = False
        self._pictures = 0

    def alive(self) -> None:
        """Anything came."""
        self._alive = self._clock()

    def reported(self, message: Message) -> None:
        """The job reported, which is a sign of work, and tells what is waited for."""
        self.working()
        match message:
            case Started():
                self._denoising = True
            case Progress(step=step, steps=steps, images=images):
                # A picture that is denoised and not here yet is being decoded.
                self._denoising = step < steps and images <= self._pictures
            case Picture():
                self._pictures += 1
            case Loading():
                self._denoising = False

    def working(self) -> None:
        """The job is at work, within a step, a tile or a file."""
        now = self._clock()
        if self._denoising:
            self._longest_silence = max(self._longest_silence, now - self._worked)
        self._alive = self._worked = now

    def overdue(self) -> str:
        """What has been waited for too long, in words, or ""."""
        now = self._clock()
        if (gap := now - self._asked) > self._limits.suspended:
            # Nobody asked for a while: the computer slept, and the worker with it.
            self._alive += gap
            self._worked += gap
        self._asked = now
        if now - self._alive > self._limits.heartbeat:
            return Sentence(
                "gave no sign of life for {heartbeat} s", heartbeat=f"{self._limits.heartbeat:.0f}"
            )
        patience = self._limits.quiet
        if self._denoising:
            patience = max(self._limits.step, self._limits.slowdown * self._longest_silence)
        if now - self._worked > patience:
            return Sentence("made no progress for {patience} s", patience=f"{patience:.0f}")
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
            minutes = Sentence("{window} minutes", window=f"{self.window / 60:.0f}")
            raise EngineUnavailable(
                Sentence(
                    "The engine stopped {deaths} times in {minutes}; press Unload Model to try again, or "
                    "read why in {log}.",
                    deaths=len(self._deaths),
                    minutes=minutes,
                    log=log,
                )
            )
        if not self._deaths:
            return 0.0
        pause = self.waits[min(len(self._deaths), len(self.waits) - 1)]
        return max(0.0, self._deaths[-1] + pause - now)
