# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished job becomes data of the .blend: images, a material that shows the first, and one undo step."""

from __future__ import annotations

import logging

import bpy

from ...core.errors import BlenderStateError
from ...core.messages import Result
from ...core.sentence import Sentence, without_stop
from ..history import history
from ..variants import variants
from . import keeping, opening, placement, textures
from .delivery import Delivery
from .targets import Target

OTHER_FILE = "Another file was opened while the texture was made"

logger = logging.getLogger(__name__)


def deliver(result: Result, target: Target, *, on_trial: bool = False, ended_early: bool = False) -> Delivery:
    """Make the images of a result and show the first on the target. The images are kept whatever becomes of that.

    When another file is open by now, they become files and leave that one alone. on_trial: of several, the first is
    only previewed, unless the artist is looking at another one. ended_early: these were done when their job was
    cancelled or failed; they can be chosen from, and none is shown.
    """
    if not target.is_of_open_file:
        try:
            return Delivery(
                (),
                Sentence(
                    "{other_file}; it is saved as {keep}.", other_file=OTHER_FILE, keep=keeping.keep(result)
                ),
            )
        except OSError:  # then in the wrong file rather than nowhere
            logger.exception("no folder takes the texture of another file")
    images = [textures.new_image(result.request, picture, target.encoding) for picture in result.images]
    notes = [warning for picture in result.images for warning in picture.warnings]
    notes.append(target.encoding.lost)
    several = (len(images) > 1 or ended_early) and target.is_of_open_file
    on_trial = on_trial and several and not ended_early
    reason = None if on_trial or ended_early else _show(images[0], target, notes)
    for image in images[1:] if reason == "" else images:
        image.use_fake_user = True  # nothing shows it, and what nothing shows is not saved
    notes += [_record(result, images, target), _kept(result) if ended_early else _score(result)]
    if several:
        notes.append(_offer(result, images, target))
    push_undo("Generate Texture")
    if on_trial:
        notes.append(_preview(target))
    is_alone = target.is_of_open_file and not target.shows_result and not (on_trial or ended_early)
    place = opening.show(images[0], target.find_source()) if is_alone else ""
    return Delivery(
        tuple(image.name for image in images), Sentence.joined(" ", dict.fromkeys(filter(None, notes))), place
    )


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
        reason = without_stop(str(error))
    except Exception as error:  # the pictures are here already; what shows them must not lose them
        logger.exception("the texture could not be shown")
        reason = Sentence("The texture could not be shown ({error})", error=error)
    notes.append(Sentence('{reason}; the texture is kept as image "{name}".', reason=reason, name=image.name))
    return reason


def _offer(result: Result, images: list[bpy.types.Image], target: Target) -> str:
    """The pictures are in the history already; what lists them must not lose them."""
    scene = target.find_scene()
    try:
        if scene is not None:
            variants.offer(scene, result, images, target)
        return ""
    except Exception as error:
        logger.exception("the variants could not be listed")
        return Sentence(
            "The variants could not be listed ({error}); choose them in the history.", error=error
        )


def _preview(target: Target) -> str:
    """Show the newest variants' first, unless the artist is looking at another one."""
    scene = target.find_scene()
    looking = any(variants.shown_in(other) is not None for other in bpy.data.scenes)
    if scene is None or looking or not len(scene.sd_blender_variants):
        return ""
    newest = scene.sd_blender_variants[-1].batch
    first = next(item for item in scene.sd_blender_variants if item.batch == newest)
    try:
        return variants.preview(scene, first)
    except BlenderStateError as error:
        reason = without_stop(str(error))
        return Sentence("{reason}; the variants can be chosen from all the same.", reason=reason)
    except Exception as error:
        logger.exception("the variant could not be shown")
        return Sentence("The variant could not be shown ({error}); its image is in the history.", error=error)


def _kept(result: Result) -> str:
    """How much there is of a job that ended early, and where."""
    return Sentence(
        "{images} of {count} textures are kept: choose under Variants.",
        images=len(result.images),
        count=result.request.sampling.count,
    )


def _score(result: Result) -> str:
    """How well the best texture fits, where textures were compared."""
    score = result.images[0].score
    if score is None:
        return ""
    return Sentence(
        "The best of {count} textures has a score of {score}.",
        count=result.request.sampling.count,
        score=f"{score:.2f}",
    )


def _record(result: Result, images: list[bpy.types.Image], target: Target) -> str:
    """The pictures are here already; a history that fails must not lose them."""
    scene = target.find_scene()
    if scene is None:
        return Sentence(
            'Scene "{name}" is gone and its history too; the texture is image "{name2}".',
            name=target.scene.name,
            name2=images[0].name,
        )
    try:
        note = history.record(scene, result, images)
        if scene == bpy.context.scene:
            return note
        elsewhere = Sentence(
            'The texture is in the history of scene "{name}", in which it was asked for.', name=scene.name
        )
        return Sentence.joined(" ", filter(None, (elsewhere, note)))
    except Exception as error:  # a history of a stranger's file, a defect of ours
        logger.exception("the history could not take the texture")
        return Sentence(
            "The history could not take the texture ({error}); the image has its settings.", error=error
        )


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
