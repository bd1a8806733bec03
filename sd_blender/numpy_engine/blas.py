# SPDX-License-Identifier: GPL-3.0-or-later
"""Products of matrices, by whatever NumPy has for them.

NumPy as it is commonly installed brings OpenBLAS, which is as fast as the processor. Blender's own builds may come with
a NumPy that has no such library; its ``matmul`` is then a plain loop, fifty times slower, and ``einsum``, which adds up
whole rows in vector registers, is the quickest there is.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np

from .weights import Array

_ROOM = 2**17
"""Numbers of the second matrix that stay in the cache of a core while the rows of the first one pass by."""


def product(a: Array, b: Array, out: Array | None = None) -> Array:
    """a b, of matrices (m, k) and (k, n), into ``out`` (m, n) where it is given."""
    if out is None:
        out = np.empty((a.shape[0], b.shape[1]), np.float32)
    if has_blas():
        return np.matmul(a, b, out=out)
    step = max(64, _ROOM // len(b))
    for start in range(0, b.shape[1], step):
        columns = slice(start, start + step)
        np.einsum("ij,jk->ik", a, b[:, columns], out=out[:, columns])
    return out


@cache
def has_blas() -> bool:
    """Whether ``matmul`` is no plain loop: tried, since a build does not tell reliably what it has.

    With a library it takes a third of the time of ``einsum``, without one twenty times as much. The matrices are so
    small that no library spreads them over threads, which would wait for each other where other programs run.
    """
    a, b = np.ones((48, 48), np.float32), np.ones((48, 96), np.float32)
    return _quickest(lambda: np.matmul(a, b)) < 1.5 * _quickest(lambda: np.einsum("ij,jk->ik", a, b))


def _quickest(work: Callable[[], object]) -> float:
    times = []
    for _ in range(20):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


@contextmanager
def one_thread() -> Iterator[bool]:
    """Inside, products keep to the core that asks for them; yields False where that cannot be had."""
    if not has_blas():
        yield True
        return
    found = _thread_setting()
    if found is None:
        yield False
        return
    with _one_thread_of(*found):
        yield True


_using = threading.Lock()
_users: list[int] = []
"""Of one thread alone: how many there were before, for each."""


@contextmanager
def _one_thread_of(get: Callable[[], int], set_to: Callable[[int], None]) -> Iterator[None]:
    """Of several users at once, the last that leaves brings back what the first one found."""
    with _using:
        _users.append(_users[0] if _users else get())
        set_to(1)
    try:
        yield
    finally:
        with _using:
            before = _users.pop()
            if not _users:
                set_to(before)


@cache
def _thread_setting() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """How many threads OpenBLAS uses: to read and to set; its names depend on how NumPy was built."""
    for library in _libraries():
        for prefix in ("", "scipy_"):
            for suffix in ("", "64_"):
                get = getattr(library, f"{prefix}openblas_get_num_threads{suffix}", None)
                set_to = getattr(library, f"{prefix}openblas_set_num_threads{suffix}", None)
                if get is not None and set_to is not None:
                    set_to.restype = None
                    return get, set_to
    return None


def _libraries() -> Iterator[ctypes.CDLL]:
    """Those that NumPy has loaded, and may have it: its core, which passes names on, and what lies beside it."""
    place = Path(np.__file__).parent
    beside = [place.parent / "numpy.libs", place / ".dylibs", place / ".libs"]
    names = ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath")
    files = [file for name in names if (file := getattr(sys.modules.get(name), "__file__", None))]
    for file in [*files, *(path for folder in beside for path in folder.glob("*openblas*"))]:
        try:
            yield ctypes.CDLL(str(file))
        except OSError:
            continue
