# SPDX-License-Identifier: GPL-3.0-or-later
"""The two kinds of work a job can be, pictures and training, where whoever carries it need not care which it is."""

from __future__ import annotations

import numpy as np

from .engine_protocol import Engine, IsCancelled, Report, Trainer
from .errors import BadResult, EngineUnavailable
from .messages import GeneratedImage, Message, Picture, Result, TrainingResult
from .request import Inpaint, Request
from .sentence import Sentence
from .training_json import validate_training
from .training_request import Training
from .validation import validate

Work = Request | Training
Outcome = Result | TrainingResult


def check(work: Work) -> None:
    """Raise :class:`~.errors.InvalidRequest` unless the work can be tried as it stands."""
    if isinstance(work, Training):
        validate_training(work)
    else:
        validate(work)


def run(engine: Engine, job_id: str, work: Work, report: Report, is_cancelled: IsCancelled) -> Outcome:
    """Have the engine do it; see :meth:`~.engine_protocol.Engine.generate` for what it reports and raises.

    A picture that the engine returns without having reported it is reported here.
    """
    if not isinstance(work, Training):
        return _generate(engine, job_id, work, report, is_cancelled)
    if not isinstance(engine, Trainer):
        raise EngineUnavailable(
            "This engine makes pictures and cannot train; use the one that the add-on installs."
        )
    return engine.train(job_id, work, report, is_cancelled)


def _generate(
    engine: Engine, job_id: str, request: Request, report: Report, is_cancelled: IsCancelled
) -> Result:
    reported: set[int] = set()

    def pass_on(message: Message) -> None:
        if isinstance(message, Picture):
            reported.add(message.image.seed)
        report(message)

    result = engine.generate(job_id, request, pass_on, is_cancelled)
    for image in result.images:
        if image.seed not in reported:
            report(Picture(job_id, image))
    return result


def check_result(request: Work, result: Outcome) -> None:
    """Raise BadResult unless there are as many pictures as asked for, of uint8 and of exactly the size asked for."""
    if isinstance(request, Training) or isinstance(result, TrainingResult):
        return
    wanted = request.keep or request.sampling.count
    if len(result.images) != wanted:
        raise BadResult(
            Sentence(
                "The engine gave {images} images, not {wanted}; generate again.",
                images=len(result.images),
                wanted=wanted,
            )
        )
    height, width = _canvas(request)
    for image in result.images:
        if not is_picture_of(request, image):
            shape = image.pixels.shape
            raise BadResult(
                Sentence(
                    "The engine gave a picture of shape {shape} for one of {width} x {height}; generate "
                    "again.",
                    shape=shape,
                    width=width,
                    height=height,
                )
            )


def is_picture_of(request: Request, image: GeneratedImage) -> bool:
    """Whether the pixels are uint8 and of exactly the size asked for."""
    height, width = _canvas(request)
    return image.pixels.dtype == np.uint8 and image.pixels.shape in ((height, width, 3), (height, width, 4))


def _canvas(request: Request) -> tuple[int, int]:
    """Height and width."""
    if isinstance(request, Inpaint):
        height, width = request.image.shape[:2]
        return height, width
    return request.sampling.height, request.sampling.width


def name_of(work: Work) -> str:
    """What it is called in a sentence."""
    return "training" if isinstance(work, Training) else "generation"
