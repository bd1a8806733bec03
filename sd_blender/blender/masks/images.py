# SPDX-License-Identifier: GPL-3.0-or-later
"""The mask image that the settings name, as an array to change and to put back.

A mask of ours is changed where it is, by packing a new PNG file into it and dropping the pixels that Blender holds.
Undo brings back the packed file, which written pixels would not get, but not always the pixels: a number on the mask
tells when they are of another file and have to be read again. (Measured in Blender 4.2 to 5.2.) An image that is not
ours stays as it is, and so does a mask with strokes to undo: a new mask of ours takes its place.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import bpy
from bpy.app.handlers import persistent

from ...core.errors import BlenderStateError
from ...core.sentence import Sentence
from .. import guard, image_places, in_use, late, libraries
from . import painting
from . import status as mask_status
from . import undo as mask_undo

if TYPE_CHECKING:
    from ...core.masks import Levels

with late.imports():
    from ...core import masks as mask_values
    from .. import build_request
    from ..source import capture

_revisions: dict[int, int] = {}
"""Of the pixels that Blender holds, by the session id of the mask."""


def check(context: bpy.types.Context) -> None:
    """Raise BlenderStateError for a mask that cannot be edited, as far as that shows without its pixels."""
    libraries.check_scene(context.scene)
    settings = context.scene.sd_blender
    mask = settings.mask_image
    if settings.mask_source != "IMAGE":
        raise BlenderStateError(
            "The mask is the stencil of Texture Paint; set Mask to Image to edit one here."
        )
    if mask is None:
        if in_use.source(context) not in build_request.RENDERED_SOURCES:
            build_request.check_source(context)
    elif not libraries.is_kept(mask):
        raise BlenderStateError(
            Sentence(
                'Mask "{name}" is linked from another file; make it local or make a new mask.', name=mask.name
            )
        )
    elif mask.source == "TILED":
        raise BlenderStateError(Sentence('Mask "{name}" has UDIM tiles; make a new mask.', name=mask.name))


def read(context: bpy.types.Context) -> Levels:
    """The mask as it is painted; a black one of the source's size where there is none.

    Raises SDBlenderError when it has no pixels, or when there is no source either.
    """
    check(context)
    mask = context.scene.sd_blender.mask_image
    if mask is None:
        return blank(context)
    return _levels(mask)


def _levels(mask: bpy.types.Image) -> Levels:
    return mask_values.to_levels(capture.mask_pixels(mask))


def blank(context: bpy.types.Context) -> Levels:
    """A black mask of the source's size."""
    _, width, height = painting.source_size(context)
    return mask_values.blank(width, height)


def write(context: bpy.types.Context, values: Levels) -> None:
    """Make ``values`` the mask that Generate uses. The caller's undo step takes them off again."""
    settings = context.scene.sd_blender
    mask = settings.mask_image
    is_ours = (
        mask is not None
        and painting.MASK_KEYWORD in mask
        and mask.source == "FILE"
        and libraries.is_kept(mask)
    )
    if is_ours and not mask_undo.is_painted(mask):
        _pack(mask, values)
        mask[painting.MASK_KEYWORD] = _revisions[mask.session_uid] = _revision_of(mask) + 1
    else:
        old, mask = mask, painting.mask_of(f"{_name(context)} Mask", values)
        if is_ours:
            mask_undo.keep(old, _levels(old), mask)
        if is_ours:
            image_places.follow(old, mask, image_places.EVERYWHERE)
            old.user_remap(mask)  # nodes and other scenes show the mask as it is now
        else:
            image_places.follow(old, mask)
    use(context, mask, values)


def use(context: bpy.types.Context, mask: bpy.types.Image, values: Levels) -> None:
    """Make a mask with these values the one that Generate uses."""
    settings = context.scene.sd_blender
    settings.task, settings.mask_source, settings.mask_image = "INPAINT", "IMAGE", mask
    mask_status.remember(mask, values)


def _name(context: bpy.types.Context) -> str:
    mask = context.scene.sd_blender.mask_image
    return re.sub(r" Mask(\.\d+)?$", "", mask.name) if mask is not None else painting.source_size(context)[0]


def _pack(mask: bpy.types.Image, values: Levels) -> None:
    data = mask_values.encode(values)
    mask.pack(data=data, data_len=len(data))
    mask.buffers_free()
    mask.update_tag()


def _revision_of(mask: bpy.types.Image) -> int:
    """The number of a mask; that of a new one is True."""
    value = mask[painting.MASK_KEYWORD]
    return int(value) if isinstance(value, int) else 0


@persistent
@guard.handler
def _undone(*_) -> None:
    """Undo and redo may have brought another packed file beside pixels that are still those of the one before."""
    for image in bpy.data.images:
        if painting.MASK_KEYWORD in image:
            revision = _revision_of(image)
            if _revisions.get(image.session_uid, revision) != revision:
                image.buffers_free()
            _revisions[image.session_uid] = revision


@persistent
@guard.handler
def _loaded(*_) -> None:
    """Session ids of the file before mean other images now."""
    _revisions.clear()


HANDLERS = {"undo_post": _undone, "redo_post": _undone, "load_post": _loaded}


def register() -> None:
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).remove(handler)
    _revisions.clear()
