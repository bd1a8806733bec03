# SPDX-License-Identifier: GPL-3.0-or-later
"""The two kinds of work a job can be, pictures and training, where whoever carries it need not care which it is."""

from __future__ import annotations

from .engine_protocol import Engine, IsCancelled, Report, Trainer
from .errors import EngineUnavailable
from .messages import Result, TrainingResult
from .request import Request
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


def name_of(work: Work) -> str:
    """What it is called in a sentence."""
    return "training" if isinstance(work, Training) else "generation"
