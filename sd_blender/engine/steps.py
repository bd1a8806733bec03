# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens after each denoising step: cancel, a look for NaN, progress, preview."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from torch import Tensor

from ..core.engine_protocol import IsCancelled, Report
from ..core.messages import Preview, Progress
from .cancel import stop_if_cancelled
from .guards import require_finite
from .preview import LatentPreview, predicted_original

LOOK_INTERVAL = 0.25
"""Seconds between two looks for NaN on a device that runs ahead of Python."""


class StepWatcher:
    """The step callback of one job, over all of its images.

    steps: of each of the ``count`` images. preview_interval: seconds between previews. A preview waits for the device
    and copies from it, which would slow a fast GPU if it were made at each of its steps.
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
        self._job_id = job_id
        self._steps = steps
        self._total = steps * count
        self._report = report
        self._is_cancelled = is_cancelled
        self._preview = preview
        self._preview_interval = preview_interval
        self._next_preview = time.monotonic() + preview_interval
        self._next_look = 0.0
        self._done = 0

    def on_step(self, batch: range) -> Callable[..., dict[str, Tensor]]:
        """The callback for a call that makes the images of the indices ``batch`` together, from their first step on."""
        self._done = self._steps * batch.start

        def after_step(
            pipeline: Any, index: int, timestep: Tensor, tensors: dict[str, Tensor]
        ) -> dict[str, Tensor]:
            stop_if_cancelled(self._is_cancelled)
            self._look(tensors["latents"])
            self._done += len(batch)
            # Those of a batch end together, at its last step.
            images = batch.stop if self._done >= self._steps * batch.stop else batch.start
            self._report(Progress(self._job_id, self._done, self._total, images))
            if self._done < self._total and time.monotonic() >= self._next_preview:
                self._show(pipeline.scheduler, timestep, tensors, batch)
                self._next_preview = time.monotonic() + self._preview_interval
            return {}

        return after_step

    def _look(self, latents: Tensor) -> None:
        """Raise NotFinite at the step that broke the numbers, rather than at the end of the run.

        Asking waits for the device. On the CPU there is nothing to wait for; elsewhere the steps in between go on
        without a stop, and what breaks in one of them is still broken at the next look.
        """
        now = time.monotonic()
        if latents.device.type == "cpu" or now >= self._next_look:
            require_finite(latents, "U-Net")
            self._next_look = now + LOOK_INTERVAL

    def _show(self, scheduler: Any, timestep: Tensor, tensors: dict[str, Tensor], batch: range) -> None:
        seen, output = tensors["latent_model_input"], tensors["noise_pred"]
        # The device is waited for here anyway, and a preview of NaN would be none.
        require_finite(output, "U-Net")
        originals = predicted_original(seen, output, timestep, scheduler)
        for index, latents in zip(batch, originals, strict=True):
            self._report(Preview(self._job_id, self._preview().picture(latents), index))
