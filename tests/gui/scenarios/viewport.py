# SPDX-License-Identifier: GPL-3.0-or-later
"""The 3D View as a source."""

from __future__ import annotations

import bpy
import numpy as np

from tests.gui import stage

COLORS = {"DISPLAYED": "AgX", "STANDARD": "Standard"}


def source() -> stage.Scenario:
    """Generate from the viewport in both colors; the test compares what was sent with what is on the screen."""
    engine = stage.scripted_engine(hold=None)
    stage.name_engine()
    scene = bpy.context.scene
    # The only engine whose colors go through the view transform and that is quick without a graphics card.
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.display.shading.light, scene.display.shading.color_type = "FLAT", "SINGLE"
    scene.display.shading.single_color = (0.9, 0.3, 0.1)
    space = stage.editors()["VIEW_3D"].spaces.active
    space.shading.type = "RENDERED"
    for region in ("header", "tool_header", "toolbar", "ui"):
        setattr(space, f"show_region_{region}", False)
    settings = stage.settings()
    settings.prompt, settings.steps, settings.destination = "moss", 1, "IMAGE"
    settings.task, settings.source = "IMAGE_TO_IMAGE", "VIEWPORT"
    yield from stage.show("bare view")
    for colors, transform in COLORS.items():
        settings.source_colors = colors
        before = state(space)
        stage.submit()
        kept = state(space) == before
        yield lambda: not stage.status().busy
        np.save(stage.folder / f"{colors}.npy", engine.requests[-1].image)
        scene.view_settings.view_transform = transform
        space.overlay.show_overlays = space.show_gizmo = False
        stage.editors()["VIEW_3D"].tag_redraw()
        facts = {"kept": kept, "place": window_place(), "error": stage.status().error}
        yield from stage.show(f"viewport {colors}", **facts)
        scene.view_settings.view_transform = "AgX"
        space.overlay.show_overlays = space.show_gizmo = True


def state(space: bpy.types.SpaceView3D) -> tuple:
    """What drawing borrows, and the render that it must not replace."""
    view = bpy.context.scene.view_settings
    return (
        space.overlay.show_overlays, space.show_gizmo, view.view_transform, view.look, view.exposure, view.gamma,
        "Render Result" in bpy.data.images,
    )  # fmt: skip


def window_place() -> list[int]:
    """x, y of the top left corner, width, height of the 3D View without its headers."""
    region = next(r for r in stage.editors()["VIEW_3D"].regions if r.type == "WINDOW")
    height = bpy.context.window_manager.windows[0].height
    return [region.x, height - region.y - region.height, region.width, region.height]
