# SPDX-License-Identifier: GPL-3.0-or-later
"""What a training says over the wire: ``train`` (job, request) to the worker; ``losses``, ``sample`` and, to close it,
``trained`` from there.
"""

from __future__ import annotations

from ..core.messages import Losses, Message, Sample, TrainingResult
from ..core.sentence import sentence_of_json, sentence_to_json
from ..core.training_json import training_from_json, training_to_json
from ..core.training_request import Training
from .frames import Frame, WireError


def train_frame(job_id: str, request: Training) -> Frame:
    return Frame({"type": "train", "job": job_id, "request": training_to_json(request)})


def training_of(frame: Frame) -> Training:
    """The validated request of a ``train`` frame. Raises InvalidRequest."""
    return training_from_json(frame.header.get("request", {}))


def training_message_frame(message: Losses | Sample) -> Frame:
    match message:
        case Losses(job_id, points):
            return Frame({"type": "losses", "job": job_id, "points": [list(point) for point in points]})
        case Sample(job_id, step, prompt, pixels):
            header = {"type": "sample", "job": job_id, "step": step, "prompt": prompt}
            return Frame(header, {"pixels": pixels})


def training_message_of(frame: Frame) -> Message | None:
    """As :func:`~.protocol.message_of`; KeyError, TypeError or ValueError for a malformed frame."""
    header = frame.header
    match frame.type:
        case "losses":
            points = tuple((int(step), float(loss)) for step, loss in header["points"])
            return Losses(header["job"], points)
        case "sample":
            return Sample(header["job"], int(header["step"]), str(header["prompt"]), frame.arrays["pixels"])
    return None


def trained_frame(job_id: str, result: TrainingResult) -> Frame:
    header = {
        "type": "trained",
        "job": job_id,
        "path": result.path,
        "steps": result.steps,
        "loss": result.loss,
        "seconds": result.seconds,
        "notes": [sentence_to_json(note) for note in result.notes],
    }
    return Frame(header, {} if result.sample is None else {"sample": result.sample})


def trained_of(frame: Frame, request: Training) -> TrainingResult:
    """The result in a ``trained`` frame; the request stays where it was asked. Raises WireError."""
    header = frame.header
    try:
        return TrainingResult(
            request,
            str(header["path"]),
            int(header["steps"]),
            float(header["loss"]),
            float(header["seconds"]),
            tuple(map(sentence_of_json, header["notes"])),
            frame.arrays.get("sample"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(f"a malformed result of a training: {error!r}") from None
