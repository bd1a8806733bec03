# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from sd_blender.core.errors import ErrorKind
from sd_blender.core.jobs import JobState, JobTable
from sd_blender.core.messages import (
    Cancelled,
    Failed,
    Finished,
    Loading,
    Preview,
    Progress,
    Queued,
    Result,
    Started,
)
from sd_blender.core.request import TextToImage

REQUEST = TextToImage(prompt="stone")
FINISHED = Finished("a", Result(REQUEST, (), 1.0))


@pytest.fixture
def table():
    table = JobTable()
    table.add("a", REQUEST)
    return table


def test_a_job_goes_its_way(table):
    preview = np.zeros((2, 2, 3), np.uint8)
    states = []
    for message in (
        Queued("a"),
        Loading("a", "Loading weights"),
        Started("a", 20),
        Progress("a", 1, 20),
        Preview("a", preview),
        FINISHED,
    ):
        states.append(table.apply(message).state)
    job = table["a"]
    expected = [JobState.QUEUED, JobState.LOADING, JobState.RUNNING, JobState.RUNNING, JobState.RUNNING]
    assert states == [*expected, JobState.FINISHED]
    assert (job.step, job.steps, job.preview is preview, job.result) == (1, 20, True, FINISHED.result)
    assert table.active == []


def test_loading_shows_its_text_until_denoising_starts(table):
    assert table.apply(Loading("a", "Loading weights")).text == "Loading weights"
    assert table.apply(Started("a", 5)).text == ""


@pytest.mark.parametrize(
    "closing", [FINISHED, Cancelled("a"), Failed("a", ErrorKind.OUT_OF_MEMORY, "Too big.")]
)
def test_nothing_follows_a_closing_message(table, closing):
    assert not table.apply(closing).is_open
    for late in (Progress("a", 2, 20), Cancelled("a"), FINISHED):
        with pytest.raises(ValueError, match="job a is"):
            table.apply(late)


def test_a_failure_keeps_its_sentence(table):
    error = table.apply(Failed("a", ErrorKind.UNEXPECTED, "It broke.", "Traceback")).error
    assert error is not None and error.message == "It broke."


def test_unknown_jobs_are_a_bug_and_say_so(table):
    with pytest.raises(KeyError):
        table.apply(Queued("b"))


def test_jobs_keep_their_order_and_can_be_forgotten(table):
    table.add("b", REQUEST)
    assert [job.id for job in table] == ["a", "b"] == [job.id for job in table.active]
    table.remove("a")
    assert [job.id for job in table] == ["b"] and len(table) == 1
