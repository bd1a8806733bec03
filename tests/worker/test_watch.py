# SPDX-License-Identifier: GPL-3.0-or-later
"""Patience and restarts, on a clock that the test turns."""

import numpy as np
import pytest

from sd_blender.core.errors import EngineUnavailable
from sd_blender.core.messages import GeneratedImage, Loading, Picture, Progress, Seam, Started
from sd_blender.worker.watch import Limits, Restarts, Watch

LIMITS = Limits(heartbeat=30, quiet=100, step=10, slowdown=4)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Worker:
    """Looks at the watch every second while time passes, as the engine does, and may beat."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.watch = Watch(LIMITS, self.clock)

    def run(self, seconds: int, *, beating: bool = True) -> str:
        for _ in range(seconds):
            self.clock.now += 1
            if beating:
                self.watch.alive()
            if reason := self.watch.overdue():
                return reason
        return ""


@pytest.fixture
def worker():
    return Worker()


def test_a_worker_that_lives_and_loads_is_waited_for(worker):
    worker.watch.reported(Loading("a", "Loading"))
    assert worker.run(99) == ""


@pytest.mark.fault("F06")
def test_no_sign_of_life(worker):
    assert "no sign of life for 30 s" in worker.run(40, beating=False)


@pytest.mark.fault("F06")
def test_a_step_that_never_ends(worker):
    worker.watch.reported(Started("a", 20))
    assert "no progress for 10 s" in worker.run(20)


@pytest.mark.fault("F06")
def test_loading_that_never_ends(worker):
    worker.watch.reported(Loading("a", "Loading"))
    assert "no progress for 100 s" in worker.run(200)


def test_slow_steps_earn_patience(worker):
    worker.watch.reported(Started("a", 20))
    worker.run(9)
    worker.watch.reported(Progress("a", 1, 20))
    assert worker.run(36) == ""
    assert "no progress for 36 s" in worker.run(1)


@pytest.mark.fault("F67")
def test_a_step_that_works_may_take_as_long_as_it_likes(worker):
    worker.watch.reported(Started("a", 20))
    for _ in range(60):
        assert worker.run(9) == ""
        worker.watch.working()
    assert worker.run(36) == ""
    assert "no progress for 36 s" in worker.run(1), "and is found when it no longer does"


@pytest.mark.fault("F67")
def test_work_within_steps_earns_no_more_patience_than_its_silences(worker):
    worker.watch.reported(Started("a", 20))
    for _ in range(60):
        worker.run(1)
        worker.watch.working()
    worker.watch.reported(Progress("a", 1, 20))
    assert worker.run(10) == ""
    assert "no progress for 10 s" in worker.run(1)


def test_decoding_after_the_last_step_is_not_a_step(worker):
    worker.watch.reported(Started("a", 1))
    worker.watch.reported(Progress("a", 1, 1))
    assert worker.run(99) == ""


@pytest.mark.fault("F67")
def test_decoding_one_of_several_pictures_is_not_a_step(worker):
    image = GeneratedImage(np.zeros((1, 1, 3), np.uint8), 0, Seam(1, 1))
    worker.watch.reported(Started("a", 4))
    worker.watch.reported(Progress("a", 2, 4, 1))
    assert worker.run(99) == ""
    worker.watch.reported(Picture("a", image))
    worker.watch.reported(Progress("a", 3, 4, 1))
    assert "no progress for 10 s" in worker.run(20)


@pytest.mark.fault("F49")
def test_a_computer_that_slept_is_no_reason(worker):
    worker.watch.reported(Started("a", 20))
    worker.run(5)
    worker.clock.now += 3600
    assert worker.watch.overdue() == ""
    assert worker.run(4) == ""
    assert worker.run(4, beating=True) != ""


@pytest.mark.fault("F05")
def test_three_restarts_in_five_minutes_ever_more_slowly_and_then_a_sentence():
    clock = Clock()
    restarts = Restarts(clock=clock)
    waits = []
    for _ in range(3):
        restarts.died()
        waits.append(restarts.wait("the.log"))
    assert waits == sorted(waits) and waits[0] == 0 and waits[-1] > 0
    restarts.died()
    with pytest.raises(EngineUnavailable, match=r"stopped 4 times in 5 minutes.*the\.log"):
        restarts.wait("the.log")
    clock.now += 301
    assert restarts.wait("the.log") == 0


def test_forgiven_deaths_do_not_count():
    restarts = Restarts(clock=Clock())
    for _ in range(9):
        restarts.died()
    restarts.forgive()
    assert restarts.wait("the.log") == 0
