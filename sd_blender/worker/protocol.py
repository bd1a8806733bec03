# SPDX-License-Identifier: GPL-3.0-or-later
"""What parent and worker say to each other, as frames.

Parent to worker: ``generate`` (job, request, its arrays) or ``train``, ``cancel`` (job). Closing the pipe means: exit.
Worker to parent: ``greeting`` first, ``heartbeat`` every second, and for a job ``loading``, ``started``, ``progress``,
``preview`` and then exactly one of ``result``, ``cancelled``, ``error``. What a training says is in
:mod:`~.training_frames`.
"""

from __future__ import annotations

from typing import Any

from ..core.errors import ErrorKind, JobCancelled, SDBlenderError
from ..core.messages import (
    GeneratedImage,
    Loading,
    Losses,
    Message,
    Preview,
    Progress,
    Result,
    Sample,
    Seam,
    Started,
    TrainingResult,
)
from ..core.request import Request
from ..core.serialization import from_json, to_json
from ..core.training_request import Training
from ..core.work import Outcome, Work
from .frames import Frame, WireError
from .training_frames import (
    train_frame,
    trained_frame,
    training_message_frame,
    training_message_of,
    training_of,
)

PROTOCOL = 4
HEARTBEAT = 1.0
"""Seconds between two signs of life of a worker."""
WORK = frozenset({"generate", "train"})
CLOSING = frozenset({"result", "trained", "cancelled", "error"})


class RemoteError(SDBlenderError):
    """An error that an engine raised in the worker, with the kind it had there."""

    def __init__(self, kind: ErrorKind, message: str, details: str) -> None:
        super().__init__(message, details=details)
        self.kind = kind


def work_frame(job_id: str, work: Work) -> Frame:
    if isinstance(work, Training):
        return train_frame(job_id, work)
    return generate_frame(job_id, work)


def work_of(frame: Frame) -> Work:
    """The validated request of a frame of ``WORK``. Raises InvalidRequest."""
    return training_of(frame) if frame.type == "train" else request_of(frame)


def generate_frame(job_id: str, request: Request) -> Frame:
    header, arrays = to_json(request)
    return Frame({"type": "generate", "job": job_id, "request": header}, arrays)


def request_of(frame: Frame) -> Request:
    """The validated request of a ``generate`` frame. Raises InvalidRequest."""
    return from_json(frame.header.get("request", {}), frame.arrays)


def message_frame(message: Message) -> Frame:
    """A message on the way; closing ones have frames of their own."""
    match message:
        case Loading(job_id, text, factor):
            return Frame({"type": "loading", "job": job_id, "text": text, "factor": factor})
        case Started(job_id, steps):
            return Frame({"type": "started", "job": job_id, "steps": steps})
        case Progress(job_id, step, steps, images):
            return Frame({"type": "progress", "job": job_id, "step": step, "steps": steps, "images": images})
        case Preview(job_id, pixels, index):
            return Frame({"type": "preview", "job": job_id, "index": index}, {"pixels": pixels})
        case Losses() | Sample():
            return training_message_frame(message)
    raise TypeError(f"{type(message).__name__} does not cross the wire")


def message_of(frame: Frame) -> Message | None:
    """The message in a frame, None for a frame that is none. Raises WireError for a malformed one."""
    header = frame.header
    try:
        match frame.type:
            case "loading":
                return Loading(header["job"], str(header["text"]), float(header["factor"]))
            case "started":
                return Started(header["job"], int(header["steps"]))
            case "progress":
                return Progress(
                    header["job"], int(header["step"]), int(header["steps"]), int(header["images"])
                )
            case "preview":
                return Preview(header["job"], frame.arrays["pixels"], int(header["index"]))
        return training_message_of(frame)
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(f"a malformed {frame.type}: {error!r}") from None


def outcome_frame(job_id: str, outcome: Outcome) -> Frame:
    if isinstance(outcome, TrainingResult):
        return trained_frame(job_id, outcome)
    return result_frame(job_id, outcome)


def result_frame(job_id: str, result: Result) -> Frame:
    images = [
        {
            "seed": image.seed,
            "seam": [image.seam.x, image.seam.y],
            "warnings": list(image.warnings),
            "prompt": image.prompt,
            "negative_prompt": image.negative_prompt,
            "score": image.score,
        }
        for image in result.images
    ]
    arrays = {str(i): image.pixels for i, image in enumerate(result.images)}
    return Frame({"type": "result", "job": job_id, "seconds": result.seconds, "images": images}, arrays)


def result_of(frame: Frame, request: Request) -> Result:
    """The result in a ``result`` frame; the request stays where it was asked. Raises WireError."""
    try:
        images = tuple(_image(entry, frame.arrays[str(i)]) for i, entry in enumerate(frame.header["images"]))
        return Result(request, images, float(frame.header["seconds"]))
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(f"a malformed result: {error!r}") from None


def _image(entry: dict[str, Any], pixels: Any) -> GeneratedImage:
    x, y = entry["seam"]
    return GeneratedImage(
        pixels,
        int(entry["seed"]),
        Seam(float(x), float(y)),
        tuple(map(str, entry["warnings"])),
        prompt=str(entry["prompt"]),
        negative_prompt=str(entry["negative_prompt"]),
        score=None if entry["score"] is None else float(entry["score"]),
    )


def error_frame(job_id: str, error: BaseException, details: str, what: str = "generation") -> Frame:
    """How a job ended without a result: cancelled, or the error's kind and sentence with details for the log.

    what: the work is called in the sentence.
    """
    if isinstance(error, JobCancelled):
        return Frame({"type": "cancelled", "job": job_id})
    if isinstance(error, SDBlenderError):
        kind, message = error.kind, error.message
    else:
        reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
        kind = ErrorKind.UNEXPECTED
        message = f"The {what} failed ({type(error).__name__}: {reason}); the log has the details."
    return Frame(
        {"type": "error", "job": job_id, "kind": kind.value, "message": message, "details": details[-20_000:]}
    )


def error_of(frame: Frame) -> RemoteError:
    """The error in an ``error`` frame. Raises WireError."""
    header = frame.header
    try:
        return RemoteError(ErrorKind(header["kind"]), str(header["message"]), str(header["details"]))
    except (KeyError, ValueError) as error:
        raise WireError(f"a malformed error: {error!r}") from None
