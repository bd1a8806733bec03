# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens after each denoising step: cancel, progress, preview."""

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


class StepWatcher:
    """The step callback of one job, over all of its images.

    preview_interval: seconds between previews. A preview waits for the device and copies from it, which would
    slow a fast GPU if it were made at each of its steps.
    """

    def __init__(
        self,
        job_id: str,
        steps: int,
        report: Report,
        is_cancelled: IsCancelled,
        preview: Callable[[], LatentPreview],
        preview_interval: float,
    ) -> None:
        self._job_id = job_id
        self._steps = steps
        self._report = report
        self._is_cancelled = is_cancelled
        self._preview = preview
        self._preview_interval = preview_interval
        self._next_preview = time.monotonic() + preview_interval
        self._done = 0

    def on_step(self, batch: range) -> Callable[..., dict[str, Tensor]]:
        """The callback for a call that makes the images of the indices ``batch`` together."""

        def after_step(
            pipeline: Any, index: int, timestep: Tensor, tensors: dict[str, Tensor]
        ) -> dict[str, Tensor]:
            stop_if_cancelled(self._is_cancelled)
            self._done += len(batch)
            self._report(Progress(self._job_id, self._done, self._steps))
            if self._done < self._steps and time.monotonic() >= self._next_preview:
                self._show(pipeline.scheduler, timestep, tensors, batch)
                self._next_preview = time.monotonic() + self._preview_interval
            return {}

        return after_step

    def _show(self, scheduler: Any, timestep: Tensor, tensors: dict[str, Tensor], batch: range) -> None:
        seen, output = tensors["latent_model_input"], tensors["noise_pred"]
        # The device is waited for here anyway, so a run that is lost stops now and not at its end.
        require_finite(output, "U-Net")
        originals = predicted_original(seen, output, timestep, scheduler)
        for index, latents in zip(batch, originals, strict=True):
            self._report(Preview(self._job_id, self._preview().picture(latents), index))
