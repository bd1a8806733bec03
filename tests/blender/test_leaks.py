# SPDX-License-Identifier: GPL-3.0-or-later
"""Two hundred jobs: memory, handles, threads and datablocks stay where they were after the first few."""

from __future__ import annotations

import gc
import os
import sys
import threading
from pathlib import Path

import bpy
import pytest

from sd_blender.blender import session
from sd_blender.core.errors import OutOfMemory
from tests.blender.conftest import drain_until, generate, new_image, running, submit, textured
from tests.fakes import picture

pytestmark = [pytest.mark.every_version, pytest.mark.fault("F56")]

WARM_UP = 60
JOBS = 200
SIDE = 256


def datablocks():
    """How many datablocks there are of each kind."""
    return {
        name: len(getattr(bpy.data, name))
        for name, value in bpy.types.BlendData.bl_rna.properties.items()
        if value.type == "COLLECTION"
    }


def usage():
    """Resident bytes, open handles, threads, Python objects of ours and datablocks."""
    gc.collect()
    ours = [o for o in gc.get_objects() if str(type(o).__module__).startswith("sd_blender")]
    return {
        "rss": int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
        "handles": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "objects": len(ours),
        "datablocks": datablocks(),
    }


def throw_results_away():
    """As an artist who keeps none: what is left then is what we leaked. Undo steps are the artist's own."""
    bpy.context.scene.sd_blender_history.entries.clear()
    for image in [image for image in bpy.data.images if "sd_blender" in image]:
        bpy.data.images.remove(image)


@pytest.fixture
def few_undo_steps():
    """Blender's undo steps hold packed images; their number is the artist's choice, and here it is reached early."""
    edit = bpy.context.preferences.edit
    before, edit.undo_steps = edit.undo_steps, 8
    yield
    edit.undo_steps = before


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_two_hundred_jobs_leave_nothing(plane, settings, engine, few_undo_steps):
    """Of all kinds: text, image and inpainting, cancelled and failed ones."""
    source = new_image("Theirs", picture(1, SIDE, SIDE))
    mask = new_image("Mask", picture(2, SIDE, SIDE) // 255 * 255)
    textured(plane, source)
    settings.source_image, settings.mask_image = source, mask
    settings.source, settings.width, settings.height, settings.steps = "IMAGE", SIDE, SIDE, 1

    def one(index):
        settings.task = ("TEXT_TO_IMAGE", "IMAGE_TO_IMAGE", "INPAINT")[index % 3]
        settings.seed = index
        if index % 10 == 8:
            engine.error = OutOfMemory("There is not enough memory; choose a smaller size.")
            ticket = submit()
            drain_until(lambda: not ticket.is_open)
        elif index % 10 == 9:
            engine.hold = threading.Event()
            engine.requests.clear()
            ticket = submit()
            drain_until(running(engine))
            session.cancel_all()
            drain_until(lambda: not ticket.is_open)
            engine.hold = None
        else:
            generate()
        engine.requests.clear()
        throw_results_away()

    for index in range(WARM_UP):
        one(index)
    before = usage()
    for index in range(WARM_UP, JOBS):
        one(index)
    after = usage()
    assert after["datablocks"] == before["datablocks"]
    assert after["threads"] == before["threads"]
    assert after["handles"] <= before["handles"]
    assert after["objects"] <= before["objects"]
    assert after["rss"] <= before["rss"] * 1.02, (before["rss"], after["rss"])
    assert len(session.current().table) == 0 and not session.open_tickets()
    assert sum(t.name.startswith("SD Blender") for t in threading.enumerate()) == 1
