# SPDX-License-Identifier: GPL-3.0-or-later
"""Seamless pictures by circular padding.

A convolution that pads with what lies at the opposite edge, instead of zeros, sees a torus: no place on it is
special, so none shows a seam. Attention and normalisation know no positions and need no change.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from diffusers.models.downsampling import Downsample2D
from torch import Tensor, nn
from torch.nn import functional

from ..core.request import Tiling

_Undo = tuple[torch.utils.hooks.RemovableHandle, nn.Conv2d, tuple[int, int]]


@contextmanager
def tiled(tiling: Tiling, *networks: nn.Module) -> Iterator[None]:
    """Let the convolutions of ``networks`` wrap around the axes of ``tiling``; afterwards they are as before.

    Sizes along a wrapped axis must be multiples of all the downsampling in the network, or the coarse grid does not
    close on itself.
    """
    undo = []
    try:
        if tiling is not Tiling.OFF:
            for network in networks:
                undo += [_wrap_convolution(conv, tiling) for conv in _padded_convolutions(network)]
                undo += [_wrap_downsampling(conv, tiling) for conv in _padded_on_one_side(network)]
        yield
    finally:
        for handle, conv, padding in undo:
            handle.remove()
            conv.padding = padding


def _padded_convolutions(network: nn.Module) -> Iterator[nn.Conv2d]:
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.padding != (0, 0):
            yield module


def _padded_on_one_side(network: nn.Module) -> Iterator[nn.Conv2d]:
    """The VAE encoder's downsampling: diffusers adds one zero column on the right and one zero row below."""
    for module in network.modules():
        if isinstance(module, Downsample2D) and module.use_conv and module.padding == 0:
            yield module.conv


def _wrap_convolution(conv: nn.Conv2d, tiling: Tiling) -> _Undo:
    """Pad the wrapped axes ahead of the convolution; it goes on padding the others with zeros itself."""
    padding = conv.padding
    pad_y = padding[0] if tiling.wraps_y else 0
    pad_x = padding[1] if tiling.wraps_x else 0

    def pad(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (functional.pad(inputs[0], (pad_x, pad_x, pad_y, pad_y), mode="circular"), *inputs[1:])

    conv.padding = (padding[0] - pad_y, padding[1] - pad_x)
    return conv.register_forward_pre_hook(pad), conv, padding


def _wrap_downsampling(conv: nn.Conv2d, tiling: Tiling) -> _Undo:
    """Replace the zeros that were just added by what lies at the opposite edge."""

    def fill(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        padded = inputs[0]
        if tiling.wraps_x:
            padded[..., -1] = padded[..., 0]
        if tiling.wraps_y:
            padded[..., -1, :] = padded[..., 0, :]

    return conv.register_forward_pre_hook(fill), conv, conv.padding
