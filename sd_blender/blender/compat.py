# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Blender 4.2 to 5.2 differ: one function per difference, told apart by feature and never by version."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable

import bpy

RELATIVE = "PATH_SUPPORTS_BLEND_RELATIVE"


def enable_nodes(material: bpy.types.Material) -> None:
    """Give a material its node tree. From 5.0 every material has one, and asking warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if not material.use_nodes:
            material.use_nodes = True


def uses_nodes(material: bpy.types.Material) -> bool:
    """Whether the look of a material comes from its node tree; from 5.0 always."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return material.use_nodes


def disable_nodes(material: bpy.types.Material) -> None:
    """Have a material look as it does without its nodes; only for one of Blender up to 4.5 that did so before."""
    material.use_nodes = False


def set_file_format(settings: bpy.types.ImageFormatSettings, file_format: str) -> None:
    """Choose a format for still images; from 5.0 the medium comes first."""
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format = file_format


def set_paint_colour(scene: bpy.types.Scene, colour: tuple[float, float, float]) -> None:
    """Set the colour that the Image Editor and Texture Paint draw with; the unified settings moved in 5.0."""
    paint = scene.tool_settings.image_paint
    unified = getattr(paint, "unified_paint_settings", None) or scene.tool_settings.unified_paint_settings
    unified.color = colour
    if paint.brush is not None:  # there is none in background mode
        paint.brush.color = colour


def colour_options(draw_texture: Callable[..., None], is_colour: bool) -> dict[str, bool]:
    """How to tell ``draw_texture_2d`` that the texture of an image holds colours; before 5.0 they need no word."""
    option = "is_scene_linear_with_rec709_srgb_target"
    return {option: is_colour} if option in inspect.signature(draw_texture).parameters else {}


def relative_path() -> set[str]:
    """The option of a path property that may begin with "//", where Blender asks for it."""
    return {RELATIVE} if "is_path_supports_blend_relative" in bpy.types.Property.bl_rna.properties else set()


def exit_handlers() -> list | None:
    """The handlers that run before Blender exits, from 5.1."""
    return getattr(bpy.app.handlers, "exit_pre", None)
