# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture so far, while it is made: an icon for the panels, and in a corner of each Image Editor.

It is no datablock, so that nothing of it is saved, undone, or shown on an object by mistake. A window is needed for
both; in background mode all of this does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
import bpy.utils.previews

from .. import guard, lifecycle
from ..properties import status

if TYPE_CHECKING:
    import numpy as np

    from ...core.request import ImageArray

NAME = "live"
SHARE = 0.35
"""Of the smaller side of the Image Editor."""
MARGIN = 20

_previews: bpy.utils.previews.ImagePreviewCollection | None = None
_handle: Any = None
_shown: ImageArray | None = None
_texture: Any = None


def show(picture: ImageArray | None) -> None:
    """Show a picture (uint8, h x w x 3, a few thousand pixels) from now on; the same one again costs nothing."""
    global _shown, _texture
    if picture is _shown or _previews is None or bpy.app.background:
        return
    if picture is None:
        clear()
        return
    _shown, _texture = picture, None
    _previews.clear()
    preview = _previews.new(NAME)
    height, width = picture.shape[:2]
    preview.image_size = width, height
    preview.image_pixels_float.foreach_set(_rgba(picture).ravel())
    status.preview_icon = preview.icon_id


def clear() -> None:
    global _shown, _texture
    _shown = _texture = None
    status.preview_icon = 0


def _rgba(picture: ImageArray) -> np.ndarray:
    """As Blender reads pixels: float, RGBA, the lowest row first."""
    import numpy as np  # late: Blender starts without it

    rgba = np.ones((*picture.shape[:2], 4), np.float32)
    rgba[..., :3] = picture[::-1, :, :3] / np.float32(255)
    return rgba


_drawing = guard.LoggedOnce("drawing the preview")


def _draw() -> None:
    """In the space of an Image Editor's window, in pixels."""
    if _shown is None or _is_rendering_into(bpy.context.space_data):
        return
    with _drawing:
        from gpu_extras.presets import draw_texture_2d  # late: without a window there is no gpu

        region = bpy.context.region
        height, width = _shown.shape[:2]
        side = SHARE * min(region.width, region.height)
        scale = side / max(width, height)
        draw_texture_2d(_make_texture(), (MARGIN, MARGIN), width * scale, height * scale)


def _is_rendering_into(space: bpy.types.Space) -> bool:
    """Whether the editor shows a render that is being made, of which nothing may be covered."""
    image = getattr(space, "image", None)
    return image is not None and image.type == "RENDER_RESULT" and lifecycle.busy_with() is not None


def _make_texture() -> Any:
    """The texture of the shown picture, made once for all editors; only while drawing is there a context for it."""
    global _texture
    if _texture is None:
        import gpu

        pixels = _rgba(_shown)
        buffer = gpu.types.Buffer("FLOAT", pixels.size, pixels.ravel())
        _texture = gpu.types.GPUTexture(pixels.shape[1::-1], format="RGBA16F", data=buffer)
    return _texture


def register() -> None:
    global _previews, _handle
    _previews = bpy.utils.previews.new()
    if not bpy.app.background:
        _handle = bpy.types.SpaceImageEditor.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL")


def unregister() -> None:
    global _previews, _handle
    clear()
    if _handle is not None:
        bpy.types.SpaceImageEditor.draw_handler_remove(_handle, "WINDOW")
        _handle = None
    previews, _previews = _previews, None
    if previews is not None:
        bpy.utils.previews.remove(previews)
