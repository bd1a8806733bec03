# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources: what Blender shows, as the array that the engine gets."""

from __future__ import annotations

import os
import tempfile

import bpy
import numpy as np
import pytest

from sd_blender.blender.properties import status
from sd_blender.blender.source import borrowed, capture, viewport
from sd_blender.core.errors import BlenderStateError, InvalidRequest
from sd_blender.core.png import encode
from tests.blender.conftest import change, generate, new_image, textured

pytestmark = pytest.mark.every_version

RAMP = np.zeros((6, 10, 3), np.uint8)
RAMP[0], RAMP[:, 0], RAMP[3, 4] = (250, 10, 20), (5, 128, 60), (128, 128, 128)
BIG_RAMP = RAMP.repeat(4, axis=0).repeat(4, axis=1)


@pytest.fixture
def scene():
    """Something to render in 32 x 24 pixels: the left half of the picture is lit, the rest is empty."""
    scene = bpy.context.scene
    mesh = bpy.data.meshes.new("Left")
    mesh.from_pydata([(-9, -9, 0), (0, -9, 0), (0, 9, 0), (-9, 9, 0)], [], [(0, 1, 2, 3)])
    material = bpy.data.materials.new("Glow")
    if material.node_tree is None:
        material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    output, emission = tree.nodes.new("ShaderNodeOutputMaterial"), tree.nodes.new("ShaderNodeEmission")
    emission.inputs["Color"].default_value = (0.5, 0.5, 0.5, 1)
    tree.links.new(emission.outputs[0], output.inputs["Surface"])
    mesh.materials.append(material)
    scene.collection.objects.link(bpy.data.objects.new("Left", mesh))
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.camera.location = (0, 0, 5)
    scene.collection.objects.link(scene.camera)
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.cycles.use_denoising, scene.render.dither_intensity = False, 0
    scene.render.resolution_x, scene.render.resolution_y = 32, 24
    return scene


def sent(engine):
    """The source picture of the last request."""
    return engine.requests[-1].image


def test_byte_image(settings, engine):
    generate(
        task="IMAGE_TO_IMAGE", destination="IMAGE", source="IMAGE", source_image=new_image("Ramp", BIG_RAMP)
    )
    np.testing.assert_array_equal(sent(engine), BIG_RAMP)


def test_result_has_the_size_of_the_source_or_the_one_asked_for(settings, engine):
    change(
        settings,
        task="IMAGE_TO_IMAGE",
        destination="IMAGE",
        source="IMAGE",
        source_image=new_image("R", RAMP),
    )
    with pytest.raises(RuntimeError, match="The width is 10; set it from 16"):
        generate()  # a source this small must be enlarged
    generate(use_source_size=False)
    assert (engine.requests[-1].sampling.width, engine.requests[-1].sampling.height) == (48, 32)
    generate(use_source_size=True, source_image=new_image("B", BIG_RAMP))
    assert (engine.requests[-1].sampling.width, engine.requests[-1].sampling.height) == (40, 24)


def test_transparency_is_kept_and_opaque_alpha_is_not_sent():
    rgba = np.dstack([RAMP, np.full(RAMP.shape[:2], 255, np.uint8)])
    rgba[2, 3, 3] = 77
    np.testing.assert_array_equal(capture.image_pixels(new_image("Alpha", rgba)), rgba)
    assert capture.image_pixels(new_image("Opaque", RAMP)).shape == RAMP.shape


@pytest.mark.parametrize(
    ("options", "space", "expected"),
    [
        ({}, "sRGB", 128),
        ({}, "Non-Color", 128),
        ({"float_buffer": True}, "Non-Color", 128),
        ({}, "Linear Rec.709", 188),
        ({"float_buffer": True}, None, 188),
        ({"float_buffer": True}, "sRGB", 188),
    ],
    ids=["byte", "byte as data", "float as data", "linear byte", "float", "float tagged sRGB"],
)
def test_a_source_looks_as_an_editor_shows_it(options, space, expected):
    """0.5 in the datablock is shown as 128 or 188, and so must the engine see it."""
    image = bpy.data.images.new("Half", 16, 16, **options)
    if space:
        image.colorspace_settings.name = space
    image.pixels.foreach_set(np.tile(np.array([0.5, 0.5, 0.5, 1], np.float32), 256))
    assert abs(int(capture.image_pixels(image)[0, 0, 0]) - expected) <= 1


def test_strokes_not_yet_saved_are_seen(tmp_path):
    path = tmp_path / "file.png"
    path.write_bytes(encode(RAMP))
    image = bpy.data.images.load(str(path))
    np.testing.assert_array_equal(capture.image_pixels(image), RAMP)
    image.pixels[0:4] = (1.0, 0.0, 0.0, 1.0)  # bottom left
    assert capture.image_pixels(image)[-1, 0].tolist() == [255, 0, 0]


def test_grey_float_image(tmp_path):
    scene = bpy.context.scene
    image = bpy.data.images.new("Grey", 4, 4, float_buffer=True)
    image.pixels.foreach_set(np.tile(np.array([0.25, 0.25, 0.25, 1], np.float32), 16))
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_mode = "OPEN_EXR", "BW"
    image.save_render(str(tmp_path / "grey.exr"), scene=scene)
    loaded = bpy.data.images.load(str(tmp_path / "grey.exr"))
    pixels = capture.image_pixels(loaded)
    assert pixels.shape == (4, 4, 3)
    assert (pixels == pixels[0, 0, 0]).all()


def test_first_tile_of_a_udim():
    image = bpy.data.images.new("Tiles", 16, 16, tiled=True)
    image.tiles.new(1002)
    assert capture.image_pixels(image).shape == (16, 16, 3)


@pytest.mark.parametrize("tiles", [1, 3])
def test_tiles_of_a_udim_that_are_not_taken_are_told(settings, engine, tiles):
    image = bpy.data.images.new("Tiles", 16, 16, tiled=True)
    for number in range(1002, 1001 + tiles):
        image.tiles.new(number)
    told = 'Of the 3 UDIM tiles of "Tiles" only the first is taken.'
    generate(task="IMAGE_TO_IMAGE", source="IMAGE", source_image=image, destination="IMAGE")
    assert (told in status.note) == (tiles == 3)


def test_active_texture(plane, settings, engine):
    textured(plane, new_image("Theirs", BIG_RAMP))
    generate(task="IMAGE_TO_IMAGE", source="TEXTURE")
    assert sent(engine).shape == (24, 40, 3)


def test_image_editor(settings, engine, monkeypatch):
    image = new_image("Open", BIG_RAMP)
    area = bpy.context.window_manager.windows[0].screen.areas[0]
    area.type = "IMAGE_EDITOR"
    area.spaces.active.image = image
    generate(task="IMAGE_TO_IMAGE", destination="IMAGE", source="EDITOR")
    np.testing.assert_array_equal(sent(engine), BIG_RAMP)


def test_use_as_source_takes_the_image_of_the_editor(settings):
    image = new_image("Open", RAMP)
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = "IMAGE_EDITOR"
    with bpy.context.temp_override(window=window, area=area):
        assert not bpy.ops.sdb.use_as_source.poll()
        area.spaces.active.image = image
        bpy.ops.sdb.use_as_source()
    assert (settings.task, settings.source, settings.source_image) == ("IMAGE_TO_IMAGE", "IMAGE", image)


def test_new_render(settings, engine, scene):
    scene.view_settings.view_transform = "Standard"
    generate(task="IMAGE_TO_IMAGE", destination="IMAGE", source="RENDER")
    picture = sent(engine)
    assert picture.shape[:2] == (24, 32)
    assert abs(int(picture[12, 4, 0]) - 188) <= 1  # scene-linear 0.5 on the left
    assert picture[12, 28, 0] == 0


@pytest.mark.fault("F52")
def test_last_render_as_it_is_displayed(settings, engine, scene):
    """AgX, which is what the artist looks at, and not the scene's linear values."""
    bpy.ops.render.render()
    generate(task="IMAGE_TO_IMAGE", destination="IMAGE", source="RENDER_RESULT")
    assert scene.view_settings.view_transform == "AgX"
    assert abs(int(sent(engine)[12, 4, 0]) - 169) <= 2  # 0.663 of 255


def mean_grey(pixels):
    return float(pixels[12, 2:12, :3].mean())


@pytest.mark.fault("F52")
@pytest.mark.parametrize("source", ["RENDER", "RENDER_RESULT"])
def test_standard_colors_for_what_is_rendered_again(settings, engine, scene, source):
    """Scene-linear 0.5 is 188 in sRGB, and 169 through AgX; look and exposure count for what is displayed alone."""
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look, scene.view_settings.exposure = "AgX - Punchy", -2
    of_files = scene.render.image_settings.view_settings
    before = view_of(scene.view_settings), view_of(of_files)
    bpy.ops.render.render()
    image = {"task": "IMAGE_TO_IMAGE", "destination": "IMAGE", "source": source}
    generate(**image, source_colors="STANDARD")
    assert abs(mean_grey(sent(engine)) - 188) <= 1
    assert (view_of(scene.view_settings), view_of(of_files)) == before
    generate(**image, source_colors="DISPLAYED")
    assert mean_grey(sent(engine)) < 120
    scene.view_settings.look, scene.view_settings.exposure = "None", 0
    generate(**image, source_colors="DISPLAYED")
    assert abs(mean_grey(sent(engine)) - 169) <= 2


def view_of(settings):
    """What may be seen of it. (What is left in others, as the white point, nobody sees before it is switched on.)"""
    return {name: getattr(settings, name, None) for name in borrowed.STANDARD}


def test_project_back_comes_back_as_it_was(settings, engine, scene):
    """Standard is what survives: rendered from a texture under Standard, it gives the picture it was taken from."""
    scene.view_settings.view_transform = "AgX"
    generate(task="IMAGE_TO_IMAGE", destination="IMAGE", source="RENDER", source_colors="STANDARD")
    first = sent(engine)
    texture = new_image("Taken", np.ascontiguousarray(first[..., :3]))
    material = bpy.data.materials["Glow"]
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = texture
    emission = next(n for n in material.node_tree.nodes if n.type == "EMISSION")
    material.node_tree.links.new(node.outputs["Color"], emission.inputs["Color"])
    coordinates = material.node_tree.nodes.new("ShaderNodeTexCoord")
    material.node_tree.links.new(coordinates.outputs["Window"], node.inputs["Vector"])
    generate(source_colors="STANDARD")
    assert abs(mean_grey(sent(engine)) - mean_grey(first)) <= 1
    generate(source_colors="DISPLAYED")
    assert abs(mean_grey(sent(engine)) - mean_grey(first)) > 10


def test_colors_without_a_standard_view(settings, engine, scene, monkeypatch):
    monkeypatch.setitem(borrowed.STANDARD, "view_transform", "Studio")
    with pytest.raises(RuntimeError, match="no view transform Standard; set Colors to As Displayed"):
        generate(task="IMAGE_TO_IMAGE", destination="IMAGE", source="RENDER", source_colors="STANDARD")


def write_png(path, pixels=BIG_RAMP):
    path.write_bytes(encode(pixels))
    return str(path)


def test_a_file_is_read_and_no_datablock_is_left(settings, engine, tmp_path):
    images = set(bpy.data.images.keys())
    path = write_png(tmp_path / "ramp.png")
    for _ in range(2):
        generate(task="IMAGE_TO_IMAGE", destination="IMAGE", source="FILE", source_file=path)
        np.testing.assert_array_equal(sent(engine), BIG_RAMP)
    made = {image.name for image in bpy.data.images if "sd_blender" in image}
    assert set(bpy.data.images.keys()) == images | made


def test_a_file_beside_the_blend(settings, engine, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    write_png(tmp_path / "ramp.png")
    generate(task="IMAGE_TO_IMAGE", destination="IMAGE", source="FILE", source_file="//ramp.png")
    assert sent(engine).shape == BIG_RAMP.shape


def test_a_file_is_inpainted_to_the_byte(settings, engine, tmp_path):
    path = write_png(tmp_path / "ramp.png")
    change(settings, source="FILE", source_file=path, destination="IMAGE", task="INPAINT", feather=0)
    assert bpy.ops.sdb.new_mask() == {"FINISHED"}
    assert settings.mask_image.name == "ramp Mask" and tuple(settings.mask_image.size) == (40, 24)
    mask = np.zeros((24, 40, 4), np.float32)
    mask[:4] = 1  # the lowest rows
    settings.mask_image.pixels.foreach_set(mask.ravel())
    generate()
    result = capture.stored_bytes(bpy.data.images["mossy stone"])
    np.testing.assert_array_equal(result[:20], BIG_RAMP[:20])
    assert (result[20:] != BIG_RAMP[20:]).any()


BAD_FILES = {
    "none": ("", "No source file is chosen; choose an image file"),
    "gone": ("gone.png", r"There is no file .*gone.png; choose another image file"),
    "a folder": (".", "There is no file .*; choose another image file"),
    "text": ("broken.png", "broken.png is no image that Blender can read; choose another file"),
}


@pytest.mark.parametrize("bad", BAD_FILES)
def test_files_that_are_none(settings, engine, tmp_path, bad):
    name, sentence = BAD_FILES[bad]
    (tmp_path / "broken.png").write_bytes(b"this is no picture")
    images = set(bpy.data.images.keys())
    path = str(tmp_path / name) if name else ""
    with pytest.raises(RuntimeError, match=sentence):
        generate(task="IMAGE_TO_IMAGE", destination="IMAGE", source="FILE", source_file=path)
    assert set(bpy.data.images.keys()) == images and not engine.requests


def test_a_strangers_file_on_the_network_is_not_looked_at(settings, engine, monkeypatch):
    monkeypatch.setattr(capture, "opened", lambda path: pytest.fail("it looked"))
    with pytest.raises(RuntimeError, match="source file is on the network"):
        generate(
            task="IMAGE_TO_IMAGE",
            destination="IMAGE",
            source="FILE",
            source_file="\\\\evil\\share\\picture.png",
        )


def test_the_viewport_needs_a_window(settings, engine):
    with pytest.raises(RuntimeError, match="no viewport without a window; use New Render instead"):
        generate(task="IMAGE_TO_IMAGE", destination="IMAGE", source="VIEWPORT")
    with pytest.raises(RuntimeError, match="no viewport without a window"):
        bpy.ops.sdb.new_mask()


@pytest.mark.parametrize("colors", ["DISPLAYED", "STANDARD"])
def test_settings_of_the_viewport_come_back_when_drawing_fails(settings, scene, monkeypatch, colors):
    """What is drawn is looked at in a window; that everything is put back must hold whatever happens there."""
    area = next(a for a in bpy.context.window_manager.windows[0].screen.areas)
    area.type = "VIEW_3D"
    space = area.spaces.active
    space.overlay.show_overlays = space.show_gizmo = True
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look, scene.view_settings.exposure = "AgX - Punchy", 0.5
    seen = []

    def draw(context, space, region):
        view = context.scene.view_settings
        seen.append((space.overlay.show_overlays, space.show_gizmo, view.view_transform, view.exposure))
        raise ZeroDivisionError

    monkeypatch.setattr(viewport, "_draw", draw)
    monkeypatch.setattr(viewport, "check", lambda context: None)
    before = view_of(scene.view_settings)
    with pytest.raises(ZeroDivisionError):
        viewport.pixels(bpy.context, colors)
    assert seen == [(False, False, *(("Standard", 0.0) if colors == "STANDARD" else ("AgX", 0.5)))]
    assert space.overlay.show_overlays and space.show_gizmo
    assert view_of(scene.view_settings) == before


def test_transparent_film_keeps_its_alpha(settings, engine, scene):
    scene.render.film_transparent = True
    generate(task="IMAGE_TO_IMAGE", destination="IMAGE", source="RENDER")
    assert sent(engine)[12, 4, 3] == 255
    assert sent(engine)[12, 28, 3] == 0


def output_settings(scene):
    settings = scene.render.image_settings
    return {
        p.identifier: getattr(settings, p.identifier) for p in settings.bl_rna.properties if not p.is_readonly
    }


@pytest.mark.fault("F26")
@pytest.mark.parametrize("file_format", ["OPEN_EXR", "JPEG", "OPEN_EXR_MULTILAYER", "FFMPEG"])
def test_the_artists_output_settings_come_back(scene, file_format):
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = {"FFMPEG": "VIDEO", "OPEN_EXR_MULTILAYER": "MULTI_LAYER_IMAGE"}.get(
            file_format, "IMAGE"
        )
    settings.file_format = file_format
    if file_format == "OPEN_EXR":
        settings.color_mode, settings.color_depth = "RGBA", "32"
    settings.color_management = "OVERRIDE"
    before = output_settings(scene)
    images, files = set(bpy.data.images.keys()), set(os.listdir(tempfile.gettempdir()))
    capture.render_now(scene)
    assert output_settings(scene) == before
    assert set(bpy.data.images.keys()) - images == {"Render Result"}
    left = set(os.listdir(tempfile.gettempdir())) - files
    assert not [name for name in left if name.startswith("sd_blender_")]


@pytest.mark.fault("F26")
def test_settings_come_back_when_the_capture_fails(scene, monkeypatch):
    bpy.ops.render.render()
    scene.render.image_settings.file_format = "JPEG"
    before = output_settings(scene)
    monkeypatch.setattr(capture, "_load", lambda path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        capture.render_result(scene)
    assert output_settings(scene) == before


def test_no_render_yet(scene):
    with pytest.raises(BlenderStateError, match=r"There is no render yet; render the image \(F12\)"):
        capture.render_result(scene)


def test_render_of_an_earlier_session(scene, tmp_path):
    """After File > Open the datablock is there and its picture is not."""
    bpy.ops.render.render()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "rendered.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "rendered.blend"))
    assert "Render Result" in bpy.data.images
    with pytest.raises(BlenderStateError, match="There is no render yet"):
        capture.render_result(bpy.context.scene)


@pytest.mark.parametrize("views_format", ["INDIVIDUAL", "STEREO_3D"])
@pytest.mark.parametrize("source", ["RENDER", "RENDER_RESULT"])
def test_of_a_stereoscopic_render_the_left_view_is_taken(settings, engine, scene, views_format, source):
    """Both cameras stand apart, so that the lit half ends elsewhere for each eye."""
    scene.view_settings.view_transform = "Standard"
    scene.camera.data.stereo.interocular_distance = 2
    scene.render.use_multiview = True
    scene.render.image_settings.views_format = views_format
    bpy.ops.render.render()
    generate(task="IMAGE_TO_IMAGE", destination="IMAGE", source=source)
    both = sent(engine)[12, :, 0]
    assert sent(engine).shape[:2] == (24, 32)
    assert scene.render.image_settings.views_format == views_format
    scene.render.views["left"].use = False
    generate(source="RENDER")
    assert (sent(engine)[12, :, 0] != both).any()
    scene.render.views["left"].use, scene.render.views["right"].use = True, False
    generate(source="RENDER")
    np.testing.assert_allclose(sent(engine)[12, :, 0], both, atol=1)


def test_a_renamed_render_is_found(settings, engine, scene):
    scene.view_settings.view_transform = "Standard"
    bpy.ops.render.render()
    next(image for image in bpy.data.images if image.type == "RENDER_RESULT").name = "Rendu"
    generate(task="IMAGE_TO_IMAGE", destination="IMAGE", source="RENDER_RESULT")
    assert abs(int(sent(engine)[12, 4, 0]) - 188) <= 1


def test_a_render_that_cannot_be_written_is_not_called_missing(scene, monkeypatch):
    """Blender tells nothing of a full disk: the file is there, and empty."""
    bpy.ops.render.render()
    monkeypatch.setattr(capture, "_written", lambda scene, folder: capture.Path(folder, "none.png"))
    with pytest.raises(BlenderStateError, match=r"could not be written to .*; free some disk space"):
        capture.render_result(scene)


def test_a_multilayer_exr_is_told_as_what_it_is(settings, engine, scene, tmp_path):
    output = scene.render.image_settings
    if hasattr(output, "media_type"):
        output.media_type = "MULTI_LAYER_IMAGE"
    output.file_format, scene.render.filepath = "OPEN_EXR_MULTILAYER", str(tmp_path / "layers.exr")
    bpy.ops.render.render(write_still=True)
    change(settings, task="IMAGE_TO_IMAGE", destination="IMAGE", source_file=scene.render.filepath)
    settings.source_image = bpy.data.images.load(scene.render.filepath)
    for source in ("FILE", "IMAGE"):
        with pytest.raises(RuntimeError, match=r"layers.exr.* has several layers, .* choose a layer"):
            generate(source=source)
        if source == "IMAGE":
            with pytest.raises(RuntimeError, match="has several layers"):
                bpy.ops.sdb.new_mask()


def test_file_that_is_no_image(tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(b"this is no picture")
    image = bpy.data.images.load(str(path))
    with pytest.raises(
        BlenderStateError, match=r'"broken.png" has no pixels that Blender can read; choose another one'
    ):
        capture.image_pixels(image)


def test_file_that_went_away(tmp_path):
    path = tmp_path / "gone.png"
    path.write_bytes(encode(RAMP))
    image = bpy.data.images.load(str(path))
    path.unlink()
    with pytest.raises(
        BlenderStateError,
        match=r'Image "gone.png" has no pixels, since its file is gone \(.*gone.png\); find it',
    ):
        capture.image_pixels(image)


def test_values_that_are_not_numbers():
    image = bpy.data.images.new("NaN", 4, 4, float_buffer=True)
    image.pixels.foreach_set(np.full(64, np.nan, np.float32))
    with pytest.raises(InvalidRequest, match="not numbers"):
        capture.image_pixels(image)
