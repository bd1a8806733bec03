# SPDX-License-Identifier: GPL-3.0-or-later
"""The mask over the picture in the Image Editor, and the picture beneath the mask while that is painted on.

Drawn from the textures that Blender keeps of both images on the graphics card: nothing is read, strokes show at once,
and no datablock is made. Colour is not the only sign: the mask is hatched and its border outlined. Over what was made
in it, the border is all that is drawn, until the next stroke. Without a window all of this does nothing.
"""

from __future__ import annotations

from typing import Any

import bpy

from ...core.errors import SDBlenderError
from .. import compat, guard, in_use, late
from . import painting
from . import status as mask_status

with late.imports():
    from .. import build_request

COLOUR = (1.0, 0.35, 0.1)
STRENGTH = 0.45
"""Opacity between the lines of the hatching where the mask is white."""

VERTEX = """
void main() {
  at = corner;
  gl_Position = vec4(mix(rectangle.xy, rectangle.zw, corner), 0.0, 1.0);
}
"""
FRAGMENT = """
float level(vec2 place) {
  vec4 value = texture(mask, place);
  return (value.r + value.g + value.b) / 3.0 * value.a;
}

void main() {
  float here = level(at);
  vec2 across = vec2(dFdx(at.x), 0.0), up = vec2(0.0, dFdy(at.y));
  float low = min(min(level(at - across), level(at + across)), min(level(at - up), level(at + up)));
  float border = here >= 0.5 && low < 0.5 ? 1.0 : 0.0;
  float line = mod(gl_FragCoord.x + gl_FragCoord.y, 12.0) < 2.0 ? 0.3 : 0.0;
  vec3 edge = mix(tint.rgb, vec3(1.0), filled);
  colour = vec4(mix(tint.rgb, edge, border), max(here * filled * (tint.a + line), border));
}
"""

_handle: Any = None
_shader: Any = None
_drawing = guard.LoggedOnce("drawing the mask")


def _draw() -> None:
    """In the space of an Image Editor's window, in pixels."""
    with _drawing:
        context = bpy.context
        image = context.space_data.image
        beneath, mask = _shown(context, image)
        if mask is None:
            return
        mask_status.painting_on(image)
        view = context.region.view2d
        left, bottom = view.view_to_region(0, 0, clip=False)
        right, top = view.view_to_region(1, 1, clip=False)
        if beneath is not None:
            _draw_picture(beneath, left, bottom, right, top)
        size = context.region.width, context.region.height
        is_filled = not mask_status.is_done(mask, beneath or image)
        draw_mask(_texture_of(mask), (left, bottom, right, top), size, is_filled)


def _shown(
    context: bpy.types.Context, image: bpy.types.Image | None
) -> tuple[bpy.types.Image | None, bpy.types.Image | None]:
    """What to draw over an editor that shows ``image``: a picture first, and a mask on it. None for nothing."""
    settings = context.scene.sd_blender
    if image is None or not settings.show_mask or settings.task != "INPAINT":
        return None, None
    try:
        mask = build_request.find_mask(context)
        source = None
        if in_use.source(context) not in build_request.NO_DATABLOCK:
            source = build_request.find_source(context)
    except SDBlenderError:
        return None, None
    if image == mask:
        return (source, mask) if source not in (None, mask) and _fits(source, mask) else (None, None)
    is_source = image == source or (source is None and image.type == "RENDER_RESULT")
    return (None, mask) if is_source and _fits(image, mask) else (None, None)


def _fits(image: bpy.types.Image, mask: bpy.types.Image) -> bool:
    size = tuple(mask.size)  # asking is what loads an image that is not shown anywhere
    return 0 not in size and image.source != "TILED" and _size_of(image) == size


def _size_of(image: bpy.types.Image) -> tuple[int, int]:
    if image.type != "RENDER_RESULT":  # which says 0
        return tuple(image.size)
    return painting.rendered_size(bpy.context.scene)


def _texture_of(image: bpy.types.Image) -> Any:
    import gpu  # late: without a window there is none

    return gpu.texture.from_image(image)


def _draw_picture(image: bpy.types.Image, left: float, bottom: float, right: float, top: float) -> None:
    from gpu_extras.presets import draw_texture_2d

    is_colour = not image.colorspace_settings.is_data
    draw_texture_2d(
        _texture_of(image),
        (left, bottom),
        right - left,
        top - bottom,
        **compat.colour_options(draw_texture_2d, is_colour),
    )


def draw_mask(
    texture: Any,
    rectangle: tuple[float, float, float, float],
    region: tuple[float, float],
    is_filled: bool = True,
) -> None:
    """Draw a mask over what is there.

    rectangle: left, bottom, right and top in pixels from the lower left corner of a region of width x height pixels.
    is_filled: else only its border, in the colour of the mask.
    """
    import gpu
    from gpu_extras.batch import batch_for_shader

    width, height = region
    scale = (2 / width, 2 / height, 2 / width, 2 / height)
    shader = _make_shader()
    shader.uniform_sampler("mask", texture)
    shader.uniform_float("rectangle", [side * by - 1 for side, by in zip(rectangle, scale, strict=True)])
    shader.uniform_float("tint", (*COLOUR, STRENGTH))
    shader.uniform_float("filled", float(is_filled))
    batch = batch_for_shader(shader, "TRI_STRIP", {"corner": [(0, 0), (1, 0), (0, 1), (1, 1)]})
    gpu.state.blend_set("ALPHA")
    batch.draw(shader)
    gpu.state.blend_set("NONE")


def _make_shader() -> Any:
    """The shader, made once; only while drawing is there a context for it."""
    global _shader
    if _shader is None:
        import gpu

        passed = gpu.types.GPUStageInterfaceInfo("sdb_mask")
        passed.smooth("VEC2", "at")
        info = gpu.types.GPUShaderCreateInfo()
        info.vertex_in(0, "VEC2", "corner")
        info.vertex_out(passed)
        info.sampler(0, "FLOAT_2D", "mask")
        info.push_constant("VEC4", "rectangle")
        info.push_constant("VEC4", "tint")
        info.push_constant("FLOAT", "filled")
        info.fragment_out(0, "VEC4", "colour")
        info.vertex_source(VERTEX)
        info.fragment_source(FRAGMENT)
        _shader = gpu.shader.create_from_info(info)
    return _shader


def register() -> None:
    global _handle
    if not bpy.app.background:
        _handle = bpy.types.SpaceImageEditor.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL")


def unregister() -> None:
    global _handle, _shader
    _shader = None
    if _handle is not None:
        bpy.types.SpaceImageEditor.draw_handler_remove(_handle, "WINDOW")
        _handle = None
