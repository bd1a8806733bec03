# SPDX-License-Identifier: GPL-3.0-or-later
"""Cancel is asked for wherever work may take a while."""

from __future__ import annotations

from .engine_protocol import IsCancelled
from .errors import JobCancelled


def stop_if_cancelled(is_cancelled: IsCancelled) -> None:
    """Raise JobCancelled where nobody wants the work any more."""
    if is_cancelled():
        raise JobCancelled
