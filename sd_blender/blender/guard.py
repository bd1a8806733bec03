# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender calls back, over and over, must not raise: Blender drops the timer and floods the console."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from types import MethodType, ModuleType
from typing import Any

import bpy

from . import needs, translation
from .sentences import draw_sentence

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
        if needs.problem():  # which was said, and is what everything fails with
            return True
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
    """For the draw method of a panel: what was drawn so far stays, and a line says that something is missing.

    Where the add-on cannot work in this Blender, the panel says why instead.
    """
    once = LoggedOnce(function.__qualname__)

    @functools.wraps(function)
    def guarded(self: Any, context: Any) -> None:
        if problem := needs.problem():
            draw_sentence(self.layout, context, problem, "ERROR")
            return
        done = False
        with once:
            function(self, context)
            done = True
        if not done:
            self.layout.label(text=CALLBACK_FAILED, icon="ERROR")

    return guarded


def polls(module: ModuleType) -> None:
    """Have the polls of a module's operators, panels and menus answer no, with the reason, where they would raise."""
    for kind in _classes_of(module):
        poll = getattr(kind, "poll", None)
        if isinstance(poll, MethodType) and not hasattr(poll, "is_guarded"):
            kind.poll = classmethod(_guarded_poll(poll.__func__))  # type: ignore[attr-defined]


def _classes_of(module: ModuleType) -> Iterator[type]:
    """Classes under names of their own and in lists."""
    for value in vars(module).values():
        for kind in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(kind, type):
                yield kind


def _is_shown_with_others(kind: type) -> bool:
    """Whether a class is a panel that goes when the main one says what is missing.

    A panel that stands alone is asked in editors that show nothing of ours: NumPy is not imported for it.
    """
    if not issubclass(kind, bpy.types.Panel) or getattr(kind, "says_what_is_missing", False):
        return False
    return hasattr(kind, "bl_parent_id") or needs.is_known()


def _guarded_poll(function: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    once = LoggedOnce(function.__qualname__)

    @functools.wraps(function)
    def guarded(cls: Any, context: Any) -> bool:
        if _is_shown_with_others(cls) and needs.problem():
            return False
        can, done = False, False
        with once:
            can = function(cls, context)
            done = True
        if not done and needs.problem() and hasattr(cls, "poll_message_set"):
            translation.refuse(cls, needs.problem())
        return can

    guarded.is_guarded = True  # type: ignore[attr-defined]
    return guarded
