# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's images and renders as arrays for a request. Refuses what has no pixels, changes nothing.

The colors of a render are taken as "DISPLAYED", through the view transform of the scene, or as "STANDARD", through the
view transform of that name: a texture made from AgX colors and rendered under AgX again would be transformed twice.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np

from ...core.errors import BlenderStateError
from ...core.pixels import FloatArray, from_blender, mask_from_blender
from ...core.request import ImageArray, MaskArray
from .. import compat, translation
from . import borrowed

KEPT_VALUES = 4 * 1024**2
_kept: FloatArray = np.empty(0, np.float32)


def image_pixels(image: bpy.types.Image, colors: str = "DISPLAYED") -> ImageArray:
    """The pixels of an image datablock as they look, strokes not yet saved included; of a UDIM, its first tile.

    uint8, height x width x 3, or 4 where something is transparent; row 0 at the top, sRGB-encoded. colors: of a render.
    """
    if image.type == "RENDER_RESULT":
        return render_result(bpy.context.scene, colors)
    return from_blender(*_read(image), linear=_is_linear(image))


def stored_bytes(image: bpy.types.Image) -> ImageArray:
    """The bytes of an 8-bit image exactly as they are stored, for a result that must equal them where it may.

    uint8, height x width x 3 or 4, row 0 at the top.
    """
    if image.source == "TILED":
        raise BlenderStateError(
            f'"{image.name}" has UDIM tiles, which cannot be inpainted together; choose a single image.'
        )
    values, width, height = _read(image)
    if image.is_float:
        raise BlenderStateError(
            f'"{image.name}" is a float image and inpainting would cut it to 8 bits; use an 8-bit copy of it.'
        )
    return from_blender(values, width, height, linear=False)


def mask_pixels(image: bpy.types.Image) -> MaskArray:
    """The mask painted on an image: float32, height x width, 0..1, 1 = regenerate, row 0 at the top."""
    return mask_from_blender(*_read(image))


@contextlib.contextmanager
def opened(path: str) -> Iterator[bpy.types.Image]:
    """An image file of this computer as a datablock that is gone afterwards. Raises BlenderStateError."""
    if not os.path.isfile(path):
        raise BlenderStateError(f"There is no file {path}; choose another image file.")
    try:
        image = bpy.data.images.load(path)
    except RuntimeError as error:
        reason = translation.reported(error).rstrip(".")
        raise BlenderStateError(f"{path} cannot be read ({reason}); choose another image file.") from error
    try:
        if 0 in image.size:  # asking is what loads the file; a broken one is no error of its own
            raise BlenderStateError(f"{path} is no image that Blender can read; choose another file.")
        yield image
    finally:
        bpy.data.images.remove(image)


def render_result(scene: bpy.types.Scene, colors: str = "DISPLAYED") -> ImageArray:
    """The Render Result; its datablock never shows its pixels."""
    result = bpy.data.images.get("Render Result")
    with tempfile.TemporaryDirectory(prefix="sd_blender_") as folder, _png_settings(scene, colors):
        path = Path(folder, "render.png")
        try:
            if result is not None:
                result.save_render(str(path), scene=scene)
        except RuntimeError:
            result = None  # there is a datablock from an earlier session, but no picture in it
        if result is None or not path.exists():
            raise BlenderStateError("There is no render yet; render the image (F12) or use New Render.")
        return _load(str(path))


def render_now(scene: bpy.types.Scene, colors: str = "DISPLAYED") -> ImageArray:
    """Render the scene, which replaces the Render Result, and return that. Blocks until it is done."""
    check_can_render(scene)
    try:
        bpy.ops.render.render(scene=scene.name)
    except RuntimeError as error:
        reason = translation.reported(error).splitlines()[0].rstrip(".")
        raise BlenderStateError(
            f"The render failed ({reason}); render the image (F12) to see why."
        ) from error
    return render_result(scene, colors)


def check_can_render(scene: bpy.types.Scene) -> None:
    """Raise BlenderStateError when a render would fail, without trying it."""
    if scene.camera is None:
        raise BlenderStateError(f'Scene "{scene.name}" has no camera to render with; add one.')


def _read(image: bpy.types.Image) -> tuple[FloatArray, int, int]:
    """Flat RGBA values until the next call, width and height; asking for the size is what loads an image's file."""
    width, height = image.size
    if width == 0 or height == 0 or not image.has_data:
        where = f" ({image.filepath})" if image.filepath else ""
        raise BlenderStateError(f'Image "{image.name}" has no pixels; reload it or choose another{where}.')
    channels = image.channels
    values = _buffer(width * height * channels)
    image.pixels.foreach_get(values)
    return (values if channels == 4 else _to_rgba(values, channels)), width, height


def _buffer(length: int) -> FloatArray:
    """Room for `length` values, up to 1024 px square the same each time: the first touch is most of a read's cost."""
    global _kept
    if length > KEPT_VALUES:
        return np.empty(length, np.float32)
    if len(_kept) < length:
        _kept = np.empty(length, np.float32)
    return _kept[:length]


def _to_rgba(values: FloatArray, channels: int) -> FloatArray:
    """Float images may hold grey, grey and alpha, or RGB."""
    given = values.reshape(-1, channels)
    rgba = np.ones((len(given), 4), np.float32)
    rgba[:, :3] = given[:, :3] if channels == 3 else given[:, :1]
    if channels == 2:
        rgba[:, 3] = given[:, 1]
    return rgba.ravel()


def _is_linear(image: bpy.types.Image) -> bool:
    """Whether Blender shows the values through a transfer curve; float pixels are linear whatever their tag says."""
    space = image.colorspace_settings
    return image.is_float or space.is_data or space.name.startswith(("Linear", "ACES"))


def _load(path: str) -> ImageArray:
    with opened(path) as image:
        return from_blender(*_read(image), linear=False)


@contextlib.contextmanager
def _png_settings(scene: bpy.types.Scene, colors: str = "DISPLAYED") -> Iterator[None]:
    """Output settings for an 8-bit PNG with these colors; the artist's come back in any case."""
    settings = scene.render.image_settings
    with contextlib.ExitStack() as stack:
        stack.enter_context(borrowed.kept(settings))
        compat.set_file_format(settings, "PNG")
        settings.color_mode, settings.color_depth, settings.compression = "RGBA", "8", 0
        if colors == "STANDARD":
            # To override is to take over the scene's settings first.
            stack.enter_context(borrowed.kept(settings.display_settings))
            stack.enter_context(borrowed.kept(settings.view_settings, borrowed.STANDARD))
            settings.color_management = "OVERRIDE"
            stack.enter_context(borrowed.standard_view(settings))
        else:
            settings.color_management = "FOLLOW_SCENE"
        yield
