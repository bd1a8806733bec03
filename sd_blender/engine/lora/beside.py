# SPDX-License-Identifier: GPL-3.0-or-later
"""LoRAs beside the layers, for where main memory does not hold copies of the weights that they would change:

    y = W x + weight s B A x,

which takes no memory to speak of and slows every step down (by a third with three of rank 16 at 256 px).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from .apply import Changes, Networks
from .deltas import Change
from .names import flat


@contextmanager
def beside(
    loras: Sequence[tuple[Changes, float]], networks: Networks
) -> Iterator[list[tuple[Changes, float]]]:
    """Inside, layers compute with the changes of low rank. Yields ``loras`` without these: the rest is to be merged."""
    layers = {
        (kind, flat(name)): layer
        for kind, network in networks.items()
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d)
    }
    rest: list[tuple[Changes, float]] = []
    with ExitStack() as stack:
        for changes, weight in loras:
            other = {}
            for place, change in changes.items():
                if place in layers and change.is_low_rank and change.of_bias() is None:
                    stack.callback(layers[place].register_forward_hook(_adding(change, weight)).remove)
                else:
                    other[place] = change
            rest.append((other, weight))
        yield rest


def _adding(change: Change, weight: float) -> Callable[..., Tensor]:
    up, down = change.factors

    def add(layer: Any, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        x = inputs[0]  # as it reaches the layer: wrapped around the edges already where the picture tiles
        # A network may be moved to another precision while it runs.
        a, b = down.to(x), (up * weight).to(x)
        if isinstance(layer, nn.Conv2d):
            a = a.reshape(len(a), -1, *layer.kernel_size)
            small = F.conv2d(x, a, None, layer.stride, layer.padding, layer.dilation)
            return output + F.conv2d(small, b.reshape(len(b), -1, 1, 1))
        return output + F.linear(F.linear(x, a), b)

    return add
