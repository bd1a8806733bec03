# SPDX-License-Identifier: GPL-3.0-or-later
"""A mask that is painted with a real mouse, and what a real worker makes of it."""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np

from tests.gui import stage

SIDE = 128
FEATHER = 4


def paint() -> stage.Scenario:
    """The test makes a mask with one click, paints, presses the buttons, undoes, and generates."""
    stage.name_engine()
    settings = stage.settings()
    settings.prompt, settings.steps, settings.seed, settings.lock_seed = "mossy stone", 6, 7, True
    settings.task, settings.source, settings.source_image = "INPAINT", "IMAGE", grey_noise()
    settings.feather = FEATHER
    yield from stage.open_sidebars()
    editor = stage.editors()["IMAGE_EDITOR"]
    editor.spaces.active.image = settings.source_image
    editor.spaces.active.show_region_ui = False
    yield from stage.click("new mask", "sdb.new_mask", lambda: settings.mask_image)
    space = editor.spaces.active
    yield lambda: space.image == settings.mask_image and space.ui_mode == "PAINT"
    brush = bpy.context.tool_settings.image_paint.brush
    yield from stage.show("empty mask", canvas=canvas(), white=white(), brush=brush is not None)
    yield from stroke("first stroke")
    first = levels()
    yield from stage.show("painted", canvas=canvas(), mask=first.mean(axis=0).tolist())
    yield from stage.click("expand", "mask_expand(pixels=8)", lambda: white() > (first > 127).sum())
    expanded = levels()
    yield from stage.click("shrink", "mask_expand(pixels=-8)", lambda: white() < (expanded > 127).sum())
    shrunk = levels()
    yield from stroke("second stroke")
    second = levels()
    yield from stage.click("invert", "sdb.mask_invert()", shows(255 - second))
    yield from stage.show("inverted", canvas=canvas())
    yield from undo_and_redo(first, expanded, shrunk, second)
    yield from inpaint()


def stroke(name: str) -> stage.Scenario:
    before = levels()
    yield from stage.show(name, canvas=canvas())
    yield lambda: (levels() > before).sum() > 50 and not (levels() < before).any()
    yield stage.is_still(levels)  # the stroke has ended


def undo_and_redo(*states: np.ndarray) -> stage.Scenario:
    """The test presses Ctrl Z and Ctrl Shift Z: strokes and buttons go back one by one, and come again."""
    empty = np.zeros_like(states[0])
    for number, state in enumerate(reversed([empty, *states])):
        yield from stage.show(f"undo {number}", settle=0.3, canvas=canvas())
        yield shows(state)
    for number, state in enumerate(states[:2]):
        yield from stage.show(f"redo {number}", settle=0.3, canvas=canvas())
        yield shows(state)
    yield from stage.show("redone", canvas=canvas())


def inpaint() -> stage.Scenario:
    yield from stage.click("inpaint", "sdb.generate(", lambda: stage.status().busy)
    yield stage.texture
    stage.editors()["IMAGE_EDITOR"].spaces.active.image = stage.texture()
    np.savez(
        stage.folder / "inpainted.npz",
        source=stage.pixels(stage.settings().source_image),
        mask=levels(),
        result=stage.pixels(stage.texture()),
    )
    yield from stage.show("inpainted", feather=FEATHER, error=stage.status().error)
    stage.settings().source = "TEXTURE"
    stage.editors()[
        "IMAGE_EDITOR"
    ].spaces.active.image = stage.settings().mask_image  # over what was made in it
    yield from stage.show("outlined", canvas=canvas())
    yield from stroke("third stroke")
    yield from stage.show("filled again", canvas=canvas())


def grey_noise() -> bpy.types.Image:
    """Without a colour, so that the overlay's shows; no two pixels need be alike, so that a shifted one shows."""
    image = bpy.data.images.new("Wall", SIDE, SIDE)
    grey = np.random.default_rng(3).integers(60, 200, (SIDE, SIDE, 1)) / np.float32(255)
    rgba = np.concatenate([np.repeat(grey, 3, axis=2), np.ones_like(grey)], axis=2)
    image.pixels.foreach_set(rgba.astype(np.float32).ravel())
    image.pack()
    return image


def levels() -> np.ndarray:
    """uint8, height x width: the mask as it is now."""
    return stage.pixels(stage.settings().mask_image)[..., 0]


def white() -> int:
    return int((levels() > 127).sum())


def shows(state: np.ndarray) -> Callable[[], bool]:
    return lambda: np.array_equal(levels(), state)


def canvas() -> list[int]:
    """Where the image is on the screen: x, y of the top left corner, width, height."""
    window = bpy.context.window_manager.windows[0]
    area = stage.editors()["IMAGE_EDITOR"]
    region = next(region for region in area.regions if region.type == "WINDOW")
    left, bottom = region.view2d.view_to_region(0, 0, clip=False)
    right, top = region.view2d.view_to_region(1, 1, clip=False)
    return [int(region.x + left), int(window.height - region.y - top), int(right - left), int(top - bottom)]


def paint_on_the_mesh() -> stage.Scenario:
    """The test paints on the object, presses Expand, undoes it, does it again, and paints on."""
    settings = stage.settings()
    settings.task, settings.source, settings.source_image = "INPAINT", "IMAGE", grey_noise()
    stage.split()
    stage.editors()["IMAGE_EDITOR"].spaces.active.image = settings.source_image
    press("new_mask")
    enter_texture_paint()
    brush = bpy.context.tool_settings.image_paint.brush
    yield from stage.show("ready", brush=brush is not None)
    yield from stroke_on_the_mesh("first stroke")
    first = levels()
    press("mask_expand")
    bpy.ops.ed.undo_push(message="Expand Mask")
    expanded = levels()
    yield from stage.show("undo", at=middle())
    yield shows(first)
    yield from stage.show("redo", at=middle())
    yield shows(expanded)
    yield from stroke_on_the_mesh("second stroke")
    paint = bpy.context.scene.tool_settings.image_paint
    yield from stage.show(
        "painted",
        mask=stage.settings().mask_image.name,  # undo has made the scene anew
        canvas=paint.canvas.name,
        editor=stage.editors()["IMAGE_EDITOR"].spaces.active.image.name,
        more=int((levels() > expanded).sum()),
        masks=sum("Mask" in image.name for image in bpy.data.images),
    )


def stroke_on_the_mesh(name: str) -> stage.Scenario:
    before = levels()
    yield from stage.show(name, at=middle())
    yield lambda: (levels() > before).sum() > 50
    yield stage.is_still(levels)


def press(button: str) -> None:
    window, area = bpy.context.window_manager.windows[0], stage.editors()["VIEW_3D"]
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        getattr(bpy.ops.sdb, button)()


def enter_texture_paint() -> None:
    window, area = bpy.context.window_manager.windows[0], stage.editors()["VIEW_3D"]
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        if bpy.context.mode != "PAINT_TEXTURE":
            bpy.ops.object.mode_set(mode="TEXTURE_PAINT")
    area.spaces.active.region_3d.view_distance = 6.0


def middle() -> list[int]:
    window, area = bpy.context.window_manager.windows[0], stage.editors()["VIEW_3D"]
    region = next(region for region in area.regions if region.type == "WINDOW")
    return [region.x + region.width // 2, window.height - region.y - region.height // 2]
