# SPDX-License-Identifier: GPL-3.0-or-later
"""What the status bar says of the jobs; that it is drawn, and drawn anew, is tested in a window."""

from __future__ import annotations

from types import SimpleNamespace

import bpy

from sd_blender.blender.queue import status_bar
from tests.blender.conftest import drain_until, finish, submit
from tests.blender.test_panels import Layout


def drawn():
    header = SimpleNamespace(layout=Layout())
    status_bar.draw(header, bpy.context)
    return header.layout.drawn


def test_it_speaks_while_a_job_runs_and_not_before_or_after(held):
    assert drawn() == []
    ticket = submit(steps=4)
    drain_until(lambda: drawn()[0].startswith("Step "))
    assert drawn() == ["Step 0 of 4", "0%", "sdb.cancel", ""]
    finish(held, ticket)
    assert drawn() == []


def test_it_is_silent_after_a_cancel_and_after_an_error(held):
    ticket = submit()
    assert drawn()
    bpy.ops.sdb.cancel()
    drain_until(lambda: not ticket.is_open)
    assert drawn() == []
    held.error = RuntimeError("no")
    ticket = submit()
    drain_until(lambda: not ticket.is_open)
    assert ticket.error and drawn() == []


def test_without_a_window_blender_s_own_status_bar_stays_as_it_is(held):
    submit()
    assert not any(
        draw is status_bar.draw for draw in getattr(bpy.types.STATUSBAR_HT_header.draw, "_draw_funcs", ())
    )
