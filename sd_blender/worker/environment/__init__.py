# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of the engine: a Python of its own with torch and diffusers, apart from Blender's.

``plan`` decides what to install (``variants``, ``locks``, ``pythons``), ``install`` does it (``owner``, ``build``,
``processes``), ``find`` knows what is there, ``health`` asks a Python whether it can run the engine, and ``diagnose``
writes all of it down. Nothing here imports bpy or torch.
"""

from __future__ import annotations

from . import find
from .build import Source
from .find import Installed, current_python
from .health import Health, check
from .install import install
from .plan import Plan, make_plan
from .processes import InstallCancelled
from .progress import Phase, Progress

__all__ = [
    "Health", "InstallCancelled", "Installed", "Phase", "Plan", "Progress", "Source", "check", "current_python",
    "find", "install", "make_plan",
]  # fmt: skip
