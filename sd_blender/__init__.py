# SPDX-License-Identifier: GPL-3.0-or-later
"""SD Blender: Stable Diffusion textures inside Blender.

Layers, from the artist to the pixels: ``blender`` (bpy) -> ``core`` (plain Python) -> ``engine`` (torch).
This module imports none of them until Blender calls :func:`register`, so that every layer can be used alone.
"""


def register() -> None:
    from . import blender

    blender.register()


def unregister() -> None:
    from . import blender

    blender.unregister()
