# SPDX-License-Identifier: GPL-3.0-or-later
"""Every panel with something in it, in two languages, at two scales, in a sidebar as it comes and in a narrow one."""

from __future__ import annotations

import bpy
import numpy as np

from tests.gui import stage, widths
from tests.gui.scenarios.mask import grey_noise

MARGIN = 2.2
"""Units of a sidebar beside what a panel draws: tabs, borders, scroll bar."""

NARROW = 235
"""Pixels at scale 1: four fifths of what the sidebar begins with. Not far below, Blender cuts texts of its own too."""

PAGES = 7
ATTEMPTS = 12


def wide() -> stage.Scenario:
    """The sidebar as it comes; the test takes pictures of each page."""
    yield from begin()
    yield from tour("wide")


def narrow() -> stage.Scenario:
    """The test drags its border first."""
    yield from begin()
    sidebar = stage.sidebar(stage.editors()["VIEW_3D"])
    for attempt in range(ATTEMPTS):
        yield stage.is_still(lambda: np.array(sidebar.width))
        is_narrow = sidebar.width < NARROW + 15
        place = stage.places()["VIEW_3D sidebar"]
        yield from stage.show(f"border {attempt}", place=place, wanted=NARROW, is_narrow=is_narrow)
        if is_narrow:
            break
    yield from tour("narrow")


def begin() -> stage.Scenario:
    bpy.context.preferences.use_preferences_save = False  # the next test's Blender has the same profile
    open_all()
    yield from fill()
    yield from stage.open_sidebars()
    yield from stage.show("begun")


def tour(width: str) -> stage.Scenario:
    for scale in (1.0, 2.0):
        bpy.context.preferences.view.ui_scale = scale
        for language in ("en_US", "de_DE"):
            bpy.context.preferences.view.language = language
            for task in ("IMAGE_TO_IMAGE", "INPAINT"):
                stage.settings().task = task
                yield from pages(f"{width} {scale:.0f}x {language} {task}")
    stage.module("blender.session").cancel_all()
    yield lambda: not stage.status().busy


def panels() -> list[type[bpy.types.Panel]]:
    return [panel for panel in bpy.types.Panel.__subclasses__() if panel.__module__.startswith(stage.ADDON)]


def open_all() -> None:
    """Have every panel open from the beginning, and noted."""
    parents_first = sorted(panels(), key=depth)
    for panel in reversed(parents_first):
        bpy.utils.unregister_class(panel)
    for panel in parents_first:
        panel.bl_options = set()
        bpy.utils.register_class(panel)
        widths.watch(panel, MARGIN)


def depth(panel: type[bpy.types.Panel]) -> int:
    """How many panels a panel is within."""
    parent = getattr(bpy.types, getattr(panel, "bl_parent_id", ""), None)
    return 0 if parent is None else 1 + depth(parent)


def fill() -> stage.Scenario:
    """Variants, a history, a job that runs and one that waits, a mask, an error."""
    engine = stage.scripted_engine(hold=None)
    stage.name_engine()
    settings = stage.settings()
    settings.width = settings.height = 64
    settings.prompt, settings.steps, settings.count = "rusty metal panels with rivets", 2, 3
    stage.submit()
    yield lambda: len(bpy.context.scene.sd_blender_variants) == 3 and not stage.status().busy
    engine.step_seconds = 0.5
    settings.steps, settings.count = 1000, 2
    stage.submit()
    stage.submit()
    settings.source, settings.source_image = "RENDER_RESULT", grey_noise()
    settings.use_source_size = False
    yield stage.is_denoising
    stage.status().error = "The mask is empty; paint white where the image should change."


def pages(name: str) -> stage.Scenario:
    """The sidebar of the 3D View from top to bottom."""
    area = stage.editors()["VIEW_3D"]
    region = stage.sidebar(area)
    scroll(area, region, -10_000)
    widths.cut.clear()
    drawn = stage.draws["VIEW_3D"]
    area.tag_redraw()
    yield lambda: stage.draws["VIEW_3D"] > drawn + 8
    for page in range(PAGES):
        before = region.view2d.region_to_view(0, 0)
        cut = sorted(set().union(*widths.cut.values()))
        yield from stage.show(
            f"{name} {page}", settle=0.6, places=stage.places(), cut=cut, width=region.width
        )
        scroll(area, region, region.height - 80)
        yield lambda: True
        if region.view2d.region_to_view(0, 0) == before:
            break
    yield from stage.show(f"{name} end", settle=0.0)


def scroll(area: bpy.types.Area, region: bpy.types.Region, pixels: int) -> None:
    """Down, or up if negative."""
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window, area=area, region=region):
        if bpy.ops.view2d.pan.poll():
            bpy.ops.view2d.pan("EXEC_DEFAULT", deltax=0, deltay=-pixels)
    area.tag_redraw()
