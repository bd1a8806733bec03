# SPDX-License-Identifier: GPL-3.0-or-later
"""Why Generate is grey, for the panel: who never rests the mouse on a grey button reads no tooltip."""

from __future__ import annotations

import bpy

from ..core.errors import SDBlenderError
from . import late, tools

with late.imports():
    from . import build_request


def reason(context: bpy.types.Context, destination: str = "") -> str:
    """A sentence, or "" where Generate is not grey, or only as long as a tool is in the artist's hand.

    destination: instead of what the settings say.
    """
    if tools.in_hand():
        return ""
    try:
        build_request.refuse_early(context, destination=destination)
    except SDBlenderError as error:
        return str(error)
    return ""
