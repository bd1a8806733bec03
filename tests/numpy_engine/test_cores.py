# SPDX-License-Identifier: GPL-3.0-or-later
"""Work is spread over cores, done once, and stopped by whoever may stop it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from sd_blender.core.errors import JobCancelled
from sd_blender.numpy_engine import blas
from sd_blender.numpy_engine.blas import one_thread, product
from sd_blender.numpy_engine.cores import Cores, all_cores

from ..closeness import ROUNDING, assert_near


@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_piece_is_done_once(count):
    done = []
    with all_cores(count=count) as cores:
        for pieces in (0, 1, 3, 40):
            done.clear()
            cores.each(done.append, range(pieces))
            assert sorted(done) == list(range(pieces))


def test_what_fails_on_another_thread_is_raised_here_and_ends_the_rest(monkeypatch):
    here, failed, done = threading.get_ident(), threading.Event(), []

    def work(piece):
        if threading.get_ident() != here:
            failed.set()
            raise MemoryError(piece)
        failed.wait(60)
        done.append(piece)

    with all_cores(count=2) as cores:
        if cores.count == 1:
            pytest.skip("this BLAS keeps all cores to itself")
        with pytest.raises(MemoryError):
            cores.each(work, range(1000))
    assert len(done) < 1000


def test_who_asks_can_stop_between_two_pieces():
    done = []

    def check():
        if done:
            raise JobCancelled

    with pytest.raises(JobCancelled):
        Cores(check=check).each(done.append, range(5))
    assert done == [0]


def test_pieces_cover_everything_and_are_no_larger_than_they_may_be():
    for length in (1, 7, 64, 1000):
        for count in (1, 3):
            found = Cores(count=count).slices(length, 4, 100)
            assert [i for piece in found for i in range(length)[piece]] == list(range(length))
            assert max(piece.stop - piece.start for piece in found) <= 100


def test_memory_of_a_thread_is_its_own_and_used_again():
    with all_cores(count=1) as cores:
        first = cores.scratch("a", 3, 4)
        assert np.shares_memory(first, cores.scratch("a", 2, 2))
        assert not np.shares_memory(first, cores.scratch("b", 2, 2))


def test_the_library_has_its_threads_again_afterwards():
    found = blas._thread_setting()
    if found is None:
        pytest.skip("no library here that can be told")
    get, set_to = found
    before = get()
    try:
        set_to(2)
        with one_thread() as is_ours:
            assert is_ours and get() == 1
        assert get() == 2
    finally:
        set_to(before)


@pytest.mark.parametrize("has_blas", [True, False])
def test_products_are_products(monkeypatch, has_blas):
    monkeypatch.setattr(blas, "has_blas", lambda: has_blas)
    monkeypatch.setattr(blas, "_ROOM", 900)  # several blocks of columns
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 9)).astype(np.float32), rng.normal(size=(9, 333)).astype(np.float32)
    expected = a.astype(np.float64) @ b
    assert_near(product(a, b), expected, ROUNDING)
    out = np.empty((5, 400), np.float32)
    assert_near(product(a, b, out[:, 7:340]), expected, ROUNDING)
    assert_near(out[:, 7:340], expected, ROUNDING)


class NoMoreThreads:
    """Stands for a pool of a system that has no room for another thread."""

    def submit(self, work, *arguments):
        raise RuntimeError("can't start new thread")


def test_where_no_thread_can_be_started_the_one_that_asks_does_all():
    done = []
    Cores(NoMoreThreads(), count=4).each(done.append, range(9))
    assert sorted(done) == list(range(9))


def test_of_two_users_the_last_brings_back_the_threads_of_blas(monkeypatch):
    threads = [6]
    monkeypatch.setattr(blas, "has_blas", lambda: True)
    monkeypatch.setattr(blas, "_thread_setting", lambda: (lambda: threads[-1], threads.append))
    first, second = one_thread(), one_thread()
    assert first.__enter__() and second.__enter__() and threads[-1] == 1
    first.__exit__(None, None, None)
    assert threads[-1] == 1
    second.__exit__(None, None, None)
    assert threads[-1] == 6
