# SPDX-License-Identifier: GPL-3.0-or-later
"""A prompt that is typed: what happens while the field is open, and what is left when it is closed or given up."""

from __future__ import annotations

import bpy

from tests.gui import stage


def prompt() -> stage.Scenario:
    """The first letters start the engine; Escape brings back what was there, and a prompt is one undo step."""
    engine = stage.scripted_engine(hold=None)
    stage.name_engine()
    yield from stage.open_sidebars()
    yield from stage.show("quiet", prepared=engine.prepared)
    yield from stage.click("prompt", "sd_blender.prompt", lambda: bool(stage.settings().prompt))
    yield lambda: engine.prepared
    yield from stage.show(
        "typing", places=stage.places(), prepared=engine.prepared, jobs=len(engine.requests)
    )
    yield lambda: not stage.settings().prompt
    yield from stage.show("escaped", prompt=stage.settings().prompt)
    yield from stage.click("again", "sd_blender.prompt", lambda: stage.settings().prompt == "mossy stone")
    yield from stage.show("typed", prepared=engine.prepared, jobs=len(engine.requests))
    bpy.ops.ed.undo()
    yield from stage.show("undone", prompt=stage.settings().prompt)
