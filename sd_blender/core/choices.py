# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request is chosen from: names, axes and limits. Without numpy, since Blender's start waits for them."""

from __future__ import annotations

from enum import Enum

STARTER_MODEL = "starter"
"""Model name of the small model that ships with the add-on; any other name is a folder in the diffusers layout."""

SCHEDULERS = (
    "DPM++ 2M",
    "DPM++ 2M Karras",
    "DPM++ 2M SDE",
    "DPM++ 2M SDE Karras",
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
    "TCD",
)
"""Schedulers by the names artists know, the default first."""

RENAMED_SCHEDULERS = {"DPM++ SDE": "DPM++ 2M SDE"}
"""What ours were called in files of the first format. Now DPM++ SDE is what it is elsewhere, the single-step solver."""

KARRAS = " Karras"
"""Ending of a scheduler's name that says its spacing."""

SPACINGS = ("auto", "leading", "trailing", "linspace", "karras", "exponential", "beta", "ays")
"""How the time steps are spread: as the model and the scheduler have it; evenly over time, in three ways (Lin et al.
2023, table 2); over noise levels (Karras et al. 2022); evenly over their logarithms; by a beta distribution (Lee et al.
2024); or by a published table (Align Your Steps, Sabour et al. 2024)."""

DISTILLED_SCHEDULERS = ("LCM", "TCD")
"""Those that take their steps from the schedule a model was distilled on."""

SPEEDS = ("exact", "fast")
"""Whether every step is computed wholly, or a part of it is reused and guidance begins later."""

MAX_CLIP_SKIP = 11
"""Of 12 layers, as the smallest text encoder of the published models has them."""

SEED_LIMIT = 2**64
"""Above the largest seed that a generator of torch takes."""


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
