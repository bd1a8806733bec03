# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request is chosen from: names, axes and limits. Without numpy, since Blender's start waits for them."""

from __future__ import annotations

from enum import Enum

STARTER_MODEL = "starter"
"""Model name of the small model that ships with the add-on; any other name is a folder in the diffusers layout."""

SCHEDULERS = (
    "DPM++ 2M",
    "DPM++ 2M Karras",
    "DPM++ SDE",
    "Euler",
    "Euler a",
    "DDIM",
    "DDPM",
    "UniPC",
    "Heun",
    "LMS",
    "PNDM",
    "DPM2",
    "DEIS",
    "LCM",
)
"""Schedulers by the names artists know, the default first."""

SEED_LIMIT = 2**63


class Tiling(str, Enum):
    """The axes along which the result repeats without a seam."""

    OFF = "off"
    X = "x"
    Y = "y"
    BOTH = "both"

    @property
    def wraps_x(self) -> bool:
        return self in (Tiling.X, Tiling.BOTH)

    @property
    def wraps_y(self) -> bool:
        return self in (Tiling.Y, Tiling.BOTH)

    @classmethod
    def of(cls, *, x: bool, y: bool) -> Tiling:
        return cls.BOTH if x and y else cls.X if x else cls.Y if y else cls.OFF


MIN_SIDE, MAX_SIDE = 16, 8192
"""Pixels of a canvas."""
