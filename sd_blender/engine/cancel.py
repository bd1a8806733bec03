# SPDX-License-Identifier: GPL-3.0-or-later
"""Cancel, seen within a denoising step: on a slow CPU a step of a large model takes many seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from torch import nn

from ..core.engine_protocol import IsCancelled
from ..core.errors import JobCancelled

_BLOCKS = (ResnetBlock2D, BasicTransformerBlock)


def stop_if_cancelled(is_cancelled: IsCancelled) -> None:
    if is_cancelled():
        raise JobCancelled


@contextmanager
def cancellable(is_cancelled: IsCancelled, *networks: nn.Module) -> Iterator[None]:
    """Inside, every block of ``networks`` asks before it runs and raises JobCancelled; afterwards none does."""

    def check(module: nn.Module, inputs: object) -> None:
        stop_if_cancelled(is_cancelled)

    blocks = [module for network in networks for module in network.modules() if isinstance(module, _BLOCKS)]
    handles = [block.register_forward_pre_hook(check) for block in blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
