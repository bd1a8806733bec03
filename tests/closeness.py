# SPDX-License-Identifier: GPL-3.0-or-later
"""How near is near: what may differ between two ways to one result, and why.

Equal to the last bit is what is copied, and what is the same operation on the same shapes in one process: a request
that is run twice, the pixels outside a mask, weights that were saved and loaded. All else rounds as the kernel adds
up, and which kernel runs, and where its vectors begin, is chosen by the processor, the sizes, the strides and the place
in memory: one row of a batch and the same row alone, a product that is written another way, our loop and that of
diffusers may differ in the last bits on one machine and not on another. Such results are compared here, by the
tolerance whose reason fits. ``tests/other_rounding.py`` finds those that are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Tolerance:
    """Values are near if they differ by at most ``absolute`` + ``relative`` * the size of the expected value.

    Where all of them are below 1, as in a gradient, ``absolute`` is a share of the largest.
    """

    absolute: float
    relative: float
    reason: str


DOUBLE = Tolerance(1e-9, 1e-9, "float64, a formula that is written another way: 1e-16 of the value a step")
ROUNDING = Tolerance(1e-6, 1e-5, "float32, a few operations on values of about 1: 6e-8 of the value for each")
NETWORK = Tolerance(
    1e-4, 1e-4, "float32, the layers of a small network whose sums are added up in another order"
)
ITERATED = Tolerance(
    1e-3, 1e-3, "float32, steps of a scheduler or a gradient, which carry on and divide what was off"
)
SAMPLER = Tolerance(
    1e-5,
    1e-5,
    "float32, a few dozen steps of a sampler on values of about 1, which do not divide by what is small",
)
SCHEDULE = Tolerance(
    2e-4, 1e-3, "diffusers keeps its noise schedule in float32, and square roots near 0 widen that"
)
HALF = Tolerance(
    0.02, 0.01, "weights or layers in half precision: 5e-4 of the value for each, in bfloat16 4e-3"
)
BYTES = Tolerance(1, 0, "8 bits: a value on the border of two bytes falls to either side")
"""A fault of the kind that these tests look for is off by 100 times as much, or by all of the value."""


def is_near(found: Any, expected: Any, tolerance: Tolerance) -> bool:
    """Whether two arrays or tensors of one shape are near everywhere. What is no number is near to nothing."""
    return not _miss(found, expected, tolerance)


def assert_near(found: Any, expected: Any, tolerance: Tolerance) -> None:
    """The same as a test's claim, which says by how much it is missed."""
    __tracebackhide__ = True
    if miss := _miss(found, expected, tolerance):
        raise AssertionError(miss)


def _miss(found: Any, expected: Any, tolerance: Tolerance) -> str:
    ours, theirs = _values(found), _values(expected)
    if ours.shape != theirs.shape:
        return f"shape {ours.shape}, not {theirs.shape}"
    with np.errstate(invalid="ignore"):  # infinity less infinity is no number, as is 0 times it
        off = np.abs(ours - theirs)
        size = np.abs(theirs)
        allowed = tolerance.absolute * min(1.0, size.max(initial=0.0)) + tolerance.relative * size
    far = ~(off <= allowed)
    if not far.any():
        return ""
    return (
        f"{far.sum()} of {far.size} values are off, by up to {off[far].max():.3g}; allowed are "
        f"{tolerance.absolute:g} + {tolerance.relative:g} of the value ({tolerance.reason})"
    )


def _values(values: Any) -> npt.NDArray[np.float64]:
    """Also of a tensor with gradients, in any precision."""
    tensor = hasattr(values, "detach")
    return np.asarray(values.detach().double().cpu() if tensor else values, dtype=np.float64)
