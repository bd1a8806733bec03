# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of change that a LoRA file may make to a layer, by the shapes of their tensors; :mod:`~.deltas`
computes them.

A change of a weight W, of (outputs, ...), is told here as a matrix of outputs x inputs, where the inputs of a
convolution are its channels times the places of its kernel. Nothing here imports torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

Shape = tuple[int, ...]
Size = tuple[int, int]
"""outputs, inputs"""


@dataclass(frozen=True)
class Kind:
    """roles: of its tensors; one that is of several kinds would be ambiguous.

    size: that of the change, from shapes by role; None where they do not fit each other.
    rank: by which alpha is divided; None where alpha means nothing.
    """

    roles: frozenset[str]
    size: Callable[[Mapping[str, Shape]], Size | None]
    rank: Callable[[Mapping[str, Shape]], int | None]


def kinds_in(roles: Iterable[str]) -> list[str]:
    """Names of the kinds that some of ``roles`` belong to; several are added to each other."""
    return [name for name, kind in KINDS.items() if kind.roles & set(roles)]


def size_of(shapes: Mapping[str, Shape]) -> Size | None:
    """That of the change of a layer with tensors of these shapes, by role; None where they make no change together.

    A change of the bias alone has none; ask :func:`kinds_in` first.
    """
    try:
        sizes = {KINDS[name].size(shapes) for name in kinds_in(shapes)}
    except (KeyError, IndexError):  # a tensor is missing, or has fewer sides
        return None
    return sizes.pop() if len(sizes) == 1 else None


def _low_rank(shapes: Mapping[str, Shape]) -> Size | None:
    """Up (outputs, r, 1, 1) times down (r, channels, kernel), or times a core (r, r, kernel) and down (r, channels)."""
    down, up = shapes["down"], shapes["up"]
    core = shapes.get("mid", (up[1], down[0]))
    fits = up[1] == core[0] > 0 and core[1] == down[0] > 0 and math.prod(up[2:]) == 1
    return (up[0], math.prod(down[1:]) * math.prod(core[2:])) if fits else None


def _hadamard(shapes: Mapping[str, Shape]) -> Size | None:
    sizes = {_factored(shapes, f"hada_w{n}_a", f"hada_w{n}_b", f"hada_t{n}") for n in (1, 2)}
    return sizes.pop() if len(sizes) == 1 else None


def _kronecker(shapes: Mapping[str, Shape]) -> Size | None:
    first, second = (_factor(shapes, name, f"lokr_t{name[-1]}") for name in ("lokr_w1", "lokr_w2"))
    return (first[0] * second[0], first[1] * second[1]) if first and second else None


def _factor(shapes: Mapping[str, Shape], name: str, core: str) -> Size | None:
    """A whole matrix or a factored one; both at once say two things."""
    if name not in shapes:
        return _factored(shapes, f"{name}_a", f"{name}_b", core)
    doubled = shapes.keys() & {f"{name}_a", f"{name}_b", core}
    return None if doubled else (shapes[name][0], math.prod(shapes[name][1:]))


def _factored(shapes: Mapping[str, Shape], a: str, b: str, core: str) -> Size | None:
    """a (outputs, r) times b (r, inputs), or with a core (r, r, kernel): a (r, outputs), b (r, channels)."""
    first, second = shapes[a], shapes[b]
    if len(first) != 2 or len(second) != 2:
        return None
    if core in shapes:
        middle = shapes[core]
        fits = middle[:2] == (first[0], second[0]) and 0 not in middle
        return (first[1], second[1] * math.prod(middle[2:])) if fits else None
    return (first[0], second[1]) if first[1] == second[0] > 0 else None


def _whole(shapes: Mapping[str, Shape]) -> Size | None:
    diff = shapes["diff"]
    return (diff[0], math.prod(diff[1:])) if diff else None


def _rank_of_kronecker(shapes: Mapping[str, Shape]) -> int | None:
    """None where both factors are whole matrices: what they are multiplied by is in them."""
    factors = [shapes[name] for name in ("lokr_w2_b", "lokr_w1_b") if name in shapes]
    return factors[0][0] if factors else None


KINDS = {
    "LoRA": Kind(frozenset({"down", "up", "mid"}), _low_rank, lambda shapes: shapes["down"][0]),
    "LoHa": Kind(
        frozenset(f"hada_{part}" for part in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")),
        _hadamard,
        lambda shapes: shapes["hada_w1_b"][0],
    ),
    "LoKr": Kind(
        frozenset(f"lokr_{part}" for part in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")),
        _kronecker,
        _rank_of_kronecker,
    ),
    "full": Kind(frozenset({"diff"}), _whole, lambda shapes: None),
}
