# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens at each step beside the picture: cancel, a look for NaN, progress, preview."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ..cancel import stop_if_cancelled
from ..engine_protocol import IsCancelled, Report
from ..latent_preview import LatentPreview
from ..messages import Preview, Progress
from ..picture_checks import not_finite
from .estimate import Estimate
from .loop import Array, Condition, Moment


class Look(Protocol):
    """What is looked at of one step. On a graphics card it is on its way, and the steps go on meanwhile.

    originals: the pictures that were found, (n, C, h, w) in main memory, or None where no preview is due.
    """

    originals: Any

    def is_here(self) -> bool: ...

    def is_finite(self) -> bool: ...


class ArrayLook:
    """Of NumPy's arrays, which are always here."""

    def __init__(self, found: Estimate, with_preview: bool) -> None:
        self._finite = bool(np.isfinite(np.sum(found.x0)))
        self.originals = found.x0 if with_preview else None

    def is_here(self) -> bool:
        return True

    def is_finite(self) -> bool:
        return self._finite


class Watch:
    """Over one job, whose pictures are made some at a time.

    steps: of each of the ``count`` pictures. preview_interval: seconds between previews.
    """

    def __init__(
        self,
        job_id: str,
        steps: int,
        count: int,
        report: Report,
        is_cancelled: IsCancelled,
        preview: Callable[[], LatentPreview],
        preview_interval: float,
    ) -> None:
        self.job_id = job_id
        self.steps = steps
        self.total = steps * count
        self.report = report
        self.is_cancelled = is_cancelled
        self.preview = preview
        self._preview_interval = preview_interval
        self._next_preview = time.monotonic() + preview_interval

    def over(self, batch: range) -> WatchedSteps:
        """For the pictures of the indices ``batch``, which are made together, from their first step on."""
        return WatchedSteps(self, batch)

    def look(self, found: Estimate, with_preview: bool) -> Look:
        """What was found at one step, to be looked at."""
        return ArrayLook(found, with_preview)

    def is_preview_due(self) -> bool:
        """Whether the last preview is long enough ago; if so, the time begins anew."""
        now = time.monotonic()
        if now < self._next_preview:
            return False
        self._next_preview = now + self._preview_interval
        return True


class WatchedSteps(Condition):
    def __init__(self, watch: Watch, batch: range) -> None:
        self._watch = watch
        self._batch = batch
        self._done = 0
        self._looks: list[Look] = []

    def before(self, moment: Moment) -> None:
        stop_if_cancelled(self._watch.is_cancelled)
        if not moment.index:
            self._done = self._watch.steps * self._batch.start
            self._looks = []

    def after(self, moment: Moment) -> None:
        stop_if_cancelled(self._watch.is_cancelled)
        if moment.estimate is None:
            return
        self._done += len(self._batch)
        wants_preview = self._done < self._watch.total and self._watch.is_preview_due()
        self._looks.append(self._watch.look(moment.estimate, wants_preview))
        here = self._take(waiting=False)
        # Those of a batch end together, at its last step.
        images = self._batch.stop if self._done >= self._watch.steps * self._batch.stop else self._batch.start
        self._watch.report(Progress(self._watch.job_id, self._done, self._watch.total, images))
        self._show(here)

    def finish(self, x: Array) -> Array:
        self._show(self._take(waiting=True))
        return x

    def _take(self, waiting: bool) -> list[Look]:
        """The looks that have come from the device by now, or all of them. Raises NotFinite."""
        here = []
        while self._looks and (waiting or self._looks[0].is_here()):
            here.append(self._looks.pop(0))
            if not here[-1].is_finite():
                raise not_finite("U-Net")
        return here

    def _show(self, looks: list[Look]) -> None:
        for look in looks:
            if look.originals is not None:
                for index, latents in zip(self._batch, look.originals, strict=True):
                    picture = self._watch.preview().picture(latents)
                    self._watch.report(Preview(self._watch.job_id, picture, index))
