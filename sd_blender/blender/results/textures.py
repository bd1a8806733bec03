# SPDX-License-Identifier: GPL-3.0-or-later
"""Results as image datablocks, which closing Blender does not lose.

The PNG file that the generation thread encoded is packed as it is, or loaded from the output folder. Measured at
1024 px in Blender 4.2 to 5.2, on the main thread: 0.5 ms, and 21 ms when the image is first shown; writing the pixels
and packing them takes 90 to 110 ms, and packing a file beside written pixels loses them at the next load.
"""

from __future__ import annotations

import contextlib

import bpy

from ...core.messages import GeneratedImage
from ...core.request import Inpaint, Request
from ...core.serialization import provenance
from ..encoding import Encoding
from . import naming
from .saving import KEYWORD, encode


def new_image(request: Request, picture: GeneratedImage, encoding: Encoding) -> bpy.types.Image:
    """A new datablock of a picture, named after its prompt, with its provenance as a custom property."""
    name = naming.datablock_name(request.prompt, "Inpaint" if isinstance(request, Inpaint) else "Texture")
    image = _load(picture.path) or _packed(request, picture)
    image.name = name
    image[KEYWORD] = picture.provenance or provenance(request, picture)
    encoding.put_on(image)
    return image


def _load(path: str) -> bpy.types.Image | None:
    """An image of a saved file; None when there is none, or when it went away since it was written."""
    if not path:
        return None
    if bpy.data.is_saved and bpy.context.preferences.filepaths.use_relative_paths:
        with contextlib.suppress(ValueError):  # on another drive
            path = bpy.path.relpath(path)
    try:
        return bpy.data.images.load(path)
    except RuntimeError:
        return None


def _packed(request: Request, picture: GeneratedImage) -> bpy.types.Image:
    data = picture.png or encode(request, picture)
    return packed_image(data, naming.file_name(request.prompt, picture.seed, data))


def packed_image(data: bytes, file_name: str) -> bpy.types.Image:
    """A new datablock of the PNG file ``data``, which Unpack puts beside the .blend as ``file_name``."""
    image = bpy.data.images.new("Texture", 1, 1)
    image.source = "FILE"  # before packing: the pixels of a generated image are made anew at each load
    image.filepath_raw = f"//{file_name}"
    image.pack(data=data, data_len=len(data))
    return image
