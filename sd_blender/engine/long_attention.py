# SPDX-License-Identifier: GPL-3.0-or-later
"""Attention over so many places that a processor is at it for minutes, some places at a time: the same numbers.

A picture of 2048 x 2048 has 65536 latents, each of which looks at all the others, in one call of one layer. Whoever
waits for it would hear nothing meanwhile, and a cancel would not be heard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_WORK = 1e12
"""Operations of one piece: half a minute where two cores have other things to do as well."""

_STEP = 512
"""A piece is a multiple of so many places, as kernels compute blocks of them."""

_CHANNELS = 2 * 640
"""More than any layer of Stable Diffusion has that looks at all latents of a picture, both rows of guidance counted."""


@contextmanager
def in_pieces(device: torch.device, cells: int, between: Callable[[], None]) -> Iterator[None]:
    """Inside, attention over ``cells`` latents that takes a processor long is computed piece by piece.

    between: called before each piece; raises to stop.
    """
    if device.type != "cpu" or _work(cells, cells, _CHANNELS) <= _WORK:
        yield
        return
    with _InPieces(between):
        yield


class _InPieces(TorchFunctionMode):
    def __init__(self, between: Callable[[], None]) -> None:
        super().__init__()
        self._between = between

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.scaled_dot_product_attention:
            return self._attend(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, *rest: Any, **named: Any) -> Tensor:
        """query: (..., places, channels); key, value: (..., seen, channels). With a mask, at once."""
        places, channels = query.shape[-2:]
        rows = query[..., 0, 0].numel()
        each = _work(1, key.shape[-2], rows * channels)
        together = max(1, int(_WORK / each) // _STEP) * _STEP
        is_plain = not rest and named.get("attn_mask") is None and not named.get("is_causal")
        if together >= places or not is_plain:
            return F.scaled_dot_product_attention(query, key, value, *rest, **named)
        made = []
        for part in query.split(together, dim=-2):
            self._between()
            made.append(F.scaled_dot_product_attention(part, key, value, **named))
        return torch.cat(made, dim=-2)


def _work(places: int, seen: int, channels: int) -> float:
    """Operations: two products of matrices, a multiplication and an addition each."""
    return 4.0 * places * seen * channels
