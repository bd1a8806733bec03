# SPDX-License-Identifier: GPL-3.0-or-later
"""A painted mask in, the masked part made anew, the rest untouched to the last bit."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from tests.blender.conftest import base_color_image, change, generate, new_image, pixels_of, textured

pytestmark = pytest.mark.every_version

RNG = np.random.default_rng(3)
NOISE = RNG.integers(0, 256, (32, 48, 3), dtype=np.uint8)


def mask_array(height=32, width=48):
    """White in a corner that no flip maps on itself."""
    mask = np.zeros((height, width, 3), np.uint8)
    mask[2:10, 4:20] = 255
    return mask


@pytest.fixture
def painted(plane, settings):
    """A textured object and a mask for it, ready to inpaint."""
    source = new_image("Theirs", NOISE)
    source.pack()
    material, node = textured(plane, source)
    change(settings, task="INPAINT", source="TEXTURE", feather=4, mask_image=new_image("Mask", mask_array()))
    return source, material, node


@pytest.mark.fault("F51")
def test_the_rest_is_the_original_to_the_last_bit(painted, settings, engine):
    source, _, node = painted
    before = pixels_of(source)
    generate(prompt="moss")
    result = node.image
    assert result != source
    assert result.name == "moss"
    changed = (pixels_of(result) != before).any(axis=2)
    assert changed[2:10, 4:20].mean() > 0.9
    band = np.zeros_like(changed)
    band[: 9 + 4 + 1, : 19 + 4 + 1] = True  # the mask and 4 pixels of feather around it
    assert not changed[~band].any()
    np.testing.assert_array_equal(pixels_of(source), before)
    np.testing.assert_array_equal(engine.requests[-1].image, NOISE)


def test_it_takes_the_place_of_the_source_and_the_source_is_kept(painted, settings):
    source, material, node = painted
    nodes, links = len(material.node_tree.nodes), len(material.node_tree.links)
    generate()
    assert (len(material.node_tree.nodes), len(material.node_tree.links)) == (nodes, links)
    assert base_color_image(material) == node.image
    assert source.use_fake_user


def test_undo_brings_the_source_back(painted, settings):
    bpy.ops.ed.undo_push(message="Before")
    generate()
    bpy.ops.ed.undo()
    assert base_color_image(bpy.data.materials["Painted"]).name == "Theirs"
    assert not bpy.data.images["Theirs"].use_fake_user


@pytest.mark.fault("F51")
def test_mask_as_painted(painted, settings, engine):
    mask = settings.mask_image
    soft = pixels_of(mask)
    soft[4, 6, :3] = 128  # a soft stroke
    mask.pixels.foreach_set((soft[::-1] / np.float32(255)).ravel().astype(np.float32))
    generate()
    got = engine.requests[-1].mask
    assert got.shape == (32, 48)
    assert got.dtype == np.float32
    assert got[5, 5] == 1 and got[0, 0] == 0
    assert got[4, 6] == pytest.approx(0.5, abs=1 / 255)
    np.testing.assert_array_equal(got > 0, mask_array()[..., 0] > 0)


def test_settings_of_the_mask_reach_the_engine(painted, settings, engine):
    generate(inpaint_strength=0.8, feather=3, crop_to_mask=False, context=99, prompt="")
    request = engine.requests[-1]
    assert (request.feather, request.crop_to_mask, request.context) == (3, False, 99)
    assert request.strength == pytest.approx(0.8)
    assert base_color_image(bpy.data.materials["Painted"]).name == "Inpaint"  # no prompt to name it after


@pytest.mark.parametrize("inverted", [False, True])
def test_stencil(painted, settings, engine, inverted):
    paint = bpy.context.tool_settings.image_paint
    paint.stencil_image, paint.invert_stencil = settings.mask_image, inverted
    generate(mask_source="STENCIL", mask_image=None)
    assert engine.requests[-1].mask[5, 5] == (0 if inverted else 1)


def test_transparent_texture_keeps_its_alpha(plane, settings):
    rgba = np.dstack([NOISE, RNG.integers(0, 256, NOISE.shape[:2], dtype=np.uint8)])
    rgba[20:24, 30:40, 3] = 0
    source = new_image("Leaf", rgba)
    source.alpha_mode = "CHANNEL_PACKED"
    source.pack()
    _, node = textured(plane, source)
    before = pixels_of(source)
    generate(task="INPAINT", source="TEXTURE", feather=0, mask_image=new_image("Mask", mask_array()))
    after = pixels_of(node.image)
    assert node.image.alpha_mode == "CHANNEL_PACKED"
    outside = mask_array()[..., 0] == 0
    np.testing.assert_array_equal(after[outside], before[outside])
    np.testing.assert_array_equal(after[..., 3], before[..., 3])


def test_data_texture_keeps_its_colour_space_and_bytes(plane, settings):
    source = bpy.data.images.new("Data", 48, 32)
    source.colorspace_settings.name = "Non-Color"
    rgba = np.dstack([NOISE, np.full(NOISE.shape[:2], 255, np.uint8)])
    source.pixels.foreach_set((rgba[::-1] / np.float32(255)).astype(np.float32).ravel())
    _, node = textured(plane, source)
    generate(task="INPAINT", source="TEXTURE", feather=0, mask_image=new_image("Mask", mask_array()))
    assert node.image.colorspace_settings.name == "Non-Color"
    outside = mask_array()[..., 0] == 0
    np.testing.assert_array_equal(pixels_of(node.image)[outside], rgba[outside])


def test_image_that_is_not_on_the_material_goes_there_as_a_new_node(plane, settings):
    theirs = new_image("Theirs", NOISE)
    material, node = textured(plane, theirs)
    other = new_image("Other", NOISE)
    generate(task="INPAINT", source="IMAGE", source_image=other, mask_image=new_image("Mask", mask_array()))
    assert node.image == theirs
    assert base_color_image(material) not in (theirs, other)


def test_new_mask_has_the_size_of_the_source_and_is_the_canvas(plane, settings):
    textured(plane, new_image("Theirs", NOISE))
    change(settings, task="INPAINT", source="TEXTURE")
    assert bpy.ops.sdb.new_mask() == {"FINISHED"}
    mask = settings.mask_image
    assert tuple(mask.size) == (48, 32)
    assert mask.name == "Theirs Mask"
    assert not pixels_of(mask)[..., :3].any()
    paint = bpy.context.tool_settings.image_paint
    assert (paint.mode, paint.canvas) == ("IMAGE", mask)
    unified = (
        getattr(paint, "unified_paint_settings", None) or bpy.context.tool_settings.unified_paint_settings
    )
    assert tuple(unified.color) == (1, 1, 1)
    assert bpy.context.object.mode == "TEXTURE_PAINT"  # no Image Editor is open to paint in


def test_new_mask_opens_in_the_image_editor(plane, settings):
    textured(plane, new_image("Theirs", NOISE))
    area = bpy.context.window_manager.windows[0].screen.areas[0]
    area.type = "IMAGE_EDITOR"
    change(settings, source="TEXTURE")
    bpy.ops.sdb.new_mask()
    space = area.spaces.active
    assert (space.image, space.ui_mode) == (settings.mask_image, "PAINT")
    assert bpy.context.object.mode == "OBJECT"


def test_new_mask_for_a_render_and_for_nothing(settings):
    render = bpy.context.scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = 200, 100, 50
    change(settings, source="RENDER")
    bpy.ops.sdb.new_mask()
    assert tuple(settings.mask_image.size) == (100, 50)
    change(settings, source="IMAGE", source_image=None)
    with pytest.raises(RuntimeError, match="No source image is chosen"):
        bpy.ops.sdb.new_mask()


def test_strokes_survive_saving_and_opening(settings, tmp_path):
    """Blender saves a packed image as it was when it was packed."""
    change(settings, source="RENDER")
    bpy.ops.sdb.new_mask()
    mask = settings.mask_image
    mask.pixels[0:4] = (1.0, 1.0, 1.0, 1.0)
    name = mask.name
    for path in ("one.blend", "two.blend"):
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / path))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "two.blend"))
    assert pixels_of(bpy.data.images[name])[-1, 0].tolist() == [255, 255, 255, 255]
    assert bpy.context.scene.sd_blender.mask_image.name == name


def test_painting_on_a_result_survives_too(plane, settings, tmp_path):
    generate()
    image = base_color_image(plane.active_material)
    image.pixels[0:4] = (1.0, 0.0, 0.0, 1.0)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "painted.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "painted.blend"))
    image = base_color_image(bpy.data.materials["Plane"])
    assert pixels_of(image)[-1, 0].tolist() == [255, 0, 0, 255]
