# SPDX-License-Identifier: GPL-3.0-or-later
"""The time left: steady, silent until it knows, and quick to notice a change."""

import pytest

from sd_blender.core.pace import Pace, in_words


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def run(pace, clock, steps, seconds):
    for step in steps:
        clock.now += seconds
        pace.step(step)


def test_nothing_is_said_before_three_steps():
    clock = Clock()
    pace = Pace(clock)
    assert pace.seconds_left(20) is None
    run(pace, clock, (1, 2), 0.5)
    assert pace.seconds_left(20) is None
    run(pace, clock, (3,), 0.5)
    assert pace.seconds_left(20) == pytest.approx(8.5)


def test_a_slow_first_step_does_not_count_for_long():
    clock = Clock()
    pace = Pace(clock)
    run(pace, clock, (1,), 30)
    run(pace, clock, range(2, 11), 1)
    assert pace.seconds_left(20) == pytest.approx(10)


def test_it_counts_down_between_two_steps_and_never_below_zero():
    clock = Clock()
    pace = Pace(clock)
    run(pace, clock, range(1, 5), 10)
    assert pace.seconds_left(5) == pytest.approx(10)
    clock.now += 4
    assert pace.seconds_left(5) == pytest.approx(6)
    clock.now += 40
    assert pace.seconds_left(5) == 0


def test_steps_of_a_batch_and_a_batch_that_is_run_again():
    clock = Clock()
    pace = Pace(clock)
    run(pace, clock, (4, 8, 12, 16), 2)
    assert pace.seconds_left(80) == pytest.approx(32)
    run(pace, clock, (4,), 2)
    assert pace.seconds_left(80) is None


def test_a_machine_that_became_busy_is_noticed():
    clock = Clock()
    pace = Pace(clock)
    run(pace, clock, range(1, 31), 1)
    run(pace, clock, range(31, 51), 3)
    assert pace.seconds_left(60) == pytest.approx(30)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "1 s"),
        (59.4, "59 s"),
        (60, "1 min 00 s"),
        (65, "1 min 05 s"),
        (3599, "59 min 59 s"),
        (7800, "2 h 10 min"),
    ],
)
def test_in_words(seconds, words):
    assert in_words(seconds) == words
