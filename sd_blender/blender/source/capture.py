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
from ...core.pixels import OPAQUE, FloatArray, SceneLinear, from_blender, mask_from_blender
from ...core.request import ImageArray, MaskArray
from ...core.sentence import Sentence
from .. import compat, translation
from . import borrowed, colour_spaces

LEVEL = 1 / 255
CUT = 1 + LEVEL
"""Above it a value is really brighter than white."""

KEPT_VALUES = 4 * 1024**2
_kept: FloatArray = np.empty(0, np.float32)


def image_pixels(image: bpy.types.Image, colors: str = "DISPLAYED") -> ImageArray:
    """The pixels of an image datablock as they look, strokes not yet saved included; of a UDIM, its first tile.

    uint8, height x width x 3, or 4 where something is transparent; row 0 at the top; colours sRGB-encoded, data as an
    editor shows it, which is as it is. colors: of a render.
    """
    if image.type == "RENDER_RESULT":
        return render_result(bpy.context.scene, colors)
    values, width, height = _read(image)
    if image.is_float:
        return from_blender(values, width, height, linear=colour_spaces.of_floats(image))
    if colour_spaces.looks_as_stored(image):
        return from_blender(values, width, height)
    values = colour_spaces.scene_linear(image, values, width, height)
    return from_blender(values, width, height, linear=SceneLinear(to_rec709=colour_spaces.to_rec709()))


def not_taken(image: bpy.types.Image) -> str:
    """Sentences on what of an image :func:`image_pixels` leaves out, or ""."""
    tiles = ""
    if image.source == "TILED" and len(image.tiles) > 1:
        tiles = Sentence(
            'Of the {count} UDIM tiles of "{name}" only the first is taken.',
            count=len(image.tiles),
            name=image.name,
        )
    return Sentence.joined(" ", filter(None, (tiles, not_in_8_bits(image))))


def not_in_8_bits(image: bpy.types.Image) -> str:
    """A sentence on what :func:`image_pixels` cannot take over of an image of floats, or of a wider space, or ""."""
    if not image.is_float and colour_spaces.looks_as_stored(image):
        return ""
    values, width, height = _read(image)
    is_data = image.colorspace_settings.is_data
    if not image.is_float:
        values = colour_spaces.scene_linear(image, values, width, height)
    elif (linear := colour_spaces.of_floats(image)) is not None and linear.premultiplied:
        values = _straight(values)
    if values.max() > CUT or (is_data and values.min() < -LEVEL):
        return Sentence(
            '"{name}" has values that a texture of 8 bits cannot hold; what is outside 0 to 1 is cut.',
            name=image.name,
        )
    if is_data:
        return Sentence(
            '"{name}" has finer steps than a texture of 8 bits can hold; they are rounded.', name=image.name
        )
    return ""


def _straight(values: FloatArray) -> FloatArray:
    """Flat RGBA, no longer multiplied by alpha where that is large enough to be seen in 8 bits."""
    rgba = values.reshape(-1, 4).copy()
    alpha = rgba[:, 3:]
    np.divide(rgba[:, :3], alpha, out=rgba[:, :3], where=alpha >= LEVEL)
    return rgba.ravel()


def is_transparent(image: bpy.types.Image) -> bool:
    """Whether any pixel of an image is less than opaque. Raises BlenderStateError where it has none."""
    values, _, _ = _read(image)
    return image.alpha_mode != "NONE" and bool(values[3::4].min() < OPAQUE)


def stored_bytes(image: bpy.types.Image) -> ImageArray:
    """The bytes of an 8-bit image exactly as they are stored, for a result that must equal them where it may.

    uint8, height x width x 3 or 4, row 0 at the top.
    """
    if image.source == "TILED":
        raise BlenderStateError(
            Sentence(
                '"{name}" has UDIM tiles, which cannot be inpainted together; choose a single image.',
                name=image.name,
            )
        )
    values, width, height = _read(image)
    if image.is_float:
        raise BlenderStateError(
            Sentence(
                '"{name}" is a float image and inpainting would cut it to 8 bits; use an 8-bit copy of it.',
                name=image.name,
            )
        )
    return from_blender(values, width, height)


def mask_pixels(image: bpy.types.Image) -> MaskArray:
    """The mask painted on an image: float32, height x width, 0..1, 1 = regenerate, row 0 at the top.

    The values are those that were stored, as of a file of 16 bits that Blender made linear.
    """
    values, width, height = _read(image)
    linear = colour_spaces.of_a_mask(image) if image.is_float else None
    return mask_from_blender(values, width, height, linear=linear)


@contextlib.contextmanager
def opened(path: str) -> Iterator[bpy.types.Image]:
    """An image file of this computer as a datablock that is gone afterwards. Raises BlenderStateError."""
    if not os.path.isfile(path):
        raise BlenderStateError(Sentence("There is no file {path}; choose another image file.", path=path))
    try:
        image = bpy.data.images.load(path)
    except RuntimeError as error:
        reason = translation.reported(error).rstrip(".")
        raise BlenderStateError(
            Sentence("{path} cannot be read ({reason}); choose another image file.", path=path, reason=reason)
        ) from error
    try:
        if 0 in image.size:  # asking is what loads the file; a broken one is no error of its own
            if image.type == "MULTILAYER":
                raise BlenderStateError(why_no_pixels(image))
            raise BlenderStateError(
                Sentence("{path} is no image that Blender can read; choose another file.", path=path)
            )
        yield image
    finally:
        bpy.data.images.remove(image)


def render_result(scene: bpy.types.Scene, colors: str = "DISPLAYED") -> ImageArray:
    """The Render Result, of several views the first; its datablock never shows its pixels."""
    result = next((image for image in bpy.data.images if image.type == "RENDER_RESULT"), None)
    with tempfile.TemporaryDirectory(prefix="sd_blender_") as folder, _png_settings(scene, colors):
        if result is not None:
            # Of several views each has a file of its own name, and that the plain name has none is an error then; but
            # a datablock from an earlier session has no picture in it.
            with contextlib.suppress(RuntimeError):
                result.save_render(str(Path(folder, "render.png")), scene=scene)
        written = _written(scene, Path(folder))
        if written is None:
            raise BlenderStateError("There is no render yet; render the image (F12) or use New Render.")
        try:
            return _load(str(written))
        except BlenderStateError as error:
            raise BlenderStateError(
                Sentence(
                    "The render could not be written to {folder}; free some disk space there.", folder=folder
                )
            ) from error


def _written(scene: bpy.types.Scene, folder: Path) -> Path | None:
    """The picture that was saved in an empty folder, of several views that of the first one in use."""
    pictures = sorted(folder.iterdir())
    for view in scene.render.views:
        for picture in pictures:
            if view.use and picture.stem.endswith(view.file_suffix):
                return picture
    return pictures[0] if pictures else None


def render_now(scene: bpy.types.Scene, colors: str = "DISPLAYED") -> ImageArray:
    """Render the scene, which replaces the Render Result, and return that. Blocks until it is done."""
    check_can_render(scene)
    try:
        bpy.ops.render.render(scene=scene.name)
    except RuntimeError as error:
        reason = translation.reported(error).splitlines()[0].rstrip(".")
        raise BlenderStateError(
            Sentence("The render failed ({reason}); render the image (F12) to see why.", reason=reason)
        ) from error
    return render_result(scene, colors)


def check_can_render(scene: bpy.types.Scene) -> None:
    """Raise BlenderStateError when a render would fail, without trying it."""
    if scene.camera is None:
        raise BlenderStateError(
            Sentence('Scene "{name}" has no camera to render with; add one.', name=scene.name)
        )


def _read(image: bpy.types.Image) -> tuple[FloatArray, int, int]:
    """Flat RGBA values until the next call, width and height; asking for the size is what loads an image's file."""
    width, height = image.size
    if width == 0 or height == 0 or not image.has_data:
        raise BlenderStateError(why_no_pixels(image))
    channels = image.channels
    values = _buffer(width * height * channels)
    image.pixels.foreach_get(values)
    return (values if channels == 4 else _to_rgba(values, channels)), width, height


def why_no_pixels(image: bpy.types.Image) -> str:
    """What is told of an image without pixels, by what it is."""
    path = bpy.path.abspath(image.filepath, library=image.library)
    if image.type == "MULTILAYER":
        return Sentence(
            'Image "{name}" has several layers, which Blender shows but gives no pixels of; open it '
            "in an Image Editor, choose a layer, save that as a PNG file, and choose this.",
            name=image.name,
        )
    if image.source == "VIEWER":
        return Sentence(
            'Image "{name}" has no pixels yet; let the compositor run or choose another one.', name=image.name
        )
    if image.source in ("MOVIE", "SEQUENCE"):
        return Sentence(
            'Image "{name}" has no picture at this frame; save a frame as an image and choose that.',
            name=image.name,
        )
    if image.source == "TILED":
        return Sentence(
            'Image "{name}" has no pixels in its first UDIM tile; fill that or choose another one.',
            name=image.name,
        )
    if image.packed_file is None and path and not os.path.exists(path):
        return Sentence(
            'Image "{name}" has no pixels, since its file is gone ({path}); find it or choose another one.',
            name=image.name,
            path=path,
        )
    return Sentence(
        'Image "{name}" has no pixels that Blender can read; choose another one.', name=image.name
    )


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


def _load(path: str) -> ImageArray:
    with opened(path) as image:
        return from_blender(*_read(image))


@contextlib.contextmanager
def _png_settings(scene: bpy.types.Scene, colors: str = "DISPLAYED") -> Iterator[None]:
    """Output settings for an 8-bit PNG with these colors; the artist's come back in any case."""
    settings = scene.render.image_settings
    with contextlib.ExitStack() as stack:
        stack.enter_context(borrowed.kept(settings))
        compat.set_file_format(settings, "PNG")
        settings.color_mode, settings.color_depth, settings.compression = "RGBA", "8", 0
        settings.views_format = "INDIVIDUAL"  # no picture in red and cyan
        on_srgb = scene.display_settings.display_device == borrowed.SRGB
        if colors == "STANDARD" or not on_srgb:
            # To override is to take over the scene's settings first.
            stack.enter_context(borrowed.kept(settings.display_settings))
            stack.enter_context(borrowed.kept(settings.view_settings, borrowed.STANDARD))
            settings.color_management = "OVERRIDE"
            view = borrowed.standard_view if colors == "STANDARD" else borrowed.srgb_display
            stack.enter_context(view(settings))
        else:
            settings.color_management = "FOLLOW_SCENE"
        yield
