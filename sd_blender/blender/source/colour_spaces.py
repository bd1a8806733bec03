# SPDX-License-Identifier: GPL-3.0-or-later
"""What the values of an image look like, whatever colour space Blender holds them in.

No colour space is written down here. Blender says what the primaries of its working space are, and reads 8-bit pixels
of any other space as it reads a file of 16 bits in that space.
"""

from __future__ import annotations

import dataclasses

import bpy
import numpy as np
from mathutils import Color

from ...core import png
from ...core.errors import BlenderStateError
from ...core.pixels import FloatArray, SceneLinear
from ...core.sentence import Sentence

SRGB = "sRGB"
UNPACKED_ALPHA = ("STRAIGHT", "PREMUL")
"""Alpha modes that say how transparent a colour is; Blender multiplies float colours by such an alpha."""


def of_floats(image: bpy.types.Image) -> SceneLinear | None:
    """What the values of a float image are; None for data."""
    if image.colorspace_settings.is_data:
        return None
    return SceneLinear(image.alpha_mode in UNPACKED_ALPHA, to_rec709())


def of_a_mask(image: bpy.types.Image) -> SceneLinear | None:
    """What the values of a float image are where the stored ones are wanted: of 16 bits sRGB, of an EXR linear."""
    linear = of_floats(image)
    was_linear = image.colorspace_settings.name.startswith(("Linear", "ACES", "scene_linear"))
    return linear and dataclasses.replace(linear, encode=not was_linear)


def to_rec709() -> FloatArray | None:
    """The working space of this file in linear Rec.709, see :class:`SceneLinear`; up to 4.5 there is but one."""
    rows = [Color(axis).from_scene_linear_to_rec709_linear() for axis in np.eye(3)]
    matrix = np.array([tuple(row) for row in rows], np.float32)
    return None if np.allclose(matrix, np.eye(3), atol=1e-4) else matrix


def looks_as_stored(image: bpy.types.Image) -> bool:
    """Whether the stored values of a byte image are what an editor shows."""
    space = image.colorspace_settings
    return space.is_data or space.name == SRGB


def scene_linear(image: bpy.types.Image, values: FloatArray, width: int, height: int) -> FloatArray:
    """Scene-linear flat RGBA, not premultiplied, for the stored flat RGBA of a byte image. Raises BlenderStateError."""
    rgba = values.reshape(height, width, 4)
    stored = np.rint(np.clip(rgba[..., :3], 0, 1) * np.float32(255)).astype(np.uint8)
    data = png.encode_16_bits(stored[::-1])
    reader = bpy.data.images.new("Color Space", 1, 1)
    try:
        reader.source = "FILE"
        reader.filepath_raw = "//color_space.png"
        reader.pack(data=data, data_len=len(data))
        reader.colorspace_settings.name = image.colorspace_settings.name
        if tuple(reader.size) != (width, height) or not reader.is_float:
            raise BlenderStateError(
                Sentence(
                    'Blender could not convert "{name}" from {name2}; save it as sRGB.',
                    name=image.name,
                    name2=image.colorspace_settings.name,
                )
            )
        converted = np.empty(width * height * reader.channels, np.float32)
        reader.pixels.foreach_get(converted)
    finally:
        bpy.data.images.remove(reader)
    linear = rgba.copy()
    linear[..., :3] = converted.reshape(height, width, -1)[..., :3]
    return linear.ravel()
