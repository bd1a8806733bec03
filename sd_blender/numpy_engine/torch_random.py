# SPDX-License-Identifier: GPL-3.0-or-later
"""The normal numbers that torch draws on the processor, drawn without torch: a seed means the same noise here.

A Mersenne Twister (Matsumoto & Nishimura 1998) gives 32 random bits at a time, of which the lower 24 become a number
u in [0, 1). Box and Muller (1958) make two normal numbers of two such: sqrt(-2 ln(1 - u)) times the cosine, and the
sine, of 2 pi u'. torch does so in blocks of sixteen, u being the first half of a block and u' the second.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .weights import Array

_BLOCK = 16


class TorchRandom:
    """One generator as ``torch.Generator("cpu").manual_seed(seed)``. seed: of it, the low 32 bits count."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.MT19937()
        state: Any = np.random.RandomState(seed & 0xFFFFFFFF).get_state(legacy=False)
        self._bits.state = state

    def normal(self, *shape: int) -> Array:
        """The next numbers, as of ``torch.randn(*shape)``; 16 at least, since torch draws fewer in another way."""
        count = int(np.prod(shape))
        if count < _BLOCK:
            raise ValueError(f"{count} numbers are fewer than a block of {_BLOCK}")
        uniform = self._uniform(count)
        whole = count - count % _BLOCK
        normal = np.empty(count, np.float32)
        normal[:whole] = _box_muller(uniform[:whole])
        if whole < count:  # the last block reaches back over the one before it, and is drawn anew
            normal[-_BLOCK:] = _box_muller(self._uniform(_BLOCK))
        return normal.reshape(shape)

    def _uniform(self, count: int) -> Array:
        bits = self._bits.random_raw(count) & 0xFFFFFF
        uniform: Array = bits.astype(np.float32) * np.float32(2**-24)
        return uniform


def _box_muller(uniform: Array) -> Array:
    first, second = uniform.reshape(-1, 2, _BLOCK // 2).transpose(1, 0, 2)
    radius = np.sqrt(-2 * np.log(1 - first))
    angle = np.float32(2 * np.pi) * second
    normal: Array = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
    return normal
