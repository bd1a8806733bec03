# SPDX-License-Identifier: GPL-3.0-or-later
"""What all samplers here have: a way to go, and a source of noise."""

from __future__ import annotations

from ..loop import Draw
from ..spacing import Trajectory


class OnTrajectory:
    """trajectory: the way. draw: gives noise, for samplers that add some."""

    def __init__(self, trajectory: Trajectory, draw: Draw) -> None:
        self._trajectory = trajectory
        self._draw = draw

    @property
    def steps(self) -> range:
        return self._trajectory.left
