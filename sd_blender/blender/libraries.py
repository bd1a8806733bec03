# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the open file comes from another one: linked as it is, or with library overrides on top.

Blender takes a change of either without a word, and has forgotten it when the file is opened again. Of an override it
keeps some: the image in a node that was there, the material in a slot that was there. New nodes, links, slots, strokes
and properties of an add-on are lost. (Measured in Blender 4.2 to 5.2.)
"""

from __future__ import annotations

import bpy

from ..core.errors import BlenderStateError
from ..core.sentence import Sentence


def is_kept(datablock: bpy.types.ID) -> bool:
    """Whether whatever is changed in a datablock is saved with the open file."""
    return datablock.is_editable and datablock.override_library is None


def check_scene(scene: bpy.types.Scene) -> None:
    """Raise BlenderStateError for a scene that would lose its settings, its history and its canvas."""
    if not is_kept(scene):
        raise BlenderStateError(
            Sentence(
                'Scene "{name}" is linked from another file; make it local, or work in a scene of this file.',
                name=scene.name,
            )
        )
