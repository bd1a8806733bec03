# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel shows of a training: how far it is, its loss curve, its samples; of one that was left, from the disk.

Nothing of it is saved or undone. A panel may not look at the disk while it is drawn, so it asks for a look, which a
timer takes once; while a training runs, messages bring all that changes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import bpy.utils.previews
from bpy.app.handlers import persistent

from ...core.sentence import Sentence
from .. import editors, guard, late

if TYPE_CHECKING:
    from ...core.jobs import Job
    from ...core.request import ImageArray

with late.imports():
    from ...core import loss_curve, thumbnails, training_folder, training_request
    from ...core import pixels as pixel_format
    from . import build_training

REDRAW = 1.0
"""Seconds between two pictures of the curve."""

POINTS = 1000
"""Of the curve; more would take longer to draw than anybody could see of them."""

CURVE = 200
"""Pixels per side of the curve, as it is drawn at scale 1: panels draw icons as squares."""

SAMPLE = 192
MOST_SAMPLES = 4


@dataclass(frozen=True)
class SampleIcon:
    """step: after which the sample was made. icon: its number, 0 in background mode."""

    step: int
    icon: int


@dataclass
class TrainingStatus:
    """output: the file that all of it is about. job: the id of its job while that is open, else "".

    planned: its steps, 0 where they are not known. left: what there was of it when it was looked at.
    rendering: how many of its renders are made, and of how many, while that lasts.
    curve: an icon, 0 for none. message: what came of the last training, which is_error or not.
    """

    output: str = ""
    job: str = ""
    planned: int = 0
    left: build_training.Left | None = None
    rendering: tuple[int, int] | None = None
    curve: int = 0
    samples: tuple[SampleIcon, ...] = ()
    message: str = ""
    is_error: bool = False

    @property
    def steps(self) -> int:
        """Of its checkpoint."""
        return self.left.steps if self.left else 0

    @property
    def is_made(self) -> bool:
        """Whether its file is there."""
        return self.left is not None and self.left.is_made

    def tell(self, message: str, *, is_error: bool) -> None:
        self.message, self.is_error = message, is_error


training = TrainingStatus()

_curves: Any = None
_pictures: Any = None
_drawn_at = 0.0
_drawn_points = 0
_last_sample: Any = None
_wanted = "", 0
_looking = guard.LoggedOnce("looking for a training")


def is_training(job: Job) -> bool:
    return isinstance(job.request, training_request.Training)


def loss_of(job: Job) -> str:
    """ "loss 0.0412", the mean of the newest losses, which jump about; "" before there is one."""
    newest = [loss for _, loss in job.losses[-20:]]
    mean = sum(newest) / max(len(newest), 1)
    return Sentence("loss {mean}", mean=f"{mean:.4f}") if newest else ""


def follow(jobs: list[Job]) -> None:
    """Show the first of these jobs that is a training; the last one stays to be seen when there is none."""
    job = next((job for job in jobs if is_training(job)), None)
    if job is None:
        if training.job:
            training.job = ""
            look(training.output)
        return
    if job.id != training.job:
        _begin(job)
    _draw_curve(job.losses, job.request.steps)
    _take_sample(job)


def end(job: Job) -> None:
    """Show the last of a training that is closed now; its messages may have come together."""
    if job.id == training.job:
        _take_sample(job)


def _begin(job: Job) -> None:
    if job.request.output != training.output:
        _clear()
    training.output, training.job, training.planned = job.request.output, job.id, job.request.steps


def _take_sample(job: Job) -> None:
    global _last_sample
    if job.sample is not None and job.sample is not _last_sample:
        _last_sample = job.sample
        _add_sample(job.sample.step, job.sample.pixels)


def look_soon(output: str, planned: int) -> None:
    """Have a timer look at the disk, since a panel must not; of many wishes the last one counts. planned: its steps."""
    global _wanted
    _wanted = output, planned
    if not bpy.app.background and not bpy.app.timers.is_registered(_look_now):
        bpy.app.timers.register(_look_now, first_interval=0.0)


def _look_now() -> None:
    with _looking:
        if not training.job:
            look(*_wanted)
            editors.redraw()


def look(output: str, planned: int = 0) -> None:
    """Read from the disk what there is of a training, and show it. planned: its steps, where they are known."""
    if output != training.output:
        _clear()
    training.output, training.planned = output, planned or training.planned
    training.left = None
    if not output:
        return
    left = training.left = build_training.find(output)
    folder = training_folder.TrainingFolder(Path(output))
    points = folder.read_losses()
    last = points[-1][0] if points else 0
    _draw_curve(points, max(training.planned, left.steps, last), at_once=True)
    if not training.samples:
        for step, path in folder.samples[-MOST_SAMPLES:]:
            _load_sample(step, path)


def _draw_curve(points: list[tuple[int, float]], steps: int, *, at_once: bool = False) -> None:
    global _curves, _drawn_at, _drawn_points
    now = time.monotonic()
    if bpy.app.background or not points:
        return
    if not at_once and (len(points) == _drawn_points or now - _drawn_at < REDRAW):
        return
    _drawn_at, _drawn_points = now, len(points)
    picture = loss_curve.draw_curve(points[:: max(1, len(points) // POINTS)], steps, CURVE, CURVE)
    if _curves is None:
        _curves = bpy.utils.previews.new()
    _curves.clear()
    training.curve = _fill(_curves.new("curve"), picture)


def _add_sample(step: int, pixels: ImageArray) -> None:
    icon = 0
    if not bpy.app.background:
        icon = _fill(_places().new(_name(step)), thumbnails.shrink(pixels[..., :3], SAMPLE, samples=2))
    _show_sample(SampleIcon(step, icon))


def _load_sample(step: int, path: Path) -> None:
    """Blender reads the file itself, on a thread of its own."""
    if not bpy.app.background:
        _show_sample(SampleIcon(step, _places().load(_name(step), str(path), "IMAGE").icon_id))


def _places() -> Any:
    global _pictures
    if _pictures is None:
        _pictures = bpy.utils.previews.new()
    return _pictures


def _name(step: int) -> str:
    return f"{step}-{time.monotonic_ns()}"


def _show_sample(sample: SampleIcon) -> None:
    kept = [other for other in training.samples if other.step < sample.step]
    training.samples = tuple([*kept, sample][-MOST_SAMPLES:])


def _fill(preview: Any, picture: ImageArray) -> int:
    preview.image_size = picture.shape[1::-1]
    preview.image_pixels_float.foreach_set(pixel_format.to_blender(picture))
    return preview.icon_id


def _clear() -> None:
    """Forget the pictures of another training."""
    global _drawn_points, _last_sample
    training.curve, training.samples, training.planned = 0, (), 0
    _drawn_points, _last_sample = 0, None
    for previews in (_curves, _pictures):
        if previews is not None:
            previews.clear()


def forget() -> None:
    """Nothing is known of any training: another file was opened, or the jobs are ended."""
    _clear()
    training.__init__()


@persistent
@guard.handler
def _loaded(*_) -> None:
    """What was said was about the scene of the file before."""
    training.tell("", is_error=False)


def register() -> None:
    """The first training makes the place for its pictures."""
    bpy.app.handlers.load_post.append(_loaded)


def unregister() -> None:
    global _curves, _pictures
    bpy.app.handlers.load_post.remove(_loaded)
    forget()
    if bpy.app.timers.is_registered(_look_now):
        bpy.app.timers.unregister(_look_now)
    made, _curves, _pictures = (_curves, _pictures), None, None
    for previews in made:
        if previews is not None:
            bpy.utils.previews.remove(previews)
