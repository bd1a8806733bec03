# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever ends a job, the textures that are done are in the file: to choose from, and nothing is shown by itself."""

from __future__ import annotations

import threading
from pathlib import Path

import bpy
import numpy as np
import pytest

from sd_blender.blender import pump, session
from sd_blender.blender.properties import status
from sd_blender.core.errors import DeviceLost, OutOfMemory
from sd_blender.core.jobs import JobState
from tests.blender.conftest import drain_until, generate, pixels_of, submit
from tests.fakes import picture

KEPT = "2 of 4 textures are kept: choose under Variants."


@pytest.fixture
def third(engine, settings):
    """The engine stops in the third texture; set ``error`` to have it fail there."""
    settings.count = 4
    engine.hold = threading.Event()
    wait = engine._step

    def step(number, is_cancelled):
        if number > 4:
            wait(number, is_cancelled)

    engine._step, engine.error_at = step, 5
    yield engine
    engine.hold.set()


def made(ticket):
    return lambda: ticket.job.images == 2


def assert_two_are_kept():
    scene = bpy.context.scene
    entries, offered = scene.sd_blender_history.entries, scene.sd_blender_variants
    assert [entry.seed for entry in entries] == [item.seed for item in offered] == ["7", "8"]
    images = [bpy.data.images[entry.image] for entry in entries]
    for seed, image in zip((7, 8), images, strict=True):
        np.testing.assert_array_equal(pixels_of(image)[..., :3], picture(seed, 48, 32))
        assert image.use_fake_user and image.packed_file


@pytest.mark.fault("F66")
def test_a_cancel_keeps_what_is_done_and_shows_nothing(plane, third):
    ticket = submit()
    drain_until(made(ticket))
    assert status.text.endswith("2 of 4 done")
    bpy.ops.sdb.cancel()
    drain_until(lambda: not ticket.is_open)
    assert_two_are_kept()
    assert ticket.job.state is JobState.CANCELLED and status.note == f"Cancelled. {KEPT}" and not status.error
    assert plane.active_material is None


@pytest.mark.fault("F66")
@pytest.mark.parametrize(
    "error",
    [OutOfMemory("The memory ran out; try 64 x 64."), DeviceLost("The device failed; generate again.")],
    ids=lambda error: type(error).__name__,
)
def test_an_error_keeps_what_is_done_and_says_both(plane, third, error):
    third.error = error
    ticket = submit()
    drain_until(lambda: not ticket.is_open)
    assert_two_are_kept()
    assert ticket.error == status.error == f"{error} {KEPT}"
    assert plane.active_material is None


@pytest.mark.fault("F66")
def test_what_is_kept_can_be_applied_and_is_one_undo_step(plane, third):
    third.error = OutOfMemory("The memory ran out; try 64 x 64.")
    ticket = submit()
    drain_until(lambda: not ticket.is_open)
    bpy.ops.sdb.preview_variant(index=1)
    assert bpy.ops.sdb.apply_variant() == {"FINISHED"}
    assert not len(bpy.context.scene.sd_blender_variants)
    assert plane.active_material is not None


@pytest.mark.fault("F66")
def test_a_script_is_told_and_has_them(plane, third):
    third.error = OutOfMemory("The memory ran out; try 64 x 64.")
    with pytest.raises(RuntimeError, match=r"try 64 x 64\. 2 of 4 textures are kept"):
        generate()
    assert_two_are_kept()
    assert not session.open_tickets()


@pytest.mark.fault("F66")
def test_of_what_was_judged_the_best_is_kept(plane, third, settings):
    settings.keep = 1
    third.error = OutOfMemory("The memory ran out; try 64 x 64.")
    ticket = submit()
    drain_until(lambda: not ticket.is_open)
    assert [entry.seed for entry in bpy.context.scene.sd_blender_history.entries] == ["8"]
    assert ticket.error.endswith("1 of 4 textures are kept: choose under Variants.")


@pytest.mark.fault("F66")
@pytest.mark.fault("F20")
def test_quitting_saves_what_is_done(plane, third, caplog):
    ticket = submit()
    drain_until(made(ticket))
    pump.leave()
    folder = Path(caplog.text.split("it is saved as ")[1].split(",")[0])
    saved = {pixels_of(bpy.data.images.load(str(path)))[..., :3].tobytes() for path in folder.iterdir()}
    assert {picture(seed, 48, 32).tobytes() for seed in (7, 8)} <= saved


@pytest.mark.fault("F66")
@pytest.mark.fault("F22")
def test_disabling_the_add_on_keeps_what_is_done(plane, third):
    ticket = submit()
    drain_until(made(ticket))
    pump.end()
    assert_two_are_kept()


def test_a_job_that_ended_without_a_texture_says_no_more_than_before(plane, settings, engine):
    engine.error = OutOfMemory("The memory ran out; try 64 x 64.")
    ticket = submit()
    drain_until(lambda: not ticket.is_open)
    assert status.error == "The memory ran out; try 64 x 64." and not bpy.data.images
