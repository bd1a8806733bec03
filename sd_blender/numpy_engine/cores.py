# SPDX-License-Identifier: GPL-3.0-or-later
"""All cores of the processor at work on the pieces of one layer.

NumPy computes on one core, but for the matrix products that its BLAS spreads over all of them. Where such a library can
be told to keep to one core, or where there is none, the pieces of a layer are spread instead: whole pieces, products
and all that is between them, each of which stays in the cache of its core.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import numpy as np

from .blas import one_thread
from .weights import Array

Piece = TypeVar("Piece")


def _goes_on() -> None:
    """Nobody wants to stop."""


class Cores:
    """pool: of the threads beside the one that asks for work, None for none. check: called on that one, between pieces
    of work; raises to stop all of it.
    """

    def __init__(
        self, pool: ThreadPoolExecutor | None = None, count: int = 1, check: Callable[[], None] = _goes_on
    ) -> None:
        self.count = count
        self._pool = pool
        self._check = check
        self._own = threading.local()

    def each(self, work: Callable[[Piece], Any], pieces: Sequence[Piece]) -> None:
        """Do ``work`` on each piece, in any order. What is raised by one ends all."""
        left = deque(pieces)

        def do_all(before_each: Callable[[], None]) -> None:
            try:
                while True:
                    before_each()
                    try:
                        piece = left.popleft()
                    except IndexError:
                        return
                    work(piece)
            except BaseException:
                left.clear()
                raise

        helping: list[Future[None]] = []
        try:
            if self._pool is not None:
                # A system that gives no more threads leaves the work to those that there are.
                with suppress(RuntimeError):
                    for _ in range(min(self.count, len(left)) - 1):
                        helping.append(self._pool.submit(do_all, _goes_on))
            do_all(self._check)
        finally:
            wait(helping)
        for helper in helping:
            helper.result()

    def slices(self, length: int, least: int, most: int) -> list[slice]:
        """``length`` cut into equal pieces: one for each core where each has ``least`` then, of ``most`` at most."""
        count = max(-(-length // most), min(self.count, length // least), 1)
        step = -(-length // count)
        return [slice(start, min(start + step, length)) for start in range(0, length, step)]

    def scratch(self, name: str, *shape: int) -> Array:
        """Memory of this thread for intermediate results, which the next call for ``name`` gives away again."""
        size = int(np.prod(shape))
        kept: Array | None = getattr(self._own, name, None)
        if kept is None or len(kept) < size:
            kept = np.empty(size, np.float32)
            setattr(self._own, name, kept)
        return kept[:size].reshape(shape)


@contextmanager
def all_cores(check: Callable[[], None] = _goes_on, count: int | None = None) -> Iterator[Cores]:
    """As many cores as there are, or ``count``; afterwards their threads are gone. check: see :class:`Cores`."""
    with one_thread() as is_ours:
        count = (count or os.cpu_count() or 1) if is_ours else 1
        if count == 1:
            yield Cores(check=check)
            return
        with ThreadPoolExecutor(count - 1, "sd-blender-core") as pool:
            yield Cores(pool, count, check)
