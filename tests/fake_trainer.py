# SPDX-License-Identifier: GPL-3.0-or-later
"""A scripted engine that trains: it learns nothing, and keeps files and promises as the real one does."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from sd_blender.core import png
from sd_blender.core.engine_protocol import IsCancelled, Report
from sd_blender.core.errors import JobCancelled
from sd_blender.core.messages import Losses, Progress, Sample, Started, TrainingResult
from sd_blender.core.training_captions import captions_of
from sd_blender.core.training_folder import TrainingFolder
from sd_blender.core.training_request import TextualInversion, Training
from tests.fakes import FakeEngine, picture


def write_tensor(path: Path, name: str, **metadata: str) -> None:
    """A .safetensors file of one small tensor."""
    header = {name: {"dtype": "F16", "shape": [1, 1], "data_offsets": [0, 2]}, "__metadata__": metadata}
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(2))


def write_lora(path: Path, trigger: str = "", **metadata: str) -> None:
    write_tensor(path, "lora_unet_x.lora_down.weight", **{"modelspec.trigger_phrase": trigger}, **metadata)


@dataclass
class FakeTrainer(FakeEngine):
    """As FakeEngine, for trainings too. trained: their requests. captions: of each, as they were found."""

    trained: list[Training] = field(default_factory=list)
    captions: list[dict[str, str]] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def train(
        self, job_id: str, request: Training, report: Report, is_cancelled: IsCancelled
    ) -> TrainingResult:
        self.trained.append(request)
        self.captions.append(captions_of(request))
        folder = TrainingFolder.of(request)
        step = folder.steps_done()
        points = [point for point in folder.read_losses() if point[0] <= step]
        report(Started(job_id, request.steps))
        report(Losses(job_id, tuple(points)))
        try:
            while step < request.steps:
                self._step(step + 1, is_cancelled)
                step += 1
                points.append((step, 1.0 / step))
                report(Losses(job_id, points[-1:]))
                if step % request.checkpoint_every == 0:
                    self._save(folder, step, points)
                if step % request.sample_every == 0:
                    self._sample(job_id, folder, step, report)
                report(Progress(job_id, step, request.steps))
        except JobCancelled:
            self._save(folder, step, points)
            raise
        self._save(folder, step, points)
        if isinstance(request, TextualInversion):
            write_tensor(folder.output, request.trigger, ss_steps=str(step))
        else:
            write_lora(folder.output, request.trigger, ss_steps=str(step))
        return TrainingResult(request, str(folder.output), step, points[-1][1], 0.1, self.notes)

    def _save(self, folder: TrainingFolder, step: int, points: list[tuple[int, float]]) -> None:
        write_tensor(folder.checkpoint, "learned:x", step=str(step))
        folder.losses.write_text("".join(f"{json.dumps(point)}\n" for point in points))

    def _sample(self, job_id: str, folder: TrainingFolder, step: int, report: Report) -> None:
        pixels = picture(step, 64, 64)
        folder.sample(step).parent.mkdir(parents=True, exist_ok=True)
        folder.sample(step).write_bytes(png.encode(pixels))
        report(Sample(job_id, step, "zx", pixels))
