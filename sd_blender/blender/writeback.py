# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished job becomes data of the .blend: images, a material that shows the first, and one undo step."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import bpy

from ..core.errors import BlenderStateError
from ..core.messages import Result
from . import history, keeping, materials, targets, textures
from .saving import KEYWORD
from .targets import Target

OTHER_FILE = "Another file was opened while the texture was made"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """The names of the new images, the one on the material first, and what the artist should know, or ""."""

    images: tuple[str, ...]
    note: str


def deliver(result: Result, target: Target) -> Delivery:
    """Make the images of a result and show the first on the target. The images are kept whatever becomes of that.

    When another file is open by now, they become files and leave that one alone.
    """
    if not target.is_of_open_file:
        try:
            return Delivery((), f"{OTHER_FILE}; it is saved as {keeping.keep(result)}.")
        except OSError:  # then in the wrong file rather than nowhere
            logger.exception("no folder takes the texture of another file")
    like = target.find_source()
    images = [textures.new_image(result.request, picture, like) for picture in result.images]
    notes = [warning for picture in result.images for warning in picture.warnings]
    shown = False
    if target.object is not None or not target.is_of_open_file:
        try:
            notes.append(_show(images[0], target, like))
            shown = True
        except BlenderStateError as error:
            reason = str(error).rstrip(".")
        except Exception as error:  # the pictures are here already; what shows them must not lose them
            logger.exception("the texture could not be shown")
            reason = f"The texture could not be shown ({error})"
        if not shown:
            notes.append(f'{reason}; the texture is kept as image "{images[0].name}".')
    for image in images[1:] if shown else images:
        image.use_fake_user = True  # nothing shows it, and what nothing shows is not saved
    notes.append(_record(result, images))
    _push_undo()
    return Delivery(tuple(image.name for image in images), " ".join(dict.fromkeys(filter(None, notes))))


def _show(image: bpy.types.Image, target: Target, source: bpy.types.Image | None) -> str:
    if not target.is_of_open_file:
        raise BlenderStateError(OTHER_FILE)
    thing = target.find_object()
    material = target.find_material(thing) or materials.make_material(thing, target.slot)
    note = materials.show_image(material, image, made_by_us=KEYWORD, instead_of=source)
    return note or targets.advice(thing)


def _record(result: Result, images: list[bpy.types.Image]) -> str:
    """The pictures are here already; a history that fails must not lose them."""
    try:
        return history.record(bpy.context.scene, result, images)
    except Exception as error:  # a history of a stranger's file, a defect of ours
        logger.exception("the history could not take the texture")
        return f"The history could not take the texture ({error}); the image has its settings."


def _push_undo() -> None:
    """What a timer changes is no undo step unless it says so; without one, the next undo would be inconsistent."""
    window = next(iter(bpy.context.window_manager.windows), None)
    try:
        with bpy.context.temp_override(window=window):
            bpy.ops.ed.undo_push(message="Generate Texture")
    except RuntimeError:  # Global Undo is switched off
        logger.debug("no undo step for the new texture", exc_info=True)
