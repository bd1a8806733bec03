# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module as ``python -m`` does, and ends at once when whoever started it is gone.

Run as a file by any Python: it may import nothing of the package. The end of standard input is the sign.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading

LOST = 75
"""The exit code of a program whose parent is gone."""


def main() -> None:
    # A descriptor of its own: on Windows, programs started by the module would wait for one that is being read.
    watched = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_end_with_parent, args=(watched,), daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_with_parent(watched: int) -> None:
    while os.read(watched, 4096):
        pass
    if os.name == "posix" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with what the module has started
    os._exit(LOST)


if __name__ == "__main__":
    main()
