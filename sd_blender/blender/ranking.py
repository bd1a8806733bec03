# SPDX-License-Identifier: GPL-3.0-or-later
"""Best of N: how many of the textures are kept, and by what they are judged."""

from __future__ import annotations

from typing import Any

from . import preferences
from .source import capture


def values(settings: Any) -> dict[str, Any]:
    """The fields of the request. The CLIP is never the scene's: a stranger's .blend could send what it likes to read.

    Raises BlenderStateError for a reference whose pixels cannot be had.
    """
    keep = min(settings.keep, settings.count) if settings.count > 1 else 0
    reference = settings.reference if keep else None
    is_needed = keep or settings.clip_guidance_scale
    return {
        "keep": keep,
        "reference": None if reference is None else capture.image_pixels(reference),
        "clip": preferences.read().clip_folder if is_needed else "",
    }
