# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens at each step beside the picture, where it may be found on a graphics card."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.diffusion import watch
from ...core.diffusion.estimate import Estimate
from ...core.diffusion.watch import Look
from ...core.diffusion.watch import WatchedSteps as WatchedSteps
from ..guards import is_finite


class Watch(watch.Watch):
    """The same over steps that a device may still be at."""

    def look(self, found: Estimate, with_preview: bool) -> Look:
        return _Look(found, with_preview)


class _Look(Look):
    """What is looked at of one step. On a graphics card it is on its way, and the steps go on meanwhile.

    originals: the pictures that were found, (n, C, h, w), or None where no preview is due.
    """

    def __init__(self, found: Estimate, with_preview: bool) -> None:
        self._finite = _sent(is_finite(found.x0))
        self.originals = _sent(found.x0) if with_preview else None
        self._event = None
        if found.x0.device.type == "cuda":
            self._event = torch.cuda.Event()
            self._event.record()

    def is_here(self) -> bool:
        return self._event is None or bool(self._event.query())

    def is_finite(self) -> bool:
        if self._event is not None:
            self._event.synchronize()
        return bool(self._finite)


def _sent(values: Tensor) -> Tensor:
    """The same on the processor, once the device gets to it."""
    if values.device.type != "cuda":
        return values.cpu()
    here = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    return here.copy_(values, non_blocking=True)
