# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished job becomes data of the .blend: images, a material that shows the first, and one undo step."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import bpy

from ...core.errors import BlenderStateError
from ...core.messages import Result
from ..history import history
from ..variants import variants
from . import keeping, placement, textures
from .targets import Target

OTHER_FILE = "Another file was opened while the texture was made"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """The names of the new images, the one on the material first, and what the artist should know, or ""."""

    images: tuple[str, ...]
    note: str


def deliver(result: Result, target: Target, *, on_trial: bool = False) -> Delivery:
    """Make the images of a result and show the first on the target. The images are kept whatever becomes of that.

    When another file is open by now, they become files and leave that one alone. on_trial: of several, the first is
    only previewed, unless the artist is looking at another one.
    """
    if not target.is_of_open_file:
        try:
            return Delivery((), f"{OTHER_FILE}; it is saved as {keeping.keep(result)}.")
        except OSError:  # then in the wrong file rather than nowhere
            logger.exception("no folder takes the texture of another file")
    like = target.find_source()
    images = [textures.new_image(result.request, picture, like) for picture in result.images]
    notes = [warning for picture in result.images for warning in picture.warnings]
    several = len(images) > 1 and target.is_of_open_file
    on_trial = on_trial and several
    reason = None if on_trial else _show(images[0], target, notes)
    for image in images[1:] if reason == "" else images:
        image.use_fake_user = True  # nothing shows it, and what nothing shows is not saved
    notes += [_record(result, images), _score(result)]
    if several:
        notes.append(_offer(result, images, target))
    push_undo("Generate Texture")
    if on_trial:
        notes.append(_preview())
    return Delivery(tuple(image.name for image in images), " ".join(dict.fromkeys(filter(None, notes))))


def _show(image: bpy.types.Image, target: Target, notes: list[str]) -> str | None:
    """Put the image in its place; "" when it is there, None when it has none, and else why it is not. Adds a note."""
    if target.is_of_open_file and not target.shows_result:
        return None
    try:
        if not target.is_of_open_file:
            raise BlenderStateError(OTHER_FILE)
        variants.end_preview()
        notes.append(placement.place(image, target))
        return ""
    except BlenderStateError as error:
        reason = str(error).rstrip(".")
    except Exception as error:  # the pictures are here already; what shows them must not lose them
        logger.exception("the texture could not be shown")
        reason = f"The texture could not be shown ({error})"
    notes.append(f'{reason}; the texture is kept as image "{image.name}".')
    return reason


def _offer(result: Result, images: list[bpy.types.Image], target: Target) -> str:
    """The pictures are in the history already; what lists them must not lose them."""
    try:
        variants.offer(bpy.context.scene, result, images, target)
        return ""
    except Exception as error:
        logger.exception("the variants could not be listed")
        return f"The variants could not be listed ({error}); choose them in the history."


def _preview() -> str:
    """Show the newest variants' first, unless the artist is looking at another one."""
    scene = bpy.context.scene
    if not len(scene.sd_blender_variants) or variants.shown_in(scene) is not None:
        return ""
    newest = scene.sd_blender_variants[-1].batch
    first = next(item for item in scene.sd_blender_variants if item.batch == newest)
    try:
        return variants.preview(scene, first)
    except BlenderStateError as error:
        reason = str(error).rstrip(".")
        return f"{reason}; the variants can be chosen from all the same."
    except Exception as error:
        logger.exception("the variant could not be shown")
        return f"The variant could not be shown ({error}); its image is in the history."


def _score(result: Result) -> str:
    """How well the best texture fits, where textures were compared."""
    score = result.images[0].score
    if score is None:
        return ""
    return f"The best of {result.request.sampling.count} textures has a score of {score:.2f}."


def _record(result: Result, images: list[bpy.types.Image]) -> str:
    """The pictures are here already; a history that fails must not lose them."""
    try:
        return history.record(bpy.context.scene, result, images)
    except Exception as error:  # a history of a stranger's file, a defect of ours
        logger.exception("the history could not take the texture")
        return f"The history could not take the texture ({error}); the image has its settings."


def push_undo(message: str) -> None:
    """What a timer or a script changes is no undo step unless it says so; without one, the next undo would leave a
    material that points at an image which is gone by then.
    """
    window = next(iter(bpy.context.window_manager.windows), None)
    try:
        with bpy.context.temp_override(window=window):
            bpy.ops.ed.undo_push(message=message)
    except RuntimeError:  # Global Undo is switched off
        logger.debug("no undo step", exc_info=True)
