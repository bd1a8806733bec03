# SPDX-License-Identifier: GPL-3.0-or-later
"""Cancel, seen within a denoising step and a decoding: on a slow CPU a layer of a large picture takes many seconds.

Whoever is asked so often also knows that the networks are at work.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from diffusers.models.attention_processor import Attention
from torch import nn
from torch.utils.hooks import RemovableHandle

from ..core.cancel import stop_if_cancelled as stop_if_cancelled
from ..core.engine_protocol import IsCancelled

_SLOW = (Attention, nn.Conv2d)
"""Layers that may take long each; the others are few between them."""


@contextmanager
def cancellable(is_cancelled: IsCancelled, *networks: nn.Module) -> Iterator[None]:
    """Inside, every slow layer of ``networks`` asks before it runs and raises JobCancelled; afterwards none does."""

    def check(module: nn.Module, inputs: object) -> None:
        stop_if_cancelled(is_cancelled)

    handles: list[RemovableHandle] = []
    try:
        for module in (module for network in networks for module in network.modules()):
            if isinstance(module, _SLOW):
                handles.append(module.register_forward_pre_hook(check))
        yield
    finally:
        for handle in handles:
            handle.remove()
