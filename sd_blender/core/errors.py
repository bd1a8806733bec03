# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors an artist may see. Each says in one sentence what happened and what to do next."""

from __future__ import annotations

import errno
import re
from enum import Enum

from .sentence import Sentence


class ErrorKind(str, Enum):
    """What went wrong, for code that decides what to do about it; the words are for people."""

    INVALID_REQUEST = "invalid_request"
    QUEUE_FULL = "queue_full"
    MODEL_NOT_FOUND = "model_not_found"
    MODEL_REFUSED = "model_refused"
    OUT_OF_MEMORY = "out_of_memory"
    BAD_RESULT = "bad_result"
    ENGINE_UNAVAILABLE = "engine_unavailable"
    WORKER_DIED = "worker_died"
    DEVICE_LOST = "device_lost"
    STORAGE = "storage"
    BLENDER = "blender"
    UNEXPECTED = "unexpected"


_WINDOWS_MEMORY = (8, 14, 1450, 1455)
"""ERROR_NOT_ENOUGH_MEMORY, ERROR_OUTOFMEMORY, ERROR_NO_SYSTEM_RESOURCES, ERROR_COMMITMENT_LIMIT."""

# As others hand these on, whatever the language of the system: "... (os error 1455)". C++ on Windows says
# "bad allocation". Python says only that of a thread whose stack finds no room.
_MEMORY = re.compile(
    r"(os error|WinError) (1450|1455)\b|cannot allocate memory|bad[_ ]alloc(ation)?\b|can't start new thread",
    re.IGNORECASE,
)


class SDBlenderError(Exception):
    """Base of all errors meant for the artist.

    ``str(error)`` is the sentence; ``details`` holds what a developer wants (a traceback, a path), or "".
    """

    kind = ErrorKind.UNEXPECTED

    def __init__(self, message: str, *, details: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class InvalidRequest(SDBlenderError):
    """The request cannot be run as it stands; ``field`` names the setting at fault."""

    kind = ErrorKind.INVALID_REQUEST

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class QueueFull(SDBlenderError):
    kind = ErrorKind.QUEUE_FULL


class ModelNotFound(SDBlenderError):
    kind = ErrorKind.MODEL_NOT_FOUND


class ModelRefused(SDBlenderError):
    """The model is there, but truncated, pickled, of another family, or asks to run code of its own."""

    kind = ErrorKind.MODEL_REFUSED


class OutOfMemory(SDBlenderError):
    kind = ErrorKind.OUT_OF_MEMORY


class BadResult(SDBlenderError):
    """The model gave something that is no picture (NaN, infinity)."""

    kind = ErrorKind.BAD_RESULT


class EngineUnavailable(SDBlenderError):
    """The engine could not be made: torch or diffusers is missing or broken."""

    kind = ErrorKind.ENGINE_UNAVAILABLE


class WorkerDied(SDBlenderError):
    """The worker process ended, or no longer answered and was ended; the next job starts another."""

    kind = ErrorKind.WORKER_DIED


class DeviceLost(SDBlenderError):
    """The device failed in a way that no process that used it recovers from; only a new process can go on."""

    kind = ErrorKind.DEVICE_LOST


class CannotSave(SDBlenderError):
    """A file cannot be written: the disk is full, or the folder is not ours to write in."""

    kind = ErrorKind.STORAGE


class BlenderStateError(SDBlenderError):
    """The .blend lacks what the job needs: no camera, no active object, a linked material, an image without pixels."""

    kind = ErrorKind.BLENDER


def is_system_out_of_memory(error: BaseException) -> bool:
    """Whether the system had no main memory to give, which Windows also says when its paging file is too small."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError) and (
        error.errno == errno.ENOMEM or getattr(error, "winerror", None) in _WINDOWS_MEMORY
    ):
        return True
    return not isinstance(error, SDBlenderError) and bool(_MEMORY.search(str(error)))


def libraries_without_memory(error: BaseException) -> OutOfMemory:
    """What to raise when ``error`` says that no memory was left to import torch and what comes with it."""
    return OutOfMemory(
        "The memory ran out while the libraries were loaded; close other programs, or on Windows enlarge the paging "
        "file.",
        details=str(error),
    )


def explain(error: BaseException, what: str) -> tuple[ErrorKind, str]:
    """The kind of any error and one sentence for the artist. what: the work that it ended, such as "generation"."""
    if isinstance(error, SDBlenderError):
        return error.kind, error.message
    if is_system_out_of_memory(error):
        return ErrorKind.OUT_OF_MEMORY, "The memory ran out; choose a smaller size, or close other programs."
    reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
    sentence = Sentence(
        "The {what} failed ({error}: {reason}); the log has the details.",
        what=what,
        error=type(error).__name__,
        reason=reason,
    )
    return ErrorKind.UNEXPECTED, sentence


class JobCancelled(Exception):
    """An outcome, not an error: raised inside an engine at the first check after a cancel, never shown."""
