# SPDX-License-Identifier: GPL-3.0-or-later
"""How far an installation is: a closed set of phases, and where each stands on the bar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Phase(str, Enum):
    """In this order; each is safe to be killed in."""

    WAIT = "wait"
    CREATE = "create"
    DOWNLOAD = "download"
    INSTALL = "install"
    CHECK = "check"
    PUBLISH = "publish"


# Where each phase begins and ends on the bar, by what they take with a connection of 100 Mbit/s.
SPANS = {
    Phase.WAIT: (0.0, 0.0),
    Phase.CREATE: (0.0, 0.05),
    Phase.DOWNLOAD: (0.05, 0.65),
    Phase.INSTALL: (0.65, 0.92),
    Phase.CHECK: (0.92, 1.0),
    Phase.PUBLISH: (1.0, 1.0),
}


@dataclass(frozen=True)
class Progress:
    """One report. text: what is done now, for people. share: 0..1 of the phase."""

    phase: Phase
    text: str
    share: float = 0.0

    @property
    def factor(self) -> float:
        """0..1 of the whole installation."""
        start, end = SPANS[self.phase]
        return start + (end - start) * min(max(self.share, 0.0), 1.0)


Report = Callable[[Progress], None]
