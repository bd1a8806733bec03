# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's log: what it wrote to stderr, in a file that never grows large, and the last lines at hand."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import deque
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import BinaryIO

from .user_folder import make_private, user_folder

MAX_BYTES = 1 << 20
KEPT_FILES = 5
"""Logs of as many processes of Blender are kept, each with one older part."""
LAST_LINES = 40
MAX_LINE = 4096


class WorkerLog:
    """One file for each process of Blender, so that two of them do not write over each other. Never raises."""

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or default_folder()) / f"worker-{os.getpid()}.log"
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._lock = threading.Lock()
        self._handler: logging.Handler | None = None

    def follow(self, stream: BinaryIO) -> threading.Thread:
        """Copy a worker's stderr here until it ends, on a thread of its own."""
        thread = threading.Thread(
            target=self._copy, args=(stream,), name="SD Blender worker log", daemon=True
        )
        thread.start()
        return thread

    @property
    def last_lines(self) -> str:
        with self._lock:
            return "\n".join(self._last)

    def _copy(self, stream: BinaryIO) -> None:
        with stream:
            while line := stream.readline(MAX_LINE):
                self.write(line.decode("utf-8", "replace").rstrip())

    def write(self, line: str) -> None:
        with self._lock:
            self._last.append(line)
            if self._handler is None:
                self._handler = _open(self.path)
            # logging reports a full disk on stderr by itself unless told not to, and then goes on.
            self._handler.handle(logging.makeLogRecord({"msg": line}))

    def close(self) -> None:
        with self._lock:
            if self._handler is not None:
                with contextlib.suppress(OSError):  # what a full disk did not take
                    self._handler.close()
                self._handler = None


def default_folder() -> Path:
    """In the user's own folder: one in the shared temporary directory could be another user's."""
    return user_folder() / "logs"


def _open(path: Path) -> logging.Handler:
    """The file, or a handler that drops everything where no file can be written."""
    try:
        make_private(path.parent)
        _remove_old(path.parent)
        handler = RotatingFileHandler(path, maxBytes=MAX_BYTES, backupCount=1, encoding="utf-8")
    except OSError:
        return logging.NullHandler()
    handler.handleError = lambda record: None  # type: ignore[method-assign]
    return handler


def _remove_old(folder: Path) -> None:
    logs = sorted(folder.glob("worker-*.log"), key=lambda p: p.stat().st_mtime, reverse=True)
    for path in logs[KEPT_FILES - 1 :]:
        for part in (path, path.with_name(f"{path.name}.1")):
            part.unlink(missing_ok=True)
