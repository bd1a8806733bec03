# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests' own measure of what is near."""

from __future__ import annotations

import numpy as np
import pytest

from tests import closeness
from tests.closeness import Tolerance, assert_near, is_near

TOLERANCES = [value for value in vars(closeness).values() if isinstance(value, Tolerance)]
VALUES = np.array([[0.0, 1.0], [-200.0, 3e-3]])


@pytest.mark.parametrize("tolerance", TOLERANCES, ids=lambda tolerance: tolerance.reason[:12])
def test_what_is_allowed_is_near_and_what_is_more_is_not(tolerance):
    allowed = tolerance.absolute + tolerance.relative * np.abs(VALUES)
    assert_near(VALUES + 0.99 * allowed, VALUES, tolerance)
    for place in np.ndindex(VALUES.shape):
        one = np.zeros_like(VALUES)
        one[place] = 1.01 * allowed[place]
        with pytest.raises(AssertionError, match=r"1 of 4 values are off, by up to .*; allowed are"):
            assert_near(VALUES - one, VALUES, tolerance)


def test_small_values_are_near_by_their_own_measure():
    assert_near(VALUES * 1e-6 + 1e-12, VALUES * 1e-6, closeness.ITERATED)
    small = np.array([0.0, 1e-4])
    assert not is_near(small + 1e-6, small, closeness.ITERATED) and is_near(
        small + 1e-8, small, closeness.ITERATED
    )
    assert not is_near(np.full(2, 1e-30), np.zeros(2), closeness.ITERATED), (
        "nothing is near to zeros but zeros"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_near_to_nothing(value):
    odd = np.full((2, 2), value)
    assert not any(is_near(*pair, closeness.BYTES) for pair in ((odd, VALUES), (VALUES, odd), (odd, odd)))


def test_bytes_do_not_wrap_around():
    low, high = np.zeros(3, np.uint8), np.full(3, 255, np.uint8)
    assert not is_near(low, high, closeness.BYTES) and is_near(high, high - np.uint8(1), closeness.BYTES)


def test_another_shape_is_not_near_though_it_could_be_broadcast():
    with pytest.raises(AssertionError, match=r"shape \(1, 2\), not \(2, 2\)"):
        assert_near(VALUES[:1], VALUES, closeness.BYTES)
