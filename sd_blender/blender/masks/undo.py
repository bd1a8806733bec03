# SPDX-License-Identifier: GPL-3.0-or-later
"""Undo where brush and buttons change a mask by turns.

Blender undoes a stroke with what it remembers of the image from the stroke before, and takes for granted that nothing
but strokes changed the image in between. So a button leaves a mask that was painted on as it is, and another image
takes its place: one for each turn from the brush to the buttons, of which the file keeps the one in use. Undo brings
the image before back without its strokes, which are put back here; editors and canvas go along by ``image_places``.
(Measured in the windows of Blender 4.3 and 5.2.)
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy
from bpy.app.handlers import persistent

from .. import guard, late
from . import painting

if TYPE_CHECKING:
    from ...core.masks import Levels

with late.imports():
    from ...core import masks as mask_values


@dataclass(frozen=True)
class Strokes:
    """A mask as it was when another took its place. uid: its session id. levels: compressed."""

    uid: int
    levels: bytes


_strokes: dict[int, Strokes] = {}
"""By the session id of the mask that took the place."""

_painted: set[int] = set()
"""Session ids of masks with strokes that were saved meanwhile, which Blender does not call dirty any more."""

_before = 0
"""The session id of the mask in use before an undo or redo."""


def is_painted(mask: bpy.types.Image) -> bool:
    """Whether Blender may still have strokes on this image to undo."""
    return mask.is_dirty or mask.session_uid in _painted


def keep(old: bpy.types.Image, levels: Levels, new: bpy.types.Image) -> None:
    """Remember a painted mask, of these levels, whose place another takes."""
    _painted.add(old.session_uid)
    _strokes[new.session_uid] = Strokes(old.session_uid, zlib.compress(levels.tobytes(), 1))


def _put_back(mask: bpy.types.Image, strokes: Strokes) -> None:
    width, height = mask.size
    mask.pixels.foreach_set(mask_values.to_rgba(zlib.decompress(strokes.levels), width, height))


@persistent
@guard.handler
def _note(*_) -> None:
    global _before
    mask = bpy.context.scene.sd_blender.mask_image
    _before = 0 if mask is None else mask.session_uid


@persistent
@guard.handler
def _bring_back(*_) -> None:
    """The strokes of the mask that is in use again."""
    mask = bpy.context.scene.sd_blender.mask_image
    strokes = _strokes.get(_before)
    if mask is not None and strokes is not None and strokes.uid == mask.session_uid:
        _put_back(mask, strokes)


@persistent
@guard.handler
def _saving(*_) -> None:
    _painted.update(
        image.session_uid for image in bpy.data.images if painting.MASK_KEYWORD in image and image.is_dirty
    )


@persistent
@guard.handler
def _loaded(*_) -> None:
    """Session ids of the file before mean other images now."""
    _strokes.clear()
    _painted.clear()


HANDLERS = {
    "undo_pre": _note,
    "redo_pre": _note,
    "undo_post": _bring_back,
    "redo_post": _bring_back,
    "save_pre": _saving,
    "load_post": _loaded,
}


def register() -> None:
    for name, handler in HANDLERS.items():
        handlers = getattr(bpy.app.handlers, name)
        # What is saved is packed by another handler of ours, and not dirty any more.
        handlers.insert(0 if name == "save_pre" else len(handlers), handler)


def unregister() -> None:
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).remove(handler)
    _loaded()
