# SPDX-License-Identifier: GPL-3.0-or-later
"""The 3D View as an image: drawn off screen as it is displayed, without what Blender draws over it.

Not by Viewport Render, which would replace the artist's Render Result.
"""

from __future__ import annotations

import contextlib

import bpy
import numpy as np

from ...core.errors import BlenderStateError
from ...core.request import ImageArray
from ...core.sentence import Sentence
from . import borrowed


def check(context: bpy.types.Context) -> None:
    """Raise BlenderStateError when there is no 3D View to look at; cheap enough for a poll."""
    if bpy.app.background:
        raise BlenderStateError("Blender draws no viewport without a window; use New Render instead.")
    if _area(context) is None:
        raise BlenderStateError("No 3D View is open; open one or use another source.")


def size(context: bpy.types.Context) -> tuple[int, int]:
    """Width and height in pixels of the 3D View. Raises BlenderStateError."""
    check(context)
    region = _region(_area(context))
    return region.width, region.height


def pixels(context: bpy.types.Context, colors: str) -> ImageArray:
    """The 3D View in front of the artist, or else the largest one: uint8, height x width x 3, row 0 at the top.

    colors: "DISPLAYED", or "STANDARD" for the view transform Standard; where the shading shows no view transform, as
    Solid does, both are the same. Raises BlenderStateError.
    """
    check(context)
    area = _area(context)
    space = area.spaces.active
    with contextlib.ExitStack() as stack:
        stack.enter_context(borrowed.values(space.overlay, show_overlays=False))
        stack.enter_context(borrowed.values(space, show_gizmo=False))
        view = borrowed.standard_view if colors == "STANDARD" else borrowed.srgb_display
        stack.enter_context(view(context.scene))
        context.view_layer.update()  # what is drawn is the scene as it was last evaluated, its colours included
        return _draw(context, space, _region(area))


def _draw(context: bpy.types.Context, space: bpy.types.SpaceView3D, region: bpy.types.Region) -> ImageArray:
    import gpu  # late: without a window there is none

    view = space.region_3d
    try:
        buffer = gpu.types.GPUOffScreen(region.width, region.height)
    except Exception as error:  # out of graphics memory; Blender names no type
        raise BlenderStateError(
            Sentence("The viewport could not be drawn ({error}); make it smaller.", error=error)
        ) from error
    try:
        buffer.draw_view3d(
            context.scene,
            context.view_layer,
            space,
            region,
            view.view_matrix,
            view.window_matrix,
            do_color_management=True,
        )
        rgba = np.frombuffer(buffer.texture_color.read(), np.uint8)
        return np.ascontiguousarray(rgba.reshape(region.height, region.width, 4)[::-1, :, :3])
    finally:
        buffer.free()


def _area(context: bpy.types.Context) -> bpy.types.Area | None:
    """The 3D View that the artist works in, else the largest of the window, else that of any window."""
    if context.area is not None and context.area.type == "VIEW_3D":
        return context.area
    windows = [context.window, *context.window_manager.windows]
    for window in windows:
        areas = [area for area in window.screen.areas if area.type == "VIEW_3D"] if window else []
        if areas:
            return max(areas, key=lambda area: area.width * area.height)
    return None


def _region(area: bpy.types.Area) -> bpy.types.Region:
    return next(region for region in area.regions if region.type == "WINDOW")
