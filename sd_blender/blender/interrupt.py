# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl+C while an operator waits.

Blender turns what an operator raises into RuntimeError, KeyboardInterrupt too, and a script that takes those for
refused jobs could not be interrupted. SystemExit ends Blender inside the operator, on which 4.2 crashes and 4.5 hangs.
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


def raise_in_caller(frame: FrameType | None) -> None:
    """Have KeyboardInterrupt raised in ``frame``, a Python caller of the operator, when Blender has returned to it."""
    if frame is None:
        return

    def interrupt(frame: FrameType, _event: str, _argument: Any) -> None:
        sys.settrace(None)
        frame.f_trace_opcodes = False
        raise KeyboardInterrupt

    frame.f_trace = interrupt
    frame.f_trace_opcodes = True  # a line later may be outside of the caller's try
    sys.settrace(lambda *_: None)  # a frame's own trace function is called only while there is a global one


_pythons: int | None = None


@contextlib.contextmanager
def heard() -> Iterator[None]:
    """Have Ctrl+C reach Python until the block is done.

    ``blender --background`` takes it for itself, to stop renders, and a script that waits would not hear of it. That
    handler is none of Python's, so that only Python's C interface can put it back.
    """
    global _pythons
    api = ctypes.pythonapi
    api.PyOS_getsig.restype, api.PyOS_setsig.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p)
    blenders = api.PyOS_getsig(signal.SIGINT)
    taken = signal.getsignal(signal.SIGINT) is None or _pythons not in (None, blenders)
    if not taken or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _pythons = api.PyOS_getsig(signal.SIGINT)
    try:
        yield
    finally:
        api.PyOS_setsig(signal.SIGINT, blenders)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Hold Ctrl+C back until the block is done, where half of it would leave a job that nobody waits for."""
    is_main = threading.current_thread() is threading.main_thread()
    # None is a handler of Blender's own, which Python could not put back.
    if not is_main or signal.getsignal(signal.SIGINT) is None:
        yield
        return
    held: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        signal.raise_signal(signal.SIGINT)
