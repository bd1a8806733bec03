# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that the steps of a training do without: in main memory while these run, on the device for pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from ...engine.device import free_memory


class Aside:
    """Puts ``networks`` aside at once. device: where they belong."""

    def __init__(self, networks: Sequence[nn.Module], device: torch.device) -> None:
        self._networks, self._device = networks, device
        self._put(torch.device("cpu"))

    @contextmanager
    def back(self) -> Iterator[None]:
        """Inside, they are on the device."""
        self._put(self._device)
        try:
            yield
        finally:
            self._put(torch.device("cpu"))

    def _put(self, place: torch.device) -> None:
        for network in self._networks:
            network.to(place)
        free_memory()
