# SPDX-License-Identifier: GPL-3.0-or-later
"""The renders that a training begins with, one at a time from a timer: between two of them Blender does what it is
told, Pause among it. A script has them made at once, by :func:`.build_training.build`.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import bpy

from ...core.errors import BlenderStateError, SDBlenderError
from ...core.sentence import Sentence
from ...core.training_request import Training
from .. import editors, lifecycle
from ..properties import status
from . import build_training, renders
from .images import RENDER, Picture, Writer
from .status import training

logger = logging.getLogger(__name__)

BREATH = 0.05
"""Seconds between two renders, in which Blender draws and hears the artist."""

WAIT = 0.5
"""Seconds between two looks while Blender is busy, or the artist has a tool in hand."""

STOPPED = "The renders for the training were stopped; Train makes them anew."


Submit = Callable[[Training], object]


@dataclass
class Rendering:
    """submit: what is done with the request when its images are there. file: the number of the .blend that was open.

    index: of the next view. shown: how many were written.
    """

    request: Training
    submit: Submit
    views: renders.Views
    writer: Writer
    caption: str
    file: int
    index: int = 0
    shown: int = 0

    def step(self) -> bool:
        """Render the next view; False when there was none left. Raises SDBlenderError."""
        if lifecycle.file_generation() != self.file:
            raise BlenderStateError(
                "Another file was opened, so that the renders for the training were stopped."
            )
        if self.index == self.views.count:
            return False
        pixels = renders.render_view(self.views, self.index)
        self.index += 1
        if pixels is not None:
            self.writer.add(Picture(RENDER, pixels, self.caption))
            self.shown += 1
        return True


_current: Rendering | None = None


def begin(context: bpy.types.Context, plan: build_training.Plan, submit: Submit) -> None:
    """Have a timer make the images of this plan, and then submit its training. Raises SDBlenderError."""
    global _current
    settings = context.scene.sd_blender_training
    views = renders.plan_views(context, settings.views, settings.size)
    caption = build_training.render_caption(context)
    stop("")
    _current = Rendering(
        plan.request, submit, views, Writer(plan.images), caption, lifecycle.file_generation()
    )
    build_training.name_output(context, plan)
    training.output = plan.request.output
    _tell()
    if not bpy.app.background:  # nothing fires timers there
        bpy.app.timers.register(step, first_interval=BREATH, persistent=True)


def stop(message: str = STOPPED) -> None:
    """Make no more renders, and drop those that were made. message: for the panel, "" for none."""
    global _current
    if _current is None:
        return
    rendering, _current = _current, None
    rendering.writer.drop()
    training.rendering = None
    if bpy.app.timers.is_registered(step):
        bpy.app.timers.unregister(step)
    if message:
        training.tell(message, is_error=False)


def step() -> float | None:
    """What the timer calls: one render, or the training itself after the last. Seconds to the next call, or None."""
    if _current is None:
        return None
    if lifecycle.waits_for():
        return WAIT
    try:
        if _current.step():
            _tell()
            return BREATH
        _finish(_current)
    except SDBlenderError as error:
        _fail(str(error), error.details)
    except Exception as error:  # one of ours, or of Blender's: a timer that raises is dropped unheard
        logger.exception("the renders of a training failed")
        reason = f"{type(error).__name__}: {error}"
        _fail(
            Sentence(
                "The training could not be prepared ({reason}); the log has the details.", reason=reason
            ),
            traceback.format_exc(),
        )
    return None


def _finish(rendering: Rendering) -> None:
    rendering.views.check_shown(rendering.shown)
    rendering.writer.finish()
    stop("")
    rendering.submit(rendering.request)


def _fail(sentence: str, details: str = "") -> None:
    stop("")
    training.tell(sentence, is_error=True)
    status.error, status.details = sentence, details
    editors.redraw()


def _tell() -> None:
    training.rendering = _current.index, _current.views.count
    editors.redraw()
