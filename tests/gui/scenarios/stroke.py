# SPDX-License-Identifier: GPL-3.0-or-later
"""A brush stroke with the mouse held down, in the middle of which a result arrives."""

from __future__ import annotations

import bpy

from tests.gui import stage

SIDE = 256


def held() -> stage.Scenario:
    """The test holds the mouse down on the object, in the Image Editor, and on a sculpture."""
    engine = stage.scripted_engine()
    settings = stage.settings()
    settings.prompt, settings.steps, settings.width, settings.height = "mossy stone", 1, 32, 32
    settings.destination = "IMAGE"
    canvas = bpy.data.images.new("Canvas", SIDE, SIDE)
    paint = bpy.context.scene.tool_settings.image_paint
    paint.mode, paint.canvas = "IMAGE", canvas
    stage.split()
    space = stage.editors()["IMAGE_EDITOR"].spaces.active
    space.image, space.ui_mode = canvas, "PAINT"
    yield from stage.show("ready", brush=has_brush())
    for mode, editor in (
        ("TEXTURE_PAINT", "VIEW_3D"),
        ("TEXTURE_PAINT", "IMAGE_EDITOR"),
        ("SCULPT", "VIEW_3D"),
    ):
        enter(mode)
        yield from arrives(engine, f"{mode} {editor}", editor)


def arrives(engine, name: str, editor: str) -> stage.Scenario:
    before = len(bpy.data.images)
    engine.hold.clear()
    stage.submit()
    yield lambda: engine.requests
    yield from stage.show(f"hold {name}", at=middle(editor))
    yield tools
    engine.hold.set()
    yield lambda: stage.status().text.startswith("Waiting") or not stage.status().busy
    yield from stage.show(
        f"go on {name}", tools=tools(), text=stage.status().text, made=len(bpy.data.images) - before
    )
    yield lambda: not stage.status().busy
    yield from stage.show(
        f"done {name}", tools=tools(), made=len(bpy.data.images) - before, error=stage.status().error
    )
    engine.requests.clear()


def has_brush() -> bool:
    enter("TEXTURE_PAINT")
    return bpy.context.tool_settings.image_paint.brush is not None


def enter(mode: str) -> None:
    window, area = bpy.context.window_manager.windows[0], stage.editors()["VIEW_3D"]
    bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.object.mode_set(mode=mode)


def tools() -> list[str]:
    return [tool.bl_idname for tool in bpy.context.window_manager.windows[0].modal_operators]


def middle(editor: str) -> list[int]:
    window, area = bpy.context.window_manager.windows[0], stage.editors()[editor]
    region = next(region for region in area.regions if region.type == "WINDOW")
    return [region.x + region.width // 2, window.height - region.y - region.height // 2]
