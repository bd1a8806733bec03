# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of the engine: a Python of its own with torch and diffusers, apart from Blender's.

``plan`` decides what to install (``variants``, ``locks``, ``pythons``), ``install`` does it (``owner``, ``build``,
``processes``), ``find`` knows what is there, ``health`` asks a Python whether it can run the engine, and ``diagnose``
writes all of it down. Nothing here imports bpy or torch, and this module next to nothing: Blender waits for it.
"""

from __future__ import annotations

from .find import current_python

__all__ = ["current_python"]
