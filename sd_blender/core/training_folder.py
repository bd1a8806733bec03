# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a training keeps what it has so far: beside ``moss.safetensors`` the folder ``moss.training``.

``checkpoint.safetensors``, from which it goes on, and the one before it, should that one prove broken;
``losses.jsonl``, one [step, loss] a line; ``samples/``, a picture for every so many steps; ``images/``, what is trained
on where that was made for it, such as renders. Whoever pauses a training cancels its job; whoever resumes it submits
its request again.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from .tensor_header import told_of
from .training_request import SUFFIX, Training

CHECKPOINT = "checkpoint.safetensors"
EARLIER = "checkpoint-before.safetensors"
LOSSES = "losses.jsonl"
SAMPLES = "samples"
IMAGES = "images"


@dataclass(frozen=True)
class TrainingFolder:
    """The paths of one training. output: the file it is to make."""

    output: Path

    @classmethod
    def of(cls, request: Training) -> TrainingFolder:
        return cls(Path(request.output).expanduser())

    @property
    def path(self) -> Path:
        return self.output.with_suffix(".training")

    @property
    def checkpoint(self) -> Path:
        return self.path / CHECKPOINT

    @property
    def earlier_checkpoint(self) -> Path:
        return self.path / EARLIER

    @property
    def losses(self) -> Path:
        return self.path / LOSSES

    @property
    def images(self) -> Path:
        return self.path / IMAGES

    @property
    def samples(self) -> list[tuple[int, Path]]:
        """The sample pictures there are, with their steps, in order."""
        found = [
            (path.stem.removeprefix("step-"), path) for path in self.path.joinpath(SAMPLES).glob("step-*.png")
        ]
        return sorted((int(step), path) for step, path in found if step.isdecimal())

    @property
    def diffusers_output(self) -> Path:
        """The same with diffusers' names, where its own loader looks: in a folder, under this name."""
        return self.output.with_suffix("") / f"pytorch_lora_weights{SUFFIX}"

    def sample(self, step: int) -> Path:
        return self.path / SAMPLES / f"step-{step:06d}.png"

    def is_whole(self) -> bool:
        """Whether the finished file holds every step of the checkpoint; it is older after a pause or a full disk."""
        try:
            return int(told_of(self.output)["ss_steps"]) >= self.steps_done()
        except (KeyError, ValueError, TypeError):
            return True  # another program's

    def steps_done(self) -> int:
        """The step of the checkpoint, 0 where there is none that can be read."""
        try:
            return int(self.metadata()["step"])
        except (KeyError, ValueError, TypeError):
            return 0

    def metadata(self) -> dict[str, str]:
        """What the checkpoint says of itself, empty where there is none; reads the header of the file alone."""
        return told_of(self.checkpoint)

    def read_losses(self) -> list[tuple[int, float]]:
        """The curve so far; a line that a kill cut off is left out."""
        points = []
        try:
            lines = self.losses.read_text(encoding="ascii").splitlines()
        except (OSError, UnicodeDecodeError):
            return []
        for line in lines:
            try:
                step, loss = json.loads(line)
                points.append((int(step), float(loss)))
            except (ValueError, TypeError):
                continue
        return points

    def discard(self) -> None:
        """Forget the training; the finished file stays. Raises OSError."""
        if self.path.is_dir():
            shutil.rmtree(self.path)
