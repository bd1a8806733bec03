# SPDX-License-Identifier: GPL-3.0-or-later
"""Convolutions that wrap around: what makes a network see a torus instead of a square."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.downsampling import Downsample2D
from torch import Tensor, nn


class _Wrap(torch.autograd.Function):
    """Adds the edges back in place, where autograd's own way fills a picture of zeros for every slice."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, before: tuple[int, int], after: tuple[int, int]) -> Tensor:
        ctx.before, ctx.after = before, after
        for axis, first, last in ((-1, before[1], after[1]), (-2, before[0], after[0])):
            x = _continue(x, axis, first, last)
        return x

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (grad,) = grads
        for axis, first, last in ((-2, ctx.before[0], ctx.after[0]), (-1, ctx.before[1], ctx.after[1])):
            grad = _fold(grad, axis, first, last)
        return grad, None, None


def _continue(x: Tensor, axis: int, first: int, last: int) -> Tensor:
    length = x.shape[axis]
    parts = [x.narrow(axis, length - first, first), x, x.narrow(axis, 0, last)]
    parts = [part for part in parts if part.shape[axis]]
    return torch.cat(parts, axis) if len(parts) > 1 else x


def _fold(grad: Tensor, axis: int, first: int, last: int) -> Tensor:
    """What `_continue` added is given back to where it came from; `grad` itself is left alone."""
    length = grad.shape[axis] - first - last
    inner = grad.narrow(axis, first, length)
    if first or last:
        inner = inner.clone(memory_format=torch.preserve_format)
    if first:
        inner.narrow(axis, length - first, first).add_(grad.narrow(axis, 0, first))
    if last:
        inner.narrow(axis, 0, last).add_(grad.narrow(axis, first + length, last))
    return inner


def wrap(x: Tensor, before: tuple[int, int], after: tuple[int, int]) -> Tensor:
    """Continue N x C x H x W periodically by (rows, columns) before and after.

    The values of `F.pad(mode="circular")`, but the memory format stays channels-last and the backward pass is faster.
    """
    return _Wrap.apply(x, before, after)


def _convolve(conv: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    rows, columns = conv.padding  # type: ignore[misc]
    x = wrap(x, (rows, columns), (rows, columns))  # type: ignore[arg-type]
    return F.conv2d(x, weight, bias, conv.stride, 0, conv.dilation, conv.groups)


def _downsample(module: Downsample2D, x: Tensor, *_: Any, **__: Any) -> Tensor:
    """The autoencoder's way to halve: one row and column of padding on the far sides only."""
    return module.conv(wrap(x, (0, 0), (1, 1)))


@contextmanager
def _replaced(module: nn.Module, name: str, function: Callable[..., Tensor]) -> Iterator[None]:
    setattr(module, name, function)
    try:
        yield
    finally:
        delattr(module, name)


@contextmanager
def wrapped(*modules: nn.Module, on: bool = True) -> Iterator[None]:
    """Circular padding in every convolution of the modules while the context lasts (`on=False`: leave them alone)."""
    with ExitStack() as stack:
        for m in (m for module in modules if on for m in module.modules()):
            if isinstance(m, nn.Conv2d) and any(m.padding):
                stack.enter_context(_replaced(m, "_conv_forward", partial(_convolve, m)))
            elif isinstance(m, Downsample2D) and m.use_conv and m.padding == 0:
                stack.enter_context(_replaced(m, "forward", partial(_downsample, m)))
        yield
