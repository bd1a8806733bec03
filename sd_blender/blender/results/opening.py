# SPDX-License-Identifier: GPL-3.0-or-later
"""A result that goes on no material is shown in an Image Editor, where one is free for it."""

from __future__ import annotations

import bpy

from ...core.sentence import Sentence
from .saving import KEYWORD


def show(image: bpy.types.Image, source: bpy.types.Image | None) -> str:
    """Show the image in an Image Editor that is free, and say in one sentence where it is.

    source: what it was made from; the editor of that is as good as an empty one.
    """
    free = [space for space in image_editors() if is_free(space)]
    if not free:
        return Sentence('The texture is image "{name}"; open it in an Image Editor.', name=image.name)
    min(free, key=lambda space: not _is_ours(space.image, source)).image = image
    return Sentence('The texture is image "{name}", which is shown in the Image Editor.', name=image.name)


def image_editors() -> list[bpy.types.SpaceImageEditor]:
    """Those in sight, the largest first."""
    areas = [area for window in bpy.context.window_manager.windows for area in window.screen.areas]
    areas.sort(key=lambda area: -area.width * area.height)
    return [area.spaces.active for area in areas if area.type == "IMAGE_EDITOR"]


def is_free(space: bpy.types.SpaceImageEditor) -> bool:
    """Whether an editor may turn to another image: the artist has not pinned it, does not paint, mask or unwrap in it,
    and does not watch a render.
    """
    if space.use_image_pin or space.mode != "VIEW":
        return False
    watched = space.image is not None and space.image.type in ("RENDER_RESULT", "COMPOSITING")
    return not (watched and bpy.app.is_job_running("RENDER"))


def _is_ours(image: bpy.types.Image | None, source: bpy.types.Image | None) -> bool:
    return image is None or image == source or KEYWORD in image
