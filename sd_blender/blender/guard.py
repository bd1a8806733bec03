# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender calls back, over and over, must not raise: Blender drops the timer and floods the console."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

logger = logging.getLogger(__name__)

CALLBACK_FAILED = "This panel could not be drawn; report a bug with the text in the console."


class LoggedOnce:
    """A context that swallows an exception and logs it, the same one again only after it went well in between."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._last = ""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _type: Any, error: BaseException | None, _traceback: Any) -> bool:
        if error is None:
            self._last = ""
            return False
        if not isinstance(error, Exception):
            return False
        told = f"{type(error).__name__}: {error}"
        if told != self._last:
            self._last = told
            logger.error("%s failed", self._what, exc_info=error)
        return True


def handler(function: Callable[..., None]) -> Callable[..., None]:
    """For a handler of ``bpy.app.handlers``; goes inside of ``@persistent``."""
    once = LoggedOnce(function.__qualname__)

    @functools.wraps(function)
    def guarded(*args: Any) -> None:
        with once:
            function(*args)

    return guarded


def draw(function: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """For the draw method of a panel: what was drawn so far stays, and a line says that something is missing."""
    once = LoggedOnce(function.__qualname__)

    @functools.wraps(function)
    def guarded(self: Any, context: Any) -> None:
        done = False
        with once:
            function(self, context)
            done = True
        if not done:
            self.layout.label(text=CALLBACK_FAILED, icon="ERROR")

    return guarded
