# SPDX-License-Identifier: GPL-3.0-or-later
"""Inpaint in the Image Editor: one button for the mask that is painted there."""

from __future__ import annotations

import contextlib

import bpy
import numpy as np
import pytest

from sd_blender.blender.masks import painting
from tests.blender.conftest import change, new_image, pixels_of

GREY = np.full((32, 32, 3), 128, np.uint8)


@contextlib.contextmanager
def image_editor(image):
    """As if the mouse were over an Image Editor that shows an image."""
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = "IMAGE_EDITOR"
    area.spaces.active.image = image
    with bpy.context.temp_override(window=window, area=area, region=area.regions[0]):
        yield


@pytest.fixture
def source(settings):
    source = new_image("Wall", GREY)
    change(
        settings, task="TEXT_TO_IMAGE", source="IMAGE", source_image=source, destination="IMAGE", feather=0
    )
    return source


def painted(name):
    """A mask of ours whose upper half is white."""
    mask = painting.new_mask(name, 32, 32)
    values = np.zeros((32, 32, 4), np.float32)
    values[16:] = 1
    mask.pixels.foreach_set(values.ravel())
    return mask


def test_the_mask_that_is_open_is_the_one(source, settings, engine):
    settings.mask_image = painted("Other")
    mine = painted("Mine")
    with image_editor(mine):
        assert bpy.ops.sdb.inpaint() == {"FINISHED"}
    assert (settings.task, settings.mask_source, settings.mask_image) == ("INPAINT", "IMAGE", mine)
    result = pixels_of(bpy.data.images["mossy stone"])[..., :3]
    np.testing.assert_array_equal(result[16:], GREY[16:])
    assert (result[:16] != GREY[:16]).any()


def test_with_the_picture_open_it_is_the_mask_of_the_scene(source, settings, engine):
    settings.mask_image = mask = painted("Mask")
    with image_editor(source):
        assert bpy.ops.sdb.inpaint() == {"FINISHED"}
    assert (settings.task, settings.mask_image) == ("INPAINT", mask)


def test_a_refusal_leaves_the_settings(source, settings, engine):
    empty = painting.new_mask("Empty", 32, 32)
    with image_editor(empty), pytest.raises(RuntimeError, match="mask"):
        bpy.ops.sdb.inpaint()
    assert settings.task == "TEXT_TO_IMAGE" and settings.mask_image is None and not engine.requests


def test_why_there_is_nothing_to_inpaint(source, settings):
    with image_editor(source):
        with pytest.raises(RuntimeError, match="No mask image is chosen; choose one or make a new mask"):
            bpy.ops.sdb.inpaint()
        settings.source_image = None
        with pytest.raises(RuntimeError, match="No source image is chosen"):
            bpy.ops.sdb.inpaint()
