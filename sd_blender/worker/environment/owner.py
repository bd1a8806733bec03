# SPDX-License-Identifier: GPL-3.0-or-later
"""One installer at a time in a folder: a file that the operating system locks for the process that builds.

The lock goes with its process, however that ends, so that there is no stale one to recover from; the process number
in the file is for the sentence that tells the second one who is first.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

LOCK = "install.lock"
TICK = 0.5
_OFFSET = 1 << 20  # the locked byte on Windows, away from the text, which others must be able to read


@contextlib.contextmanager
def owned(folder: Path, on_wait: Callable[[int], None]) -> Iterator[None]:
    """Hold the folder; while another process has it, ``on_wait`` is called with its number (0: unknown).

    What on_wait raises ends the wait and is raised here. Raises OSError when the folder cannot be written to.
    """
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        while not _try_lock(descriptor):
            on_wait(_owner(descriptor))
            time.sleep(TICK)
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, b"%d\n" % os.getpid())
        yield
    finally:
        os.close(descriptor)  # which gives up the lock


def _owner(descriptor: int) -> int:
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        return int(os.read(descriptor, 32))
    except (OSError, ValueError):
        return 0


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _OFFSET, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
