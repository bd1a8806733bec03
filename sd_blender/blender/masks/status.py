# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps in the status what is known of the mask: its extent, and whether what was made in it is there.

From the extent the panel tells what Crop to Mask will generate.

Looking at a mask of 4096 px takes up to 0.7 s, so that it is done when painting pauses, and not while a panel is drawn.
What is kept are the rows and columns that the mask touches: a change of Context, Feather or Tiling needs no second
look.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import bpy
from bpy.app.handlers import persistent

from ...core.errors import SDBlenderError
from .. import editors, guard, late, lifecycle, tools
from ..properties import Inpainted, MaskExtent, status

if TYPE_CHECKING:
    from ...core.masks import Levels
    from ...core.request import MaskArray

with late.imports():
    from ...core import masks as mask_values
    from .. import build_request
    from ..source import capture

PAUSE = 0.4
"""Seconds without another change before the mask is looked at."""

PATIENCE = 10.0
"""A mask that takes long to look at waits so many times as long."""

_known: tuple[int, bool] | None = None
_cost = 0.0  # seconds, of the last look
_handle: Any = None
_looking = guard.LoggedOnce("looking at the mask")


def remember(mask: bpy.types.Image, values: MaskArray | Levels) -> None:
    """Take over the extent of a mask whose values (height x width) are at hand."""
    global _known
    _known = mask.session_uid, False
    masked = mask_values.is_masked(values)
    status.mask = MaskExtent(mask.session_uid, masked.any(axis=1), masked.any(axis=0))
    status.inpainted = None
    editors.redraw()


def measure(context: bpy.types.Context) -> None:
    """Look at the mask that the settings name; one that has no pixels has no extent."""
    global _known
    status.mask, _known = None, _chosen(context)
    if _known is None:
        return
    try:
        mask = build_request.find_mask(context)
        values = capture.mask_pixels(mask)
    except SDBlenderError:  # Generate says what is wrong with it
        return
    if _known[1]:
        values = 1.0 - values
    masked = mask_values.is_masked(values)
    status.mask = MaskExtent(mask.session_uid, masked.any(axis=1), masked.any(axis=0))


def delivered(mask_name: str, pictures: Iterable[str]) -> None:
    """What was made in a mask has arrived. Both by the names of their images."""
    images = bpy.data.images
    if (mask := images.get(mask_name)) is not None:
        made = frozenset(images[name].session_uid for name in pictures if name in images)
        status.inpainted = Inpainted(mask.session_uid, made)


def is_done(mask: bpy.types.Image, picture: bpy.types.Image) -> bool:
    """Whether a picture is what was made in a mask; no more so from the next stroke on."""
    done = status.inpainted
    return done is not None and done.mask == mask.session_uid and picture.session_uid in done.pictures


def painting_on(image: bpy.types.Image) -> None:
    """An editor in which strokes go onto an image is drawn: as long as one lasts, many times a second."""
    done = status.inpainted
    if done is not None and done.mask == image.session_uid and tools.in_hand() == "painting":
        status.inpainted = None


def _chosen(context: bpy.types.Context) -> tuple[int, bool] | None:
    """The session id of the mask in use, and whether it is turned around; None where there is none."""
    settings = context.scene.sd_blender
    if settings.task != "INPAINT":
        return None
    try:
        mask = build_request.find_mask(context)
    except SDBlenderError:
        return None
    is_stencil = settings.mask_source == "STENCIL"
    return mask.session_uid, is_stencil and context.tool_settings.image_paint.invert_stencil


@persistent
@guard.handler
def _changed(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    """After a stroke Blender tells of a change of the image, and after a change of the settings of one of the scene."""
    if bpy.app.background or scene != bpy.context.scene:
        return
    chosen = _chosen(bpy.context)
    painted = depsgraph.id_type_updated("IMAGE") and chosen is not None
    if painted or chosen != _known:
        _measure_soon()


def _drawn() -> None:
    """A 3D View was drawn, as it is all through a stroke on a mesh, of whose end Blender tells nobody."""
    with _looking:
        context = bpy.context
        paint = context.scene.tool_settings.image_paint
        if context.mode != "PAINT_TEXTURE" or paint.mode != "IMAGE" or None in (paint.canvas, _known):
            return
        painting_on(paint.canvas)
        if paint.canvas.session_uid == _known[0] and paint.canvas.is_dirty:
            _measure_soon()


@persistent
@guard.handler
def _loaded(*_) -> None:
    """Session ids of the file before mean other images now."""
    global _known
    status.mask = status.inpainted = _known = None


@persistent
@guard.handler
def _undone(*_) -> None:
    """The pictures or the strokes may be others by now."""
    status.inpainted = None


def _measure_soon() -> None:
    _stop()
    bpy.app.timers.register(_look, first_interval=max(PAUSE, PATIENCE * _cost))


def _look() -> float | None:
    global _cost
    with _looking:
        if lifecycle.busy_with() is not None:
            return PAUSE
        started, before = time.perf_counter(), status.mask
        measure(bpy.context)
        _cost = time.perf_counter() - started
        if not _same(before, status.mask):  # to draw is to ask for another look
            editors.redraw()
            bpy.app.timers.register(_settle, first_interval=0.1)
    return None


def _settle() -> None:
    """Blender moves what is below a sub-panel that has grown one draw later."""
    editors.redraw()


def _same(one: MaskExtent | None, other: MaskExtent | None) -> bool:
    if one is None or other is None:
        return one is other
    return (
        one.uid == other.uid
        and one.rows.tobytes() == other.rows.tobytes()
        and one.columns.tobytes() == other.columns.tobytes()
    )


def _stop() -> None:
    for timer in (_look, _settle):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)


HANDLERS = {"load_post": _loaded, "undo_post": _undone, "redo_post": _undone}


def register() -> None:
    global _handle
    if not bpy.app.background:
        _handle = bpy.types.SpaceView3D.draw_handler_add(_drawn, (), "WINDOW", "POST_PIXEL")
    bpy.app.handlers.depsgraph_update_post.append(_changed)
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    global _known, _handle
    _stop()
    if _handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_handle, "WINDOW")
        _handle = None
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).remove(handler)
    bpy.app.handlers.depsgraph_update_post.remove(_changed)
    status.mask = status.inpainted = _known = None
