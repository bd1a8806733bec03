# SPDX-License-Identifier: GPL-3.0-or-later
"""From the artist's canvas to pictures that a model of this engine can make: see :mod:`~..core.canvas`."""

from __future__ import annotations

from ..core.canvas import Grid as Grid
from ..core.canvas import plan as plan
