# SPDX-License-Identifier: GPL-3.0-or-later
"""Thumbnails as icons of the interface, made when they are first drawn: opening a file costs nothing.

Blender keeps them while it runs; the pixels themselves are in the history of the .blend.
"""

from __future__ import annotations

import zlib
from typing import Any

import bpy
import bpy.utils.previews

from . import late

with late.imports():
    from ..core import pixels as pixel_format
    from ..core import request, thumbnails

LARGE = 256
"""Pixels of the longer side of a picture to judge by."""

MOST_LARGE = 64
"""Kept at a time, of 256 kB each."""

_previews: Any = None
_large: Any = None


def of(thumbnail: bytes) -> int:
    """The number of the icon, 0 for what is no thumbnail."""
    global _previews
    # There are no icons in background mode, and Blender 4.2 as a Python module crashes at exit once it had previews.
    if bpy.app.background:
        return 0
    if _previews is None:
        _previews = bpy.utils.previews.new()
    return _icon_in(_previews, thumbnail)


def _icon_in(previews: Any, thumbnail: bytes) -> int:
    name = _name(thumbnail)
    if name not in previews:
        _fill(previews.new(name), thumbnail)
    return previews[name].icon_id if previews[name].image_size[0] else 0


def _fill(preview: Any, thumbnail: bytes) -> None:
    if picture := thumbnails.read(thumbnail):
        width, height, pixels = picture
        # Rows of a list draw the one, the large thumbnail the other.
        preview.icon_size = preview.image_size = width, height
        preview.icon_pixels_float.foreach_set(pixels)
        preview.image_pixels_float.foreach_set(pixels)


def enlarge(thumbnail: bytes, pixels: request.ImageArray) -> None:
    """Have :func:`large` know the picture of a thumbnail in a size to judge it by."""
    if bpy.app.background:
        return
    global _large
    if _large is None:
        _large = bpy.utils.previews.new()
    name = _name(thumbnail)
    if name in _large:
        return
    while len(_large) >= MOST_LARGE:
        del _large[next(iter(_large))]
    small = thumbnails.shrink(pixels[..., :3], LARGE, samples=2)
    preview = _large.new(name)
    preview.icon_size = preview.image_size = small.shape[1::-1]
    values = pixel_format.to_blender(small)
    preview.icon_pixels_float.foreach_set(values)
    preview.image_pixels_float.foreach_set(values)


def large(thumbnail: bytes) -> int:
    """As :func:`of`, but larger where the picture was made since Blender started."""
    name = _name(thumbnail)
    return _large[name].icon_id if _large is not None and name in _large else of(thumbnail)


def _name(thumbnail: bytes) -> str:
    return f"{zlib.crc32(thumbnail):08x}{len(thumbnail)}"


def register() -> None:
    """The first icon that is drawn makes the place for all."""


def unregister() -> None:
    global _previews, _large
    made, _previews, _large = (_previews, _large), None, None
    for previews in made:
        if previews is not None:
            bpy.utils.previews.remove(previews)
