# SPDX-License-Identifier: GPL-3.0-or-later
"""The mask over the Image Editor: when it is drawn, and, where Blender can draw without a window, how."""

from __future__ import annotations

import inspect

import bpy
import numpy as np
import pytest

from sd_blender.blender import compat, tools
from sd_blender.blender.masks import overlay as mask_overlay
from sd_blender.blender.masks import status as mask_status
from sd_blender.blender.properties import status
from tests.blender.conftest import base_color_image, change, generate, new_image, textured

pytestmark = pytest.mark.every_version

GREY = np.full((32, 48, 3), 128, np.uint8)


@pytest.fixture
def pair(settings):
    source, mask = new_image("Source", GREY), new_image("Mask", GREY)
    change(settings, task="INPAINT", source="IMAGE", source_image=source, mask_image=mask)
    return source, mask


def shown(image):
    return mask_overlay._shown(bpy.context, image)


def test_the_mask_over_the_source_and_the_source_beneath_the_mask(pair, settings):
    source, mask = pair
    assert shown(source) == (None, mask)
    assert shown(mask) == (source, mask)
    assert shown(new_image("Other", GREY)) == (None, None)
    assert shown(None) == (None, None)


def test_only_when_it_is_switched_on_fits_and_is_used(pair, settings):
    source, mask = pair
    settings.show_mask = False
    assert shown(source) == (None, None)
    change(settings, show_mask=True, task="IMAGE_TO_IMAGE")
    assert shown(source) == (None, None)
    change(settings, task="INPAINT", mask_image=new_image("Small", GREY[:16]))
    assert shown(source) == shown(settings.mask_image) == (None, None)
    settings.mask_image = None
    assert shown(source) == (None, None)
    change(settings, mask_image=mask, source_image=mask)
    assert shown(mask) == (None, None)


def test_a_mask_whose_pixels_are_not_loaded_counts(pair, settings):
    bpy.ops.sdb.mask_fill()
    source, mask = settings.source_image, settings.mask_image
    assert not mask.has_data
    assert shown(source) == (None, mask)


@pytest.fixture
def inpainted(plane, settings):
    """The mask and the picture that was made in it, which is the texture of the object now."""
    source, mask = new_image("Source", GREY), new_image("Mask", GREY)
    textured(plane, source)
    generate(task="INPAINT", source="TEXTURE", mask_image=mask)
    return mask, base_color_image(plane.active_material)


def test_what_was_made_in_the_mask_is_not_covered(inpainted):
    mask, result = inpainted
    assert shown(result) == (None, mask) and mask_status.is_done(mask, result)
    assert shown(mask) == (result, mask)
    other = new_image("Other", GREY)
    assert not mask_status.is_done(mask, other) and not mask_status.is_done(other, result)


def test_until_the_next_stroke_on_the_mask(inpainted, monkeypatch):
    mask, result = inpainted
    mask_status.painting_on(mask)  # as the editor is drawn while nobody paints
    assert mask_status.is_done(mask, result)
    monkeypatch.setattr(tools, "in_hand", lambda: "painting")
    mask_status.painting_on(result)
    assert mask_status.is_done(mask, result)
    mask_status.painting_on(mask)
    assert not mask_status.is_done(mask, result)


@pytest.mark.parametrize("change_it", [bpy.ops.sdb.mask_invert, bpy.ops.ed.undo], ids=["button", "undo"])
def test_or_until_the_mask_or_the_picture_may_be_another(inpainted, change_it):
    assert status.inpainted
    bpy.ops.ed.undo_push(message="Something else")
    change_it()
    assert not status.inpainted


def test_a_mask_for_a_render(pair, settings):
    render = bpy.context.scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = 96, 64, 50
    settings.source = "RENDER_RESULT"
    result = bpy.data.images.new("Render Result", 8, 8)
    assert shown(result) == (None, None)  # of that name, but no render
    assert shown(settings.mask_image) == (None, None)


@pytest.fixture
def screen():
    """A picture to draw on, where this Blender draws without a window."""
    import gpu

    if not hasattr(gpu, "init"):
        pytest.skip("this Blender draws in windows only")
    try:
        gpu.init()
        screen = gpu.types.GPUOffScreen(64, 48)
    except SystemError:
        pytest.skip("there is no OpenGL here")
    yield screen
    screen.free()


def drawn_over(screen, mask, **options):
    """A grey screen with a mask over the middle of it: height x width x 4."""
    import gpu

    rgba = np.dstack([mask] * 3 + [np.ones_like(mask)])
    buffer = gpu.types.Buffer("FLOAT", rgba.size, rgba.ravel())
    texture = gpu.types.GPUTexture((16, 16), format="RGBA16F", data=buffer)
    with screen.bind():
        frame = gpu.state.active_framebuffer_get()
        frame.clear(color=(0.2, 0.2, 0.2, 1.0))
        mask_overlay.draw_mask(texture, (0, 8, 64, 40), (64, 48), **options)
        return np.array(frame.read_color(0, 0, 64, 48, 4, 0, "FLOAT").to_list(), np.float32)


def test_it_is_hatched_and_outlined_over_the_mask_alone(screen):
    mask = np.zeros((16, 16), np.float32)
    mask[:, 8:] = 1.0
    drawn = drawn_over(screen, mask)
    changed = np.abs(drawn[..., :3] - 0.2).max(axis=2) > 0.02
    assert not changed[:8].any() and not changed[40:].any() and not changed[:, :28].any()
    assert changed[8:40, 36:].all()
    strength = drawn[10:38, 40:62, 0]
    assert len(np.unique(strength.round(2))) == 2  # between the lines of the hatching, and on them
    border = drawn[20, 28:40, :3]
    assert (border > 0.9).all(axis=1).any()  # white


def test_of_what_is_made_already_the_border_alone(screen):
    mask = np.zeros((16, 16), np.float32)
    mask[:, 8:] = 1.0
    drawn = drawn_over(screen, mask, is_filled=False)
    changed = np.abs(drawn[..., :3] - 0.2).max(axis=2) > 0.02
    assert changed[8:40, 28:40].any(axis=1).all() and not changed[:, 40:].any() and not changed[:, :28].any()
    border = drawn[20, 28:40, :3]
    assert np.abs(border - mask_overlay.COLOUR).max(axis=1).min() < 0.02  # seen on a white picture too


def test_this_blender_s_picture_can_be_told_how_to_draw_colours():
    """The word for it came with 5.0; an unknown one would end each drawing."""
    from gpu_extras.presets import draw_texture_2d

    signature = inspect.signature(draw_texture_2d)
    for is_colour in (False, True):
        signature.bind(None, (0, 0), 1, 1, **compat.colour_options(draw_texture_2d, is_colour))
    assert set(compat.colour_options(draw_texture_2d, True).values()) == (
        {True} if len(signature.parameters) > 4 else set()
    )
