# SPDX-License-Identifier: GPL-3.0-or-later
"""How much longer a job takes, from how fast it was so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

WINDOW = 12
"""Steps whose mean speed counts: enough to be steady, few enough to notice that the machine became busy."""

WARM_UP = 2
"""Steps before anything is said: the first ones of a model are slow."""


class Pace:
    """Told of each step, says how many seconds are left. clock: a monotonic one, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._marks: deque[tuple[int, float]] = deque(maxlen=WINDOW + 1)

    @property
    def last_step(self) -> int:
        """The last step that was told, 0 before the first."""
        return self._marks[-1][0] if self._marks else 0

    def step(self, step: int) -> None:
        """``step`` is done. One that is not later than the last begins anew, as when a batch is run again."""
        if self._marks and step <= self._marks[-1][0]:
            self._marks.clear()
        self._marks.append((step, self._clock()))

    def seconds_left(self, steps: int) -> float | None:
        """Until step ``steps`` is done; None as long as nobody can know."""
        if len(self._marks) <= WARM_UP:
            return None
        (first, began), (last, now) = self._marks[0], self._marks[-1]
        per_step = (now - began) / (last - first)
        return max(0.0, per_step * (steps - last) - (self._clock() - now))


def in_words(seconds: float) -> str:
    """ "12 s", "1 min 05 s", "2 h 10 min"."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
