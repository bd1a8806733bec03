# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bytes of a picture stand for: fixed where the picture is read, and put on the datablock of the result.

An engine gives back 8 bits of what it was given: colours as they look, sRGB-encoded, or data as they are.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import bpy

KEPT_ALPHA = ("CHANNEL_PACKED", "NONE")
"""Alpha modes that hold for the file of a result too; the others say how a file was written, and ours are straight."""


@dataclass(frozen=True)
class Encoding:
    """space: the colour space by its name, "" for that of an 8-bit picture on a screen. alpha_mode: as Blender has it.

    lost: a sentence on what of the source these bytes cannot hold, or "".
    """

    space: str = ""
    alpha_mode: str = "STRAIGHT"
    lost: str = ""

    @classmethod
    def as_stored(cls, image: bpy.types.Image) -> Encoding:
        """Of bytes that are taken as an image holds them."""
        alpha_mode = image.alpha_mode if image.alpha_mode in KEPT_ALPHA else "STRAIGHT"
        return cls(image.colorspace_settings.name, alpha_mode)

    @classmethod
    def as_it_looks(cls, image: bpy.types.Image, lost: str = "") -> Encoding:
        """Of bytes that show what an image looks like: data stays data, and any colour is sRGB-encoded."""
        stored = cls.as_stored(image)
        return cls(data_space(image), stored.alpha_mode, lost)

    def at(self, shown: bpy.types.Image | None, *, is_color: bool = False) -> Encoding:
        """The same bytes where ``shown`` is shown now: whoever put that there knows what is read from it.

        is_color: whether colours are expected there when nothing is.
        """
        if shown is None and not is_color:
            return self
        return dataclasses.replace(self, space=data_space(shown))

    def put_on(self, image: bpy.types.Image) -> None:
        """Tag the image of a result."""
        if self.space:
            image.colorspace_settings.name = self.space
        image.alpha_mode = self.alpha_mode


AS_ON_SCREEN = Encoding()


def data_space(image: bpy.types.Image | None) -> str:
    """The colour space of an image of data, "" for one of colours, or none."""
    return image.colorspace_settings.name if image is not None and image.colorspace_settings.is_data else ""
