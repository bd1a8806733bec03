# SPDX-License-Identifier: GPL-3.0-or-later
"""Brush and buttons by turns: no stroke is lost to an undo, and editors show the mask that is in use.

Strokes here are pixels that change, of which Blender remembers nothing; real ones are undone in the tests of a window.
"""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from sd_blender.blender.masks import undo as mask_undo
from tests.blender.conftest import change, new_image, pixels_of

pytestmark = pytest.mark.every_version

GREY = np.full((32, 48, 3), 128, np.uint8)


@pytest.fixture
def mask(settings):
    """A black mask that is not painted on yet, shown in an Image Editor."""
    change(settings, task="INPAINT", source="IMAGE", source_image=new_image("Wall", GREY))
    bpy.ops.sdb.mask_clear()
    area = bpy.context.window_manager.windows[0].screen.areas[0]
    area.type = "IMAGE_EDITOR"
    area.spaces.active.image = used()
    bpy.ops.ed.undo_push(message="Clear Mask")
    return used()


def used():
    return bpy.context.scene.sd_blender.mask_image


def shown():
    area = bpy.context.window_manager.windows[0].screen.areas[0]
    return area.spaces.active.image


def paint(row, column):
    """As a stroke does: the pixels change and the packed file does not."""
    values = (pixels_of(used())[::-1] / np.float32(255)).astype(np.float32)
    values[31 - row, column] = 1.0
    used().pixels.foreach_set(values.ravel())


def white():
    return [tuple(map(int, at)) for at in np.argwhere(pixels_of(used())[..., 0] == 255)]


def press(button, **options):
    getattr(bpy.ops.sdb, button)(**options)
    bpy.ops.ed.undo_push(message=button)  # bpy.ops pushes none itself when called from a script


def test_buttons_without_strokes_in_between_share_one_image(mask):
    press("mask_fill")
    press("mask_invert")
    assert used() == mask
    assert [image.name for image in bpy.data.images] == ["Wall", "Wall Mask"]


def test_a_mask_with_strokes_stays_as_it_is_and_another_takes_its_place(mask):
    paint(2, 3)
    press("mask_expand", pixels=1)
    assert used() != mask and used().name == "Wall Mask.001"
    assert shown() == used()
    assert white() == [(1, 3), (2, 2), (2, 3), (2, 4), (3, 3)]
    paint(20, 20)
    press("mask_clear")
    assert used().name == "Wall Mask.002"


def test_undo_and_redo_go_through_strokes_and_buttons(mask):
    paint(2, 3)
    press("mask_invert")
    press("mask_invert")
    paint(20, 20)
    press("mask_fill")
    for whites in ([(2, 3), (20, 20)], 48 * 32 - 1, [(2, 3)]):
        bpy.ops.ed.undo()
        assert shown() == used()
        assert white() == whites if isinstance(whites, list) else len(white()) == whites
    for whites in (48 * 32 - 1, [(2, 3)], 48 * 32):
        bpy.ops.ed.redo()
        assert shown() == used()
        assert white() == whites if isinstance(whites, list) else len(white()) == whites


def test_strokes_are_put_back_that_an_undo_in_a_window_loses(mask):
    paint(2, 3)
    press("mask_invert")
    mask.buffers_free()  # in a window, undo of what follows a stroke reads the image anew
    bpy.ops.ed.undo()
    assert white() == [(2, 3)]


def test_strokes_that_were_saved_can_still_be_undone(mask, tmp_path):
    paint(2, 3)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "mask.blend"))
    assert not mask.is_dirty
    press("mask_invert")
    assert used() != mask


def test_an_editor_with_another_image_is_left_alone(mask):
    wall = bpy.data.images["Wall"]
    paint(2, 3)
    press("mask_invert")
    bpy.context.window_manager.windows[0].screen.areas[0].spaces.active.image = wall
    bpy.ops.ed.undo()
    assert shown().name == "Wall"


def test_another_file_has_nothing_of_it(mask):
    paint(2, 3)
    press("mask_invert")
    assert mask_undo._strokes and mask_undo._painted
    bpy.ops.wm.read_factory_settings(use_empty=True)
    assert not mask_undo._strokes and not mask_undo._painted


def canvas():
    return bpy.context.scene.tool_settings.image_paint.canvas


def test_strokes_go_into_the_mask_in_use_after_undo_and_redo(mask):
    """Undo leaves the canvas as it is: it would go on to be a mask that Generate ignores."""
    bpy.context.scene.tool_settings.image_paint.canvas = mask
    paint(2, 3)
    press("mask_expand", pixels=1)
    assert canvas() == used() != mask
    for step in (bpy.ops.ed.undo, bpy.ops.ed.redo, bpy.ops.ed.undo, bpy.ops.ed.redo):
        step()
        assert canvas() == used() and shown() == used()
    paint(20, 20)
    press("mask_clear")
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    assert canvas() == used() and used().name == "Wall Mask"
    bpy.ops.ed.redo()
    bpy.ops.ed.redo()
    assert canvas() == used() and used().name == "Wall Mask.002"


def test_whatever_else_shows_a_mask_of_ours_goes_along(mask):
    """As if it had been changed where it is: stencil, what is cloned, a node, another scene."""
    other = bpy.data.scenes.new("Other")
    material = bpy.data.materials.new("Mixed")
    if material.node_tree is None:
        material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    tools = bpy.context.scene.tool_settings.image_paint
    node.image = tools.stencil_image = tools.clone_image = other.sd_blender.mask_image = mask
    bpy.ops.ed.undo_push(message="Mixed")
    paint(2, 3)
    press("mask_expand", pixels=1)

    def uses():
        tools = bpy.context.scene.tool_settings.image_paint
        node = next(n for n in bpy.data.materials["Mixed"].node_tree.nodes if n.type == "TEX_IMAGE")
        return {
            tools.stencil_image.name,
            tools.clone_image.name,
            node.image.name,
            bpy.data.scenes["Other"].sd_blender.mask_image.name,
        }

    assert uses() == {"Wall Mask.001"}
    bpy.ops.ed.undo()
    assert uses() == {"Wall Mask"}
    bpy.ops.ed.redo()
    assert uses() == {"Wall Mask.001"}


def test_an_image_of_the_artists_that_was_the_mask_stays_where_it_is_used(settings):
    theirs = new_image("Theirs", GREY)
    change(settings, task="INPAINT", source="IMAGE", source_image=new_image("Wall", GREY), mask_image=theirs)
    tools = bpy.context.scene.tool_settings.image_paint
    tools.canvas = tools.stencil_image = theirs
    press("mask_invert")
    assert used() != theirs and canvas() == used()
    assert bpy.context.scene.tool_settings.image_paint.stencil_image == theirs


def test_undo_of_a_new_mask_brings_back_what_was_painted_on(settings, plane):
    wall = new_image("Wall", GREY)
    change(settings, task="INPAINT", source="IMAGE", source_image=wall)
    bpy.context.scene.tool_settings.image_paint.canvas = wall
    area = bpy.context.window_manager.windows[0].screen.areas[0]
    area.type = "IMAGE_EDITOR"
    area.spaces.active.image = wall
    bpy.ops.ed.undo_push(message="Before")
    press("new_mask")
    assert canvas() == shown() == used()
    bpy.ops.ed.undo()
    assert used() is None and canvas().name == shown().name == "Wall"
    bpy.ops.ed.redo()
    assert used() is not None and canvas() == shown() == used()
