# SPDX-License-Identifier: GPL-3.0-or-later
"""No model makes alpha: where the alpha of the old image is used and the new one has none, the artist is told."""

from __future__ import annotations

import bpy

from ...core.errors import SDBlenderError
from ...core.sentence import Sentence
from ..source import capture


def lost(node: bpy.types.ShaderNodeTexImage, image: bpy.types.Image) -> str:
    """One sentence when ``image`` makes opaque what the node shows now, else ""."""
    old = node.image
    if old is None or not node.outputs["Alpha"].is_linked:
        return ""
    if not _is_transparent(old) or _is_transparent(image):
        return ""
    return Sentence(
        'The alpha of "{name}" is used by the shader, and the new texture is opaque; to keep it, '
        "start from that image with Image to Image.",
        name=old.name,
    )


def _is_transparent(image: bpy.types.Image) -> bool:
    try:
        return capture.is_transparent(image)
    except SDBlenderError:  # nothing can be seen of it
        return False
