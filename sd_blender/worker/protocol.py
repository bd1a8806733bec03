# SPDX-License-Identifier: GPL-3.0-or-later
"""What parent and worker say to each other, as frames.

Parent to worker: ``generate`` (job, request, its arrays) or ``train``, ``cancel`` (job), and ``prepare`` for a job that
is to be expected: libraries are imported, and nobody is told. Closing the pipe means: exit.
Worker to parent: ``greeting`` first, ``heartbeat`` every second, and for a job ``working``, at most every second while
it is at work, ``loading``, ``started``, ``progress``, ``preview``, ``picture`` for each picture that is done, and then
exactly one of ``result``, ``cancelled``, ``error``. What a training says is in :mod:`~.training_frames`.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..core.errors import ErrorKind, JobCancelled, SDBlenderError, explain
from ..core.messages import (
    GeneratedImage,
    Loading,
    Losses,
    Message,
    Picture,
    Preview,
    Progress,
    Result,
    Sample,
    Seam,
    Started,
    TrainingResult,
)
from ..core.request import ImageArray, Request
from ..core.sentence import sentence_of_json, sentence_to_json
from ..core.serialization import from_json, to_json
from ..core.training_request import Training
from ..core.work import Outcome, Work
from .frames import Frame, Header, WireError
from .training_frames import (
    train_frame,
    trained_frame,
    training_message_frame,
    training_message_of,
    training_of,
)

PROTOCOL = 6
HEARTBEAT = 1.0
"""Seconds between two signs of life of a worker."""
LOST_DEVICE, MALFORMED, DEAF, NO_MEMORY = 3, 4, 70, 71
"""Exit codes of a worker: its device failed, from which CUDA recovers only in another process; it was sent what is no
frame; it could no longer read what it is sent; it had no memory to take that in."""
PREPARE = "prepare"
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
            return Frame({"type": "loading", "job": job_id, "text": sentence_to_json(text), "factor": factor})
        case Started(job_id, steps):
            return Frame({"type": "started", "job": job_id, "steps": steps})
        case Progress(job_id, step, steps, images):
            return Frame({"type": "progress", "job": job_id, "step": step, "steps": steps, "images": images})
        case Preview(job_id, pixels, index):
            return Frame({"type": "preview", "job": job_id, "index": index}, {"pixels": pixels})
        case Picture(job_id, image):
            return Frame({"type": "picture", "job": job_id, **_told(image)}, {"pixels": image.pixels})
        case Losses() | Sample():
            return training_message_frame(message)
    raise TypeError(f"{type(message).__name__} does not cross the wire")


def message_of(frame: Frame) -> Message | None:
    """The message in a frame, None for a frame that is none. Raises WireError for a malformed one."""
    header = frame.header
    try:
        match frame.type:
            case "loading":
                return Loading(header["job"], sentence_of_json(header["text"]), float(header["factor"]))
            case "started":
                return Started(header["job"], int(header["steps"]))
            case "progress":
                return Progress(
                    header["job"], int(header["step"]), int(header["steps"]), int(header["images"])
                )
            case "preview":
                return Preview(header["job"], frame.arrays["pixels"], int(header["index"]))
            case "picture":
                return Picture(header["job"], _image(header, frame.arrays["pixels"]))
        return training_message_of(frame)
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(f"a malformed {frame.type}: {error!r}") from None


def outcome_frame(job_id: str, outcome: Outcome) -> Frame:
    if isinstance(outcome, TrainingResult):
        return trained_frame(job_id, outcome)
    return result_frame(job_id, outcome)


def result_frame(job_id: str, result: Result) -> Frame:
    """Of the pictures, which have crossed already, only the seeds."""
    return Frame(
        {
            "type": "result",
            "job": job_id,
            "seconds": result.seconds,
            "seeds": [image.seed for image in result.images],
            "precision": sentence_to_json(result.precision),
        }
    )


def result_of(frame: Frame, request: Request, pictures: Mapping[int, GeneratedImage]) -> Result:
    """The result in a ``result`` frame; the request stays where it was asked. pictures: those that crossed, by seed.

    Raises WireError, also for a picture that did not cross.
    """
    try:
        images = tuple(pictures[seed] for seed in frame.header["seeds"])
        precision = sentence_of_json(frame.header["precision"])
        return Result(request, images, float(frame.header["seconds"]), precision)
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(f"a malformed result: {error!r}") from None


def _told(image: GeneratedImage) -> Header:
    """What an engine says of a picture beside its pixels."""
    return {
        "seed": image.seed,
        "seam": [image.seam.x, image.seam.y],
        "warnings": [sentence_to_json(warning) for warning in image.warnings],
        "prompt": image.prompt,
        "negative_prompt": image.negative_prompt,
        "score": image.score,
    }


def _image(entry: Header, pixels: ImageArray) -> GeneratedImage:
    x, y = entry["seam"]
    return GeneratedImage(
        pixels,
        int(entry["seed"]),
        Seam(float(x), float(y)),
        tuple(map(sentence_of_json, entry["warnings"])),
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
    kind, message = explain(error, what)
    return Frame(
        {
            "type": "error",
            "job": job_id,
            "kind": kind.value,
            "message": sentence_to_json(message),
            "details": details[-20_000:],
        }
    )


def error_of(frame: Frame) -> RemoteError:
    """The error in an ``error`` frame. Raises WireError."""
    header = frame.header
    try:
        return RemoteError(
            ErrorKind(header["kind"]), sentence_of_json(header["message"]), str(header["details"])
        )
    except (KeyError, ValueError) as error:
        raise WireError(f"a malformed error: {error!r}") from None
