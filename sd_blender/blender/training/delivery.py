# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender makes of the end of a training: sentences, since its file is on the disk already."""

from __future__ import annotations

from ...core.jobs import Job, JobState
from ...core.messages import TrainingResult
from ...core.sentence import Sentence
from ...core.training_folder import TrainingFolder
from ..results import naming
from ..results.delivery import Delivery
from .status import end, is_training, training


def deliver(result: TrainingResult) -> Delivery:
    """No images; the note says what there is now, how to call it, and what to know of it."""
    name, trigger = naming.of_file(result.path), result.request.trigger.strip()
    parts = [
        Sentence(
            "{name} is trained: {steps} steps, loss {loss}; it is saved as {path}.",
            name=name,
            steps=result.steps,
            loss=f"{result.loss:.4f}",
            path=result.path,
        ),
        Sentence('"{trigger}" calls it in a prompt.', trigger=trigger) if trigger else "",
        *result.notes,
    ]
    return Delivery((), Sentence.joined(" ", filter(None, parts)))


def paused(job: Job) -> str:
    """What is said of a training that was cancelled, "" for another job."""
    if not is_training(job):
        return ""
    steps = TrainingFolder.of(job.request).steps_done()
    if not steps:
        return "The training was stopped before its first checkpoint."
    planned = job.request.steps
    return Sentence(
        "The training is paused at step {steps} of {planned}; Train goes on from there.",
        steps=steps,
        planned=planned,
    )


def closed(job: Job) -> None:
    """Have the panel of the training say what came of it."""
    if not is_training(job):
        return
    end(job)
    if job.error is not None:
        training.tell(job.error.message, is_error=True)
    elif job.state is JobState.CANCELLED:
        training.tell(paused(job), is_error=False)
    elif isinstance(job.result, TrainingResult):
        training.tell(deliver(job.result).note, is_error=False)
