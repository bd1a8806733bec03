# SPDX-License-Identifier: GPL-3.0-or-later
"""Making and painting masks, choosing sources, and keeping what was painted when the file is saved."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import bpy
from bpy.app.handlers import persistent

from ...core.errors import BlenderStateError, SDBlenderError
from ...core.sentence import Sentence
from .. import compat, editors, guard, image_places, in_use, late, translation
from ..prompts.operators import OnScene

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

with late.imports():
    from ...core import masks as mask_values
    from .. import build_request
    from ..results import naming, nodes, saving, textures
    from ..source import capture, viewport

logger = logging.getLogger(__name__)

MASK_KEYWORD = "sd_blender_mask"
WHITE = (1.0, 1.0, 1.0)


class SDB_OT_new_mask(OnScene, bpy.types.Operator):
    """Make a black mask of the source's size and paint on it: white is made anew, black stays"""

    bl_idname = "sdb.new_mask"
    bl_label = "New Mask"

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.sd_blender
        try:
            name, width, height = source_size(context)
        except SDBlenderError as error:
            translation.report(self, "ERROR", str(error))
            return {"CANCELLED"}
        mask = new_mask(f"{name} Mask", width, height)
        settings.task, settings.mask_source, settings.mask_image = "INPAINT", "IMAGE", mask
        translation.report(self, "INFO", _paint_on(context, mask))
        return {"FINISHED"}


class SDB_OT_use_as_source(OnScene, bpy.types.Operator):
    """Start the next texture from the image in this editor, or in the active Image Texture node"""

    bl_idname = "sdb.use_as_source"
    bl_label = "Use as Source"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if cls._image(context) is None:
            translation.refuse(
                cls, "Open an image in the Image Editor, or click an Image Texture that has one"
            )
            return False
        return True

    @staticmethod
    def _image(context: bpy.types.Context) -> bpy.types.Image | None:
        space = context.space_data
        return (
            nodes.active_image(context) if editors.is_shader_editor(space) else getattr(space, "image", None)
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.sd_blender
        image = self._image(context)
        if image.type == "RENDER_RESULT":
            settings.source = "RENDER_RESULT"
        else:
            settings.source, settings.source_image = "IMAGE", image
        if settings.task == "TEXT_TO_IMAGE":
            settings.task = "IMAGE_TO_IMAGE"
        return {"FINISHED"}


def new_mask(name: str, width: int, height: int) -> bpy.types.Image:
    """A black 8-bit image to paint on; see :func:`mask_of`."""
    return mask_of(name, mask_values.blank(width, height))


def mask_of(name: str, values: NDArray[np.uint8]) -> bpy.types.Image:
    """An 8-bit image of a mask (height x width, 255 = regenerate, row 0 at the top), packed at once.

    It is packed again with its strokes at each save.
    """
    data = mask_values.encode(values)
    mask = textures.packed_image(data, naming.file_name(name, 0, data))
    mask.name = name
    mask.colorspace_settings.name = "Non-Color"  # a stroke of 0.5 is a mask of 0.5
    mask[MASK_KEYWORD] = True
    return mask


def open_mask(context: bpy.types.Context) -> bpy.types.Image | None:
    """The mask of ours that is open in the Image Editor in use."""
    image = getattr(context.space_data, "image", None)
    return image if image is not None and MASK_KEYWORD in image else None


def source_size(context: bpy.types.Context) -> tuple[str, int, int]:
    """Name, width and height of what the mask is for. Raises BlenderStateError when there is nothing."""
    settings = context.scene.sd_blender
    source = in_use.source(context)
    if source == "VIEWPORT":
        return "Viewport", *viewport.size(context)
    if source in build_request.RENDERED_SOURCES:
        return "Render", *rendered_size(context.scene)
    if source == "FILE":
        with capture.opened(build_request.source_path(settings)) as image:
            return bpy.path.display_name_from_filepath(image.filepath), *image.size
    image = build_request.find_source(context)
    width, height = image.size
    if not (width and height):
        raise BlenderStateError(capture.why_no_pixels(image))
    return image.name, width, height


def rendered_size(scene: bpy.types.Scene) -> tuple[int, int]:
    """Width and height of the scene's renders."""
    render = scene.render
    scale = render.resolution_percentage / 100
    return int(render.resolution_x * scale), int(render.resolution_y * scale)


def _paint_on(context: bpy.types.Context, mask: bpy.types.Image) -> str:
    """Make the mask the canvas, with a white brush, where the artist can paint; says where that is."""
    paint = context.scene.tool_settings.image_paint
    paint.mode = "IMAGE"
    image_places.put(paint, "canvas", mask)
    compat.set_paint_colour(context.scene, WHITE)
    areas = [area for area in getattr(context.screen, "areas", ()) if area.type == "IMAGE_EDITOR"]
    if areas:
        space = areas[0].spaces.active
        image_places.put(space, "image", mask)
        space.ui_mode = "PAINT"
        return "Paint white on the mask in the Image Editor"
    thing = context.view_layer.objects.active
    if thing is not None and thing.type == "MESH" and _can_be_painted(thing):
        bpy.ops.object.mode_set(mode="TEXTURE_PAINT")
        return "Paint white on the object"
    return Sentence('Open "{name}" in an Image Editor and paint white on it', name=mask.name)


def _can_be_painted(thing: bpy.types.Object) -> bool:
    """Whether Texture Paint can be entered; on a hidden or linked object it raises."""
    return thing.mode == "OBJECT" and thing.visible_get() and thing.is_editable and bool(thing.data.uv_layers)


@persistent
@guard.handler
def _keep_strokes(*_) -> None:
    """Blender saves a packed image as it was packed: strokes since then would be gone at the next load."""
    for image in bpy.data.images:
        if image.is_dirty and image.packed_file and (MASK_KEYWORD in image or saving.KEYWORD in image):
            try:
                image.pack()
            except RuntimeError:
                logger.exception("the strokes on %s could not be packed", image.name)


_register_classes, _unregister_classes = bpy.utils.register_classes_factory(
    (SDB_OT_new_mask, SDB_OT_use_as_source)
)


def register() -> None:
    _register_classes()
    bpy.app.handlers.save_pre.append(_keep_strokes)


def unregister() -> None:
    bpy.app.handlers.save_pre.remove(_keep_strokes)
    _unregister_classes()
