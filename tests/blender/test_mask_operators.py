# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks made and changed by buttons: from faces, expanded, inverted, cleared, filled; and outpainting."""

from __future__ import annotations

import bmesh
import bpy
import numpy as np
import pytest

import sd_blender
from sd_blender.blender import properties
from sd_blender.blender.masks import images as mask_images
from sd_blender.blender.masks import painting
from sd_blender.blender.masks import panel as mask_panel
from sd_blender.blender.masks import status as mask_status
from sd_blender.blender.properties import status
from tests.blender.conftest import base_color_image, change, generate, new_image, pixels_of, textured
from tests.blender.test_panels import draw

pytestmark = pytest.mark.every_version

RNG = np.random.default_rng(4)
NOISE = RNG.integers(0, 256, (32, 48, 3), dtype=np.uint8)


@pytest.fixture
def tiles(settings):
    """The active object: four squares side by side on a texture, the left two and the right two an island each."""
    mesh = bpy.data.meshes.new("Tiles")
    mesh.from_pydata(
        [(x, y, 0) for y in (0, 1) for x in range(5)], [], [(x, x + 1, x + 6, x + 5) for x in range(4)]
    )
    places = []
    for x in range(4):
        left = x / 4 + (0.0 if x < 2 else 0.125)
        places += [left, 0.5, left + 0.125, 0.5, left + 0.125, 1.0, left, 1.0]
    # The quads of an island touch; the right island lies apart.
    places[8:16] = [0.125, 0.5, 0.25, 0.5, 0.25, 1.0, 0.125, 1.0]
    places[24:32] = [0.75, 0.5, 0.875, 0.5, 0.875, 1.0, 0.75, 1.0]
    mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", places)
    thing = bpy.data.objects.new("Tiles", mesh)
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    source = new_image("Theirs", NOISE)
    source.pack()
    textured(thing, source)
    change(settings, task="INPAINT", source="TEXTURE", feather=3)
    return thing


def select(thing, *faces):
    thing.data.polygons.foreach_set("select", [number in faces for number in range(len(thing.data.polygons))])


def edit_selecting(thing, face):
    """Enter Edit Mode and click a face there."""
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="DESELECT")
    edited = bmesh.from_edit_mesh(thing.data)
    edited.faces.ensure_lookup_table()
    edited.faces[face].select_set(True)
    return edited


def mask_of(settings):
    return pixels_of(settings.mask_image)[..., 0]


def columns(left, right):
    """White over the upper half of some columns of the texture."""
    mask = np.zeros((32, 48), np.uint8)
    mask[:16, left:right] = 255
    return mask


@pytest.mark.parametrize("mode", ["OBJECT", "EDIT"])
def test_selected_faces_become_the_mask(tiles, settings, mode):
    select(tiles, 1)
    if mode == "EDIT":
        edit_selecting(tiles, 1)
    meshes = list(bpy.data.meshes)
    assert bpy.ops.sdb.mask_from_faces() == {"FINISHED"}
    assert (tiles.mode, list(bpy.data.meshes)) == (mode, meshes)
    np.testing.assert_array_equal(mask_of(settings), columns(6, 12))
    assert (settings.task, settings.mask_source) == ("INPAINT", "IMAGE")
    assert settings.mask_image.name == "Theirs Mask"
    bpy.ops.object.mode_set(mode="OBJECT")
    select(tiles, 2)
    bpy.ops.sdb.mask_from_faces()  # replaces
    np.testing.assert_array_equal(mask_of(settings), columns(30, 36))
    select(tiles, 0)
    bpy.ops.sdb.mask_from_faces(add=True)
    np.testing.assert_array_equal(mask_of(settings), np.maximum(columns(0, 6), columns(30, 36)))


def test_edit_mode_is_read_as_it_is_now(tiles, settings):
    """The selection of Edit Mode is not in the object's mesh before that is left."""
    select(tiles, 0)
    edited = edit_selecting(tiles, 3)
    bpy.ops.sdb.mask_from_faces()
    np.testing.assert_array_equal(mask_of(settings), columns(36, 42))
    assert edited.is_valid and edited.faces[3].select


def test_whole_islands(tiles, settings):
    select(tiles, 3)
    bpy.ops.sdb.mask_from_faces(islands=True)
    np.testing.assert_array_equal(mask_of(settings), columns(30, 42))


def test_hidden_faces_are_left_out(tiles, settings):
    select(tiles, 0, 1)
    tiles.data.polygons[0].hide = True
    bpy.ops.sdb.mask_from_faces()
    np.testing.assert_array_equal(mask_of(settings), columns(6, 12))


def test_result_is_new_on_the_faces_and_theirs_elsewhere(tiles, settings):
    select(tiles, 1)
    before = pixels_of(bpy.data.images["Theirs"])
    bpy.ops.sdb.mask_from_faces()
    generate(prompt="moss")
    after = pixels_of(base_color_image(tiles.active_material))
    changed = (after != before).any(axis=2)
    assert changed[:16, 6:12].mean() > 0.9
    changed[: 16 + 3, 6 - 3 : 12 + 3] = False  # the mask and its feather
    assert not changed.any()
    np.testing.assert_array_equal(pixels_of(bpy.data.images["Theirs"]), before)


def test_expand_shrink_invert_clear_fill(tiles, settings):
    select(tiles, 1)
    bpy.ops.sdb.mask_from_faces()
    mask = settings.mask_image
    bpy.ops.sdb.mask_expand(pixels=2)
    grown = mask_of(settings)
    assert grown[5, 4] == grown[17, 8] == 255 and not grown[17, 4]  # a disc has no corners
    bpy.ops.sdb.mask_expand(pixels=-2)
    np.testing.assert_array_equal(mask_of(settings), columns(6, 12))
    bpy.ops.sdb.mask_invert()
    np.testing.assert_array_equal(mask_of(settings), 255 - columns(6, 12))
    bpy.ops.sdb.mask_clear()
    assert not mask_of(settings).any()
    bpy.ops.sdb.mask_fill()
    assert (mask_of(settings) == 255).all()
    assert settings.mask_image == mask and len(bpy.data.images) == 2


def test_expand_goes_around_a_texture_that_tiles(tiles, settings):
    select(tiles, 0)
    bpy.ops.sdb.mask_from_faces()
    settings.tiling = "X"
    bpy.ops.sdb.mask_expand(pixels=3)
    assert (mask_of(settings)[5, -3:] == 255).all() and not mask_of(settings)[5, -4]


def test_without_a_mask_one_of_the_size_of_the_source_is_made(tiles, settings):
    bpy.ops.sdb.mask_fill()
    assert tuple(settings.mask_image.size) == (48, 32)
    assert painting.MASK_KEYWORD in settings.mask_image
    assert settings.mask_image.colorspace_settings.name == "Non-Color"


def test_each_is_one_undo_step(tiles, settings):
    select(tiles, 1)
    bpy.ops.sdb.mask_from_faces()
    bpy.ops.ed.undo_push(message="Mask from Faces")  # bpy.ops pushes none itself when called from a script
    bpy.ops.sdb.mask_invert()
    bpy.ops.ed.undo_push(message="Invert Mask")
    bpy.ops.sdb.mask_fill()
    bpy.ops.ed.undo_push(message="Fill Mask")
    for expected in (255 - columns(6, 12), columns(6, 12)):
        bpy.ops.ed.undo()
        np.testing.assert_array_equal(mask_of(bpy.context.scene.sd_blender), expected)
    bpy.ops.ed.redo()
    np.testing.assert_array_equal(mask_of(bpy.context.scene.sd_blender), 255 - columns(6, 12))


def test_undo_and_then_another_change(tiles, settings):
    bpy.ops.sdb.mask_clear()
    bpy.ops.ed.undo_push(message="Clear Mask")
    for change_mask, level in (
        (bpy.ops.sdb.mask_fill, 255),
        (bpy.ops.sdb.mask_invert, 255),
        (bpy.ops.sdb.mask_clear, 0),
    ):
        change_mask()
        bpy.ops.ed.undo_push(message="Change")
        assert (mask_of(bpy.context.scene.sd_blender) == level).all()
        bpy.ops.ed.undo()
        assert not mask_of(bpy.context.scene.sd_blender).any()


def test_undo_of_something_else_leaves_strokes_alone(tiles, settings):
    bpy.ops.sdb.mask_clear()
    bpy.ops.ed.undo_push(message="Clear Mask")
    tiles.location.x = 1
    bpy.ops.ed.undo_push(message="Move")
    paint(settings.mask_image, 2, 3)
    bpy.ops.ed.undo()
    assert mask_of(bpy.context.scene.sd_blender)[2, 3] == 255


def paint(mask, row, column):
    """As a stroke does: the pixels change and the packed file does not."""
    values = (pixels_of(mask)[::-1] / np.float32(255)).astype(np.float32)
    values[31 - row, column] = 1.0
    mask.pixels.foreach_set(values.ravel())


def test_undo_keeps_the_strokes_before(tiles, settings):
    bpy.ops.sdb.mask_clear()
    bpy.ops.ed.undo_push(message="Clear Mask")
    paint(settings.mask_image, 2, 3)
    bpy.ops.sdb.mask_fill()
    bpy.ops.ed.undo_push(message="Fill Mask")
    bpy.ops.ed.undo()
    after = mask_of(bpy.context.scene.sd_blender)
    assert after[2, 3] == 255 and after.sum() == 255


def test_it_survives_saving_and_strokes_after_it_too(tiles, settings, tmp_path):
    select(tiles, 1)
    bpy.ops.sdb.mask_from_faces()
    assert not settings.mask_image.is_dirty
    paint(settings.mask_image, 30, 40)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "mask.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "mask.blend"))
    expected = columns(6, 12)
    expected[30, 40] = 255
    np.testing.assert_array_equal(mask_of(bpy.context.scene.sd_blender), expected)


def test_a_mask_that_is_not_ours_stays_as_it_is(tiles, settings):
    theirs = new_image("Painted", np.zeros((32, 48, 3), np.uint8))
    area = bpy.context.window_manager.windows[0].screen.areas[0]
    area.type = "IMAGE_EDITOR"
    area.spaces.active.image = theirs
    bpy.context.scene.tool_settings.image_paint.canvas = theirs
    settings.mask_image = theirs
    bpy.ops.sdb.mask_fill()
    assert not pixels_of(theirs)[..., :3].any()
    assert settings.mask_image != theirs and painting.MASK_KEYWORD in settings.mask_image
    assert settings.mask_image.name == "Painted Mask"
    assert area.spaces.active.image == settings.mask_image
    assert bpy.context.scene.tool_settings.image_paint.canvas == settings.mask_image


ALL = ("mask_from_faces", "mask_expand", "mask_invert", "mask_clear", "mask_fill")


def refusal(name, **options):
    with pytest.raises(RuntimeError) as raised:
        getattr(bpy.ops.sdb, name)(**options)
    return str(raised.value)


@pytest.mark.parametrize("name", ALL)
def test_refusals(tiles, settings, tmp_path, name):
    select(tiles, 0)
    settings.mask_source = "STENCIL"
    assert "is the stencil of Texture Paint; set Mask to Image" in refusal(name)
    settings.mask_source = "IMAGE"
    linked = tmp_path / "library.blend"
    bpy.data.libraries.write(str(linked), {new_image("Linked", NOISE)})
    bpy.data.images.remove(bpy.data.images["Linked"])
    with bpy.data.libraries.load(str(linked), link=True) as (_, wanted):
        wanted.images = ["Linked"]
    settings.mask_image = bpy.data.images["Linked"]
    assert '"Linked" is linked from another file' in refusal(name)
    settings.mask_image = None
    settings.source = "IMAGE"
    assert "No source image is chosen" in refusal(name)
    assert settings.mask_image is None


@pytest.mark.parametrize("name", ALL[1:])
def test_a_mask_without_pixels_is_refused(tiles, settings, name):
    missing = bpy.data.images.new("Gone", 8, 8)
    missing.source, missing.filepath = "FILE", "//gone.png"
    settings.mask_image = missing
    assert '"Gone" has no pixels' in refusal(name)
    assert settings.mask_image == missing


def test_refusals_of_faces(tiles, settings):
    select(tiles)
    assert 'No face of "Tiles" is selected' in refusal("mask_from_faces")
    select(tiles, 0)
    settings.source = "RENDER"
    assert "The source is a render" in refusal("mask_from_faces")
    settings.source = "TEXTURE"
    tiles.data.uv_layers[0].data.foreach_set("uv", [0.0] * 32)
    assert "cover no pixel of the texture" in refusal("mask_from_faces")
    tiles.data.uv_layers.remove(tiles.data.uv_layers[0])
    assert '"Tiles" has no UV map; unwrap it first' in refusal("mask_from_faces")
    bpy.context.view_layer.objects.active = None
    assert "The active object is no mesh" in refusal("mask_from_faces")
    assert settings.mask_image is None


@pytest.fixture
def theirs(plane, settings):
    image = new_image("Theirs", NOISE)
    image.pack()
    change(settings, source="IMAGE", source_image=image, destination="IMAGE", feather=3)
    return image


def test_outpaint_makes_a_new_image_and_its_mask(theirs, settings, engine):
    before = pixels_of(theirs)
    assert bpy.ops.sdb.outpaint(pixels=20, sides={"LEFT", "TOP"}, overlap=4) == {"FINISHED"}
    canvas = settings.source_image
    assert canvas != theirs and canvas.name == "Theirs Outpaint" and tuple(canvas.size) == (68, 52)
    assert (settings.task, settings.source, settings.mask_source) == ("INPAINT", "IMAGE", "IMAGE")
    np.testing.assert_array_equal(pixels_of(theirs), before)
    np.testing.assert_array_equal(pixels_of(canvas)[20:, 20:], before)
    mask = mask_of(settings)
    expected = np.full((52, 68), 255, np.uint8)
    expected[24:, 24:] = 0
    np.testing.assert_array_equal(mask, expected)
    generate(prompt="more")
    after = pixels_of(bpy.data.images["more"])
    assert after.shape == (52, 68, 4)
    np.testing.assert_array_equal(
        after[24 + 3 :, 24 + 3 :], before[7:, 7:]
    )  # past the overlap and the feather
    assert (after[:20, :, :3] != pixels_of(canvas)[:20, :, :3]).any(axis=2).mean() > 0.9


def test_outpaint_survives_saving(theirs, settings, tmp_path):
    bpy.ops.sdb.outpaint(pixels=16, sides={"RIGHT"})
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "wide.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "wide.blend"))
    settings = bpy.context.scene.sd_blender
    np.testing.assert_array_equal(pixels_of(settings.source_image)[:, :48, :3], NOISE)
    assert mask_of(settings).any()


def test_outpaint_keeps_alpha_and_colour_space(settings, engine):
    rgba = np.dstack([NOISE, np.full((32, 48), 255, np.uint8)])
    rgba[5:9, 5:9, 3] = 77
    image = new_image("Leaf", rgba)
    image.alpha_mode = "CHANNEL_PACKED"
    change(settings, source="IMAGE", source_image=image)
    bpy.ops.sdb.outpaint(pixels=16, sides={"RIGHT"})
    canvas = settings.source_image
    assert canvas.alpha_mode == "CHANNEL_PACKED"
    assert canvas.colorspace_settings.name == image.colorspace_settings.name
    np.testing.assert_array_equal(pixels_of(canvas)[:, :48], rgba)
    assert (pixels_of(canvas)[:, 48:, 3] == 255).all()


def test_refusals_of_outpaint(theirs, settings):
    images = len(bpy.data.images)
    assert "8240 x 32 pixels; each side must be from 16 to 8192" in refusal(
        "outpaint", pixels=8192, sides={"LEFT"}
    )
    assert "No side was chosen" in refusal("outpaint", sides=set())
    settings.source_image = bpy.data.images.new("Float", 32, 32, float_buffer=True)
    assert "is a float image" in refusal("outpaint")
    settings.source_image = None
    assert "No source image is chosen" in refusal("outpaint")
    assert len(bpy.data.images) == images + 1 and settings.task == "TEXT_TO_IMAGE"


def test_the_line_about_the_crop(tiles, settings):
    assert status.crop_line(settings) == ""
    select(tiles, 1)
    bpy.ops.sdb.mask_from_faces()
    change(settings, context=5, feather=3)
    assert status.crop_line(settings) == "Generates 16 x 21 of 48 x 32 px"
    settings.context = 0
    assert status.crop_line(settings) == "Generates 12 x 19 of 48 x 32 px"
    settings.crop_to_mask = False
    assert status.crop_line(settings) == ""
    settings.crop_to_mask = True
    paint(settings.mask_image, 31, 47)
    mask_status.measure(bpy.context)  # what a timer does when a stroke is done
    assert status.crop_line(settings) == "Generates 45 x 32 of 48 x 32 px"
    settings.context = 8
    assert status.crop_line(settings) == ""  # all of it, which is no news
    settings.context = 0
    bpy.ops.sdb.mask_clear()
    assert status.crop_line(settings).startswith("The mask is empty")
    settings.mask_image = new_image("Other", NOISE)
    assert status.crop_line(settings) == ""  # nobody has looked at it yet
    bpy.context.tool_settings.image_paint.stencil_image = new_image(
        "White", np.full((32, 48, 3), 255, np.uint8)
    )
    bpy.context.tool_settings.image_paint.invert_stencil = True
    settings.mask_source = "STENCIL"
    mask_status.measure(bpy.context)
    assert status.crop_line(settings).startswith("The mask is empty")


def test_the_line_is_what_the_engine_gets(tiles, settings, engine):
    """The region of the engine and that of the line come from one function; here is that it gets the same mask."""
    select(tiles, 0)
    bpy.ops.sdb.mask_from_faces()
    generate()
    mask = engine.requests[-1].mask
    np.testing.assert_array_equal(status.mask.rows, mask.any(axis=1))
    np.testing.assert_array_equal(status.mask.columns, mask.any(axis=0))


def test_a_stroke_on_the_mesh_has_the_mask_looked_at(tiles, settings, monkeypatch):
    """A drawn 3D View is all that tells of one; what is not painted on costs nothing."""
    asked = []
    monkeypatch.setattr(mask_status, "_measure_soon", lambda: asked.append(True))
    bpy.ops.sdb.mask_clear()
    paint_settings = bpy.context.scene.tool_settings.image_paint
    paint_settings.mode, paint_settings.canvas = "IMAGE", settings.mask_image
    bpy.ops.object.mode_set(mode="TEXTURE_PAINT")
    mask_status._drawn()
    assert not asked
    paint(settings.mask_image, 2, 3)
    mask_status._drawn()
    assert asked == [True]
    bpy.ops.object.mode_set(mode="OBJECT")
    mask_status._drawn()
    assert asked == [True]


def test_the_timer_looks_and_ends(tiles, settings, monkeypatch):
    bpy.ops.sdb.mask_clear()
    paint(settings.mask_image, 2, 3)
    monkeypatch.setattr(mask_status.lifecycle, "busy_with", lambda: "rendering")
    assert mask_status._look() == mask_status.PAUSE
    assert not status.mask.rows.any()
    monkeypatch.undo()
    assert mask_status._look() is None
    assert np.flatnonzero(status.mask.rows).tolist() == [2]
    mask_status._measure_soon()
    assert bpy.app.timers.is_registered(mask_status._look)
    sd_blender.unregister()
    assert not bpy.app.timers.is_registered(mask_status._look) and status.mask is None
    sd_blender.register()


def test_another_file_forgets_the_mask(tiles, settings):
    bpy.ops.sdb.mask_fill()
    assert status.mask is not None
    bpy.ops.wm.read_homefile(use_empty=True)
    assert status.mask is None


def test_buttons(tiles, settings):
    for panel in mask_panel.classes:
        assert hasattr(panel.draw, "__wrapped__")
        drawn = set(draw(panel))
        assert {f"sdb.{name}" for name in ALL} <= drawn
        assert getattr(bpy.types, panel.bl_parent_id, None) is not None


def test_names_and_tooltips():
    names = (*ALL, "outpaint")
    for name in names:
        for prop in getattr(bpy.ops.sdb, name).get_rna_type().properties:
            if prop.identifier != "rna_type":
                assert prop.description and not prop.description.endswith("."), (name, prop.identifier)
    assert properties.SDB_PG_settings.bl_rna.properties["show_mask"].description


def test_reading_is_8_bits_of_what_was_painted(tiles, settings):
    levels = np.arange(32 * 48, dtype=np.uint32).reshape(32, 48) % 256
    settings.mask_image = painting.mask_of("Levels", levels.astype(np.uint8))
    np.testing.assert_array_equal(mask_images.read(bpy.context), levels)
