# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's images and renders as arrays for a request. Refuses what has no pixels, changes nothing."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np

from ..core.errors import BlenderStateError
from ..core.pixels import FloatArray, from_blender, mask_from_blender
from ..core.request import ImageArray, MaskArray
from . import compat

KEPT_VALUES = 4 * 1024**2
_kept: FloatArray = np.empty(0, np.float32)


def image_pixels(image: bpy.types.Image) -> ImageArray:
    """The pixels of an image datablock as they look, strokes not yet saved included; of a UDIM, its first tile.

    uint8, height x width x 3, or 4 where something is transparent; row 0 at the top, sRGB-encoded.
    """
    if image.type == "RENDER_RESULT":
        return render_result(bpy.context.scene)
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


def render_result(scene: bpy.types.Scene) -> ImageArray:
    """The Render Result as it is displayed, view transform included; its datablock never shows its pixels."""
    result = bpy.data.images.get("Render Result")
    with tempfile.TemporaryDirectory(prefix="sd_blender_") as folder, _png_settings(scene):
        path = Path(folder, "render.png")
        try:
            if result is not None:
                result.save_render(str(path), scene=scene)
        except RuntimeError:
            result = None  # there is a datablock from an earlier session, but no picture in it
        if result is None or not path.exists():
            raise BlenderStateError("There is no render yet; render the image (F12) or use New Render.")
        return _load(path)


def render_now(scene: bpy.types.Scene) -> ImageArray:
    """Render the scene, which replaces the Render Result, and return it as displayed. Blocks until it is done."""
    check_can_render(scene)
    try:
        bpy.ops.render.render(scene=scene.name)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0].removeprefix("Error: ").rstrip(".")
        raise BlenderStateError(
            f"The render failed ({reason}); render the image (F12) to see why."
        ) from error
    return render_result(scene)


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


def _load(path: Path) -> ImageArray:
    image = bpy.data.images.load(str(path))
    try:
        return from_blender(*_read(image), linear=False)
    finally:
        bpy.data.images.remove(image)


@contextlib.contextmanager
def _png_settings(scene: bpy.types.Scene) -> Iterator[None]:
    """Output settings for an 8-bit PNG with the scene's own view transform; the artist's come back in any case."""
    settings = scene.render.image_settings
    before = {
        p.identifier: getattr(settings, p.identifier) for p in settings.bl_rna.properties if not p.is_readonly
    }
    try:
        compat.set_file_format(settings, "PNG")
        settings.color_mode, settings.color_depth, settings.compression = "RGBA", "8", 0
        settings.color_management = "FOLLOW_SCENE"
        yield
    finally:
        # In the order Blender lists them: medium and format first, what depends on them after.
        for name, value in before.items():
            # A value may have gone meanwhile, such as a view of a colour configuration; the others still come back.
            with contextlib.suppress(TypeError):
                setattr(settings, name, value)
