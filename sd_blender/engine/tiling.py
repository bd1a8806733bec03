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

from ..core.request import Tiling

_Undo = tuple[torch.utils.hooks.RemovableHandle, nn.Conv2d, tuple[int, int]]


@contextmanager
def tiled(tiling: Tiling, *networks: nn.Module) -> Iterator[None]:
    """Let the convolutions of ``networks`` wrap around the axes of ``tiling``; afterwards they are as before.

    Sizes along a wrapped axis must be multiples of all the downsampling in the network, or the coarse grid does not
    close on itself.
    """
    undo: list[_Undo] = []
    try:
        if tiling is not Tiling.OFF:
            for network in networks:
                # One by one: what ends this in the middle finds all that is to be taken back.
                undo.extend(_wrap_convolution(conv, tiling) for conv in _padded_convolutions(network))
                undo.extend(_wrap_downsampling(conv, tiling) for conv in _padded_on_one_side(network))
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
        return (wrapped(inputs[0], pad_x, pad_y), *inputs[1:])

    conv.padding = (padding[0] - pad_y, padding[1] - pad_x)
    return conv.register_forward_pre_hook(pad), conv, padding


def wrapped(x: Tensor, pad_x: int, pad_y: int) -> Tensor:
    """``x`` (n, c, h, w) with so many columns and rows more at each side, taken from the opposite side.

    One copy in the layout of ``x``. What torch calls circular padding gives the same numbers and loses channels_last,
    so that every convolution would sort them back: 2.6 times the time of a decoder.
    """
    height, width = x.shape[-2:]
    is_last = x.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if is_last else torch.contiguous_format
    shape = (*x.shape[:2], height + 2 * pad_y, width + 2 * pad_x)
    out = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=layout)
    rows = out.narrow(-2, pad_y, height)
    rows.narrow(-1, pad_x, width).copy_(x)
    if pad_x:
        rows.narrow(-1, 0, pad_x).copy_(x.narrow(-1, width - pad_x, pad_x))
        rows.narrow(-1, pad_x + width, pad_x).copy_(x.narrow(-1, 0, pad_x))
    if pad_y:  # whole rows, with the corners
        out.narrow(-2, 0, pad_y).copy_(out.narrow(-2, height, pad_y))
        out.narrow(-2, pad_y + height, pad_y).copy_(out.narrow(-2, pad_y, pad_y))
    return out


def _wrap_downsampling(conv: nn.Conv2d, tiling: Tiling) -> _Undo:
    """Replace the zeros that were just added by what lies at the opposite edge."""

    def fill(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        padded = inputs[0]
        if tiling.wraps_x:
            padded[..., -1] = padded[..., 0]
        if tiling.wraps_y:
            padded[..., -1, :] = padded[..., 0, :]

    return conv.register_forward_pre_hook(fill), conv, conv.padding
