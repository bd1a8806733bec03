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
    from ..core import thumbnails

_previews: Any = None


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
    name = f"{zlib.crc32(thumbnail):08x}{len(thumbnail)}"
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


def register() -> None:
    """The first icon that is drawn makes the place for all."""


def unregister() -> None:
    global _previews
    previews, _previews = _previews, None
    if previews is not None:
        bpy.utils.previews.remove(previews)
