# SPDX-License-Identifier: GPL-3.0-or-later
"""The two kinds of work a job can be, pictures and training, where whoever carries it need not care which it is."""

from __future__ import annotations

import numpy as np

from .engine_protocol import Engine, IsCancelled, Report, Trainer
from .errors import BadResult, EngineUnavailable
from .messages import Result, TrainingResult
from .request import Inpaint, Request
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
    """Have the engine do it; see :meth:`~.engine_protocol.Engine.generate` for what it reports and raises."""
    if not isinstance(work, Training):
        return engine.generate(job_id, work, report, is_cancelled)
    if not isinstance(engine, Trainer):
        raise EngineUnavailable(
            "This engine makes pictures and cannot train; use the one that the add-on installs."
        )
    return engine.train(job_id, work, report, is_cancelled)


def check_result(request: Work, result: Outcome) -> None:
    """Raise BadResult unless there are as many pictures as asked for, of uint8 and of exactly the size asked for."""
    if isinstance(request, Training) or isinstance(result, TrainingResult):
        return
    height, width = request.sampling.height, request.sampling.width
    if isinstance(request, Inpaint):
        height, width = request.image.shape[:2]
    wanted = request.keep or request.sampling.count
    if len(result.images) != wanted:
        raise BadResult(f"The engine gave {len(result.images)} images, not {wanted}; generate again.")
    for image in result.images:
        pixels = image.pixels
        if pixels.dtype != np.uint8 or pixels.shape not in ((height, width, 3), (height, width, 4)):
            raise BadResult(
                f"The engine gave a picture of shape {pixels.shape} for one of {width} x {height}; generate again."
            )


def name_of(work: Work) -> str:
    """What it is called in a sentence."""
    return "training" if isinstance(work, Training) else "generation"
