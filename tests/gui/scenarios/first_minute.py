# SPDX-License-Identifier: GPL-3.0-or-later
"""From a fresh installation to a texture on the cube that every new file has."""

from __future__ import annotations

import sys
import time

import bpy

from tests.gui import stage


def texture() -> stage.Scenario:
    """No engine is installed and nothing was touched: the test opens the sidebar, asks for a texture and gets it."""
    stage.count_draws()
    space = stage.editors()["VIEW_3D"].spaces.active
    yield from stage.show("fresh", places=stage.places())
    yield lambda: space.show_region_ui and stage.sidebar(stage.editors()["VIEW_3D"]).width > 1
    yield from hunt_for_tab()
    yield lambda: shown_tab() == stage.category() and stage.draws["VIEW_3D"]
    yield from stage.show("first panel", places=stage.places(), prompt=stage.settings().prompt)
    yield from stage.click("prompt", "sd_blender.prompt", lambda: stage.settings().prompt == "mossy stone")
    yield from stage.click("first generate", "sdb.generate", lambda: stage.status().busy)
    began = time.monotonic()
    yield lambda: stage.status().preview_icon or stage.texture()
    worker = stage.worker_pid()
    yield lambda: not stage.status().busy
    seconds = time.monotonic() - began
    assert stage.texture(), stage.status().message
    (image,) = [image for image in bpy.data.images if image == stage.texture()]
    facts = {
        "image": image.name,
        "size": list(image.size),
        "packed": bool(image.packed_file),
        "error": stage.status().error,
        "seconds": seconds,
        "worker": worker,
        "torch": "torch" in sys.modules,
    }
    yield from stage.show("first texture", places=stage.places(), **facts)
    # And not Material Preview, which compiles for minutes without a graphics card.
    yield from stage.click("solid", "sdb.show_in_solid(", lambda: space.shading.color_type == "TEXTURE")
    yield from stage.show("first texture seen", places=stage.places())


def hunt_for_tab() -> stage.Scenario:
    """Have the test find out where the tab is, by clicks that no artist needs; then another tab is in front again."""
    yield lambda: shown_tab() != "UNSUPPORTED"  # the tabs of a sidebar are known from its first draw on
    other = shown_tab()
    yield from stage.show("hunt", settle=0.5, place=stage.places()["VIEW_3D sidebar"])
    yield lambda: shown_tab() == stage.category()
    yield from stage.show("tab found", settle=0.0)
    stage.sidebar(stage.editors()["VIEW_3D"]).active_panel_category = other
    stage.editors()["VIEW_3D"].tag_redraw()
    yield from stage.show("tab", settle=0.5)


def shown_tab() -> str:
    return stage.sidebar(stage.editors()["VIEW_3D"]).active_panel_category
