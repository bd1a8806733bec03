# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue as the panels show it: what runs, how far, what waits, and its buttons."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from sd_blender.blender import pump, session
from sd_blender.blender.properties import status
from sd_blender.blender.queue import live_preview, progress
from sd_blender.blender.queue import panel as queue_panel
from sd_blender.core.jobs import JobState
from sd_blender.core.messages import GeneratedImage, Loading, Picture, Progress, Seam
from tests.blender.conftest import drain_until, finish, running, submit
from tests.blender.test_panels import draw
from tests.fakes import picture


@pytest.fixture
def three(plane, settings, held):
    """Three jobs, of which the first runs."""
    tickets = [submit(prompt=prompt) for prompt in ("moss", "rust", "sand")]
    drain_until(running(held))
    pump.drain()
    progress.refresh()
    return tickets


def titles():
    return [job.title for job in status.queue]


def test_one_job_is_no_queue(plane, settings, held):
    ticket = submit()
    drain_until(running(held))
    assert status.queue == () and not queue_panel.SDB_PT_view3d_queue.poll(bpy.context)
    finish(held, ticket)


def test_jobs_change_places(three, held):
    assert titles() == ["moss", "rust", "sand"]
    assert [job.is_first for job in status.queue] == [True, False, False]
    assert bpy.ops.sdb.move_job(job=three[2].job.id, places=-1) == {"FINISHED"}
    assert titles() == ["moss", "sand", "rust"]
    assert bpy.ops.sdb.move_job(job=three[0].job.id, places=1) == {"FINISHED"}  # it runs already
    assert titles() == ["moss", "sand", "rust"]
    finish(held, three[1])
    assert [request.prompt for request in held.requests] == ["moss", "sand", "rust"]


def test_one_job_is_cancelled_and_the_others_stay(three, held):
    bpy.ops.sdb.cancel_job(job=three[1].job.id)
    drain_until(lambda: not three[1].is_open)
    assert titles() == ["moss", "sand"]
    finish(held, three[2])
    assert [ticket.job.state for ticket in three] == [
        JobState.FINISHED,
        JobState.CANCELLED,
        JobState.FINISHED,
    ]


def test_a_job_that_ended_meanwhile_is_left_alone(three, held):
    bpy.ops.sdb.cancel_job(job="of an hour ago")
    bpy.ops.sdb.move_job(job="of an hour ago", places=1)
    finish(held, three[2])


def test_the_panel_shows_each_job_with_its_buttons(three, held):
    drawn = draw(queue_panel.SDB_PT_image_queue)
    assert [text for text in drawn if text in ("moss", "rust", "sand")] == ["moss", "rust", "sand"]
    assert drawn.count("sdb.cancel_job") == 3
    assert drawn.count("sdb.move_job") == 4  # the one that runs cannot be moved
    session.cancel_all()


def test_loading_is_a_phase_with_its_own_progress(plane, settings, held):
    ticket = submit()
    ticket.job.apply(Loading(ticket.job.id, "Loading the U-Net", 0.25))
    progress.refresh()
    assert (status.factor, status.text) == (0.25, "Loading the U-Net")
    finish(held, ticket)


def test_images_done_and_time_left_are_told(plane, settings, held, monkeypatch):
    ticket = submit(count=4, steps=5)
    drain_until(running(held))
    pump.drain()
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress, "_paced", "")
    for step in range(1, 8):
        now[0] += 2.0
        ticket.job.apply(Progress(ticket.job.id, step, 20, step // 5))
        if step == 6:  # the first is decoded while the second is begun
            ticket.job.apply(Picture(ticket.job.id, GeneratedImage(picture(7, 48, 32), 7, Seam(1, 1))))
        progress.refresh()
    assert status.text == "Step 7 of 20, 1 of 4 done, 26 s left"
    assert status.factor == 7 / 20
    finish(held, ticket)


@pytest.mark.parametrize(
    ("kind", "busy", "covered"),
    [("RENDER_RESULT", "rendering", False), ("RENDER_RESULT", None, True), ("IMAGE", "rendering", True)],
)
def test_a_render_that_is_being_made_is_not_covered(monkeypatch, kind, busy, covered):
    monkeypatch.setattr(live_preview.lifecycle, "busy_with", lambda: busy)
    space = SimpleNamespace(image=SimpleNamespace(type=kind))
    assert live_preview._is_rendering_into(space) is not covered
    assert not live_preview._is_rendering_into(SimpleNamespace(image=None))


def test_in_background_mode_the_preview_does_nothing(plane, settings, held):
    live_preview.show(np.zeros((8, 8, 3), np.uint8))
    assert status.preview_icon == 0
    live_preview._draw()
