# SPDX-License-Identifier: GPL-3.0-or-later
"""Several results to choose from: each can be seen on the object before one of them is applied.

The pictures themselves are images of the file and entries of the history from the moment they arrive; what is open is
only which of them is used. At most one is shown at a time. How it is shown and taken back is ``placement``
and ``node_preview``; here is which one it is.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

import bpy

from ...core import thumbnails
from ...core.errors import BlenderStateError
from ...core.messages import Result
from ...core.sentence import Sentence
from .. import icons, image_places
from ..history import history
from ..history.properties import UNJUDGED
from ..properties import status
from ..results import opening, placement, stored_targets
from ..results.saving import KEYWORD
from ..results.targets import Reference, Target
from . import node_preview
from . import requests as variant_requests
from .properties import SDB_PG_variant, previewed, shown, shown_in

MOST = 64
"""Variants that are offered in a scene; older ones are in the history alone."""

Scene = bpy.types.Scene


def offer(scene: Scene, result: Result, images: Sequence[bpy.types.Image], target: Target) -> None:
    """Add the pictures of a result, which are in the history already, to those that can be chosen from."""
    offered = scene.sd_blender_variants
    batch, goal = uuid.uuid4().hex, stored_targets.dump(target)
    for index, (picture, image) in enumerate(zip(result.images, images, strict=True)):
        item = offered.add()
        item.key, item.batch, item.target = f"{batch}-{index}", batch, goal
        item.image, item.settings, item.seed = image.name, image[KEYWORD], str(picture.seed)
        item.score = UNJUDGED if picture.score is None else picture.score
        item.thumbnail = picture.thumbnail or thumbnails.make(picture.pixels)
        icons.enlarge(item.thumbnail, picture.pixels)
    variant_requests.remember(batch, result.request)
    while len(offered) > MOST:
        if offered[0].key == shown.key:
            end_preview()
        offered.remove(0)


def find(scene: Scene, index: int = -1) -> SDB_PG_variant:
    """A variant by its number from 0, or with -1 the one that is shown. Raises BlenderStateError."""
    offered = scene.sd_blender_variants
    if index >= len(offered):
        raise BlenderStateError(
            Sentence("There are {offered} variants; choose one of them.", offered=len(offered))
        )
    item = shown_in(scene) if index < 0 else offered[index]
    if item is None:
        raise BlenderStateError("No variant is chosen; click one first.")
    return item


def image_of(item: SDB_PG_variant) -> bpy.types.Image:
    """Raises BlenderStateError when it is gone."""
    image = history.find_image(item)
    if image is None:
        raise BlenderStateError(
            "The image of this variant is gone; lock its seed and generate it again, or choose another."
        )
    return image


def preview(scene: Scene, item: SDB_PG_variant, space: bpy.types.Space | None = None) -> str:
    """Show a variant on its object on trial, which is no undo step; returns one sentence to know, or "".

    space: the editor in which it was chosen; Image Editors may show it too. Raises BlenderStateError, and then what was
    shown is shown still.
    """
    image, target = image_of(item), stored_targets.load(item.target)
    note, before = "", Reference.to(placement.shown_at(target))
    if before is not None and shown.image is not None and before.uid == shown.image.uid:
        before = shown.instead_of
    if target.shows_result:
        note = placement.show_on_trial(image, target, shown.spare)
    else:
        placement.end()
    _show_in_editors(image, target, space, before)
    shown.key, shown.image, shown.instead_of = item.key, Reference.to(image), before
    shown.paused, shown.spare = False, None
    return note


def end_preview() -> None:
    """Bring back what was there before the preview. The variants can be chosen from still. Never raises for none."""
    placement.end()
    _bring_back_editors()
    shown.reset()


def apply(scene: Scene, item: SDB_PG_variant, space: bpy.types.Space | None = None) -> str:
    """Use a variant for good, and offer those made for the same place no more; returns one sentence to know, or "".

    Raises BlenderStateError, and then nothing has changed. The others stay in the history.
    """
    note = preview(scene, item, space)
    image, target = image_of(item), stored_targets.load(item.target)
    for owner in previewed():
        node_preview.finish(owner)
    if target.shows_result and image.users > 1:
        image.use_fake_user = False
    _keep_editors(image, placement.shows(image, target))
    if shown.instead_of is not None:
        placement.go_along(shown.instead_of.find(bpy.data.images), image, target)
    shown.reset()
    offered = scene.sd_blender_variants
    for index in reversed(range(len(offered))):
        if _same_place(offered[index], target):
            offered.remove(index)
    return note


def cancel(scene: Scene) -> None:
    """Bring back what was there, and offer nothing any more. The pictures stay in the history."""
    end_preview()
    scene.sd_blender_variants.clear()


def pause() -> None:
    """Take the preview away while Blender saves: a file holds what was applied."""
    for scene in bpy.data.scenes:
        if scene.is_editable:
            for item in scene.sd_blender_variants:
                item.target = stored_targets.renew(item.target)
    owners = previewed()
    if owners:
        made = [owner for owner in owners if node_preview.read(owner.sd_blender_preview).made]
        placement.end(keep=True)
        shown.paused = True
        shown.spare = Reference.to(made[0]) if made else None


def resume() -> None:
    """Show again what :func:`pause` took away."""
    if not shown.paused:
        return
    key, shown.paused = shown.key, False
    for scene in bpy.data.scenes:
        for item in scene.sd_blender_variants:
            if item.key == key:
                try:
                    preview(scene, item)
                except BlenderStateError as error:
                    status.note = str(error)
                    sweep()
                return


def sweep() -> None:
    """End the previews that an undo step or a file brought in: no click in this Blender has asked for them."""
    placement.end()
    shown.reset()


def _image_spaces() -> list[bpy.types.Space]:
    areas = [area for window in bpy.context.window_manager.windows for area in window.screen.areas]
    return [space for area in areas for space in area.spaces if space.type == "IMAGE_EDITOR"]


def _show_in_editors(
    image: bpy.types.Image, target: Target, space: bpy.types.Space | None, before: Reference | None
) -> None:
    """Where the artist clicked, sees what was inpainted, or what the variant stands in for; in some editor, when
    nothing else shows the variant.
    """
    editors, source = _image_spaces(), target.find_source()
    replaced = [other for other in (source, before.find(bpy.data.images) if before else None) if other]
    chosen = [editor for editor in editors if editor == space or editor.image in replaced]
    if not chosen and not target.shows_result and not shown.editors:
        chosen = [editor for editor in editors if opening.is_free(editor)][:1]
    for editor in chosen:
        shown.editors.setdefault(editor.as_pointer(), Reference.to(editor.image))
    for editor in editors:
        if editor.as_pointer() in shown.editors:
            editor.image = image


def _keep_editors(image: bpy.types.Image, holds: Callable[[], bool]) -> None:
    """Have those that show the variant show it for good, which an undo of that takes back."""
    for editor in _image_spaces():
        if editor.as_pointer() in shown.editors and editor.image == image:
            before = shown.editors[editor.as_pointer()]
            editor.image = before.find(bpy.data.images) if before else None
            image_places.put(editor, "image", image, holds)


def _bring_back_editors() -> None:
    """Where the artist has not turned to another image meanwhile."""
    image = shown.image.find(bpy.data.images) if shown.image else None
    for editor in _image_spaces():
        if editor.as_pointer() in shown.editors and editor.image == image:
            before = shown.editors[editor.as_pointer()]
            editor.image = before.find(bpy.data.images) if before else None


def _same_place(item: SDB_PG_variant, target: Target) -> bool:
    try:
        return stored_targets.load(item.target) == target
    except BlenderStateError:
        return True  # it can never be applied
