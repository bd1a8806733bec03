# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors an artist may see. Each says in one sentence what happened and what to do next."""

from __future__ import annotations

from enum import Enum


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


class JobCancelled(Exception):
    """An outcome, not an error: raised inside an engine at the first check after a cancel, never shown."""
