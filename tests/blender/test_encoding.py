# SPDX-License-Identifier: GPL-3.0-or-later
"""What the numbers of a picture mean, all the way round: an engine that changes nothing must change nothing.

Colours are compared as Cycles shows them, which knows nothing of how they were read.
"""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from sd_blender.blender import session
from sd_blender.blender.properties import status
from sd_blender.blender.source import borrowed, capture
from sd_blender.core.png import encode, encode_16_bits
from tests.blender.conftest import change, generate, new_image, pixels_of, textured
from tests.fakes import FakeEngine, IdentityEngine

pytestmark = pytest.mark.every_version

SPACES = ("sRGB", "Non-Color", "Linear Rec.709", "ACEScg", "Linear Rec.2020", "Filmic sRGB", "Display P3")
MUTED = np.array([(60, 50, 40), (90, 110, 100), (30, 32, 60), (112, 100, 104)], np.uint8)
"""Colours that sRGB has in every one of these spaces."""

PATCHES = np.ascontiguousarray(np.repeat(np.repeat(MUTED.reshape(2, 2, 3), 8, axis=0), 8, axis=1))
LEAF = np.dstack([PATCHES, np.tile(np.arange(0, 256, 16, dtype=np.uint8), (16, 1))])


@pytest.fixture
def identity(settings):
    session.set_engine_factory(IdentityEngine)
    change(settings, task="IMAGE_TO_IMAGE", source="IMAGE", destination="IMAGE", use_source_size=True)
    return settings


def packed(data, space="", alpha_mode="STRAIGHT"):
    """An image of a file in memory."""
    image = bpy.data.images.new("Theirs", 1, 1)
    image.source, image.filepath_raw = "FILE", "//theirs.png"
    image.pack(data=data, data_len=len(data))
    if space:
        image.colorspace_settings.name = space
    image.alpha_mode = alpha_mode
    return image


def floats(pixels, space="", **options):
    """A float image whose values are those bytes over 255."""
    image = new_image("Floats", pixels, float_buffer=True, **options)
    if space:
        image.colorspace_settings.name = space
        new = np.ones((*pixels.shape[:2], 4), np.float32)
        new[..., : pixels.shape[2]] = pixels[::-1] / np.float32(255)
        image.pixels.foreach_set(new.ravel())  # a change of the colour space empties the image
    return image


def values_of(image):
    """float, height x width x 4, row 0 at the top, as Blender holds them."""
    width, height = image.size
    values = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(values)
    return values.reshape(height, width, 4)[::-1]


def result_of(**values):
    """The image that Generate makes."""
    before = set(bpy.data.images)
    generate(**values)
    return next(image for image in bpy.data.images if image not in before and image.type == "IMAGE")


def shown(image, tmp_path):
    """The image as Cycles renders it on a plane that fills the picture: bytes of the view Standard."""
    scene = bpy.data.scenes.new("Look")
    mesh = bpy.data.meshes.new("Look")
    mesh.from_pydata([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], [], [(0, 1, 2, 3)])
    mesh.uv_layers.new().data.foreach_set("uv", [0, 0, 1, 0, 1, 1, 0, 1])
    material = bpy.data.materials.new("Look")
    if material.node_tree is None:
        material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    output, light, texture = map(
        nodes.new, ("ShaderNodeOutputMaterial", "ShaderNodeEmission", "ShaderNodeTexImage")
    )
    texture.image, texture.interpolation = image, "Closest"
    links.new(light.outputs[0], output.inputs["Surface"])
    links.new(texture.outputs["Color"], light.inputs["Color"])
    mesh.materials.append(material)
    scene.collection.objects.link(bpy.data.objects.new("Look", mesh))
    camera = bpy.data.cameras.new("Look")
    camera.type, camera.ortho_scale = "ORTHO", 2
    scene.camera = bpy.data.objects.new("Look", camera)
    scene.camera.location = (0, 0, 3)
    scene.collection.objects.link(scene.camera)
    render, (width, height) = scene.render, image.size
    render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 4, False
    render.dither_intensity, render.resolution_x, render.resolution_y = 0, width, height
    render.filter_size = scene.cycles.filter_width = 0.01
    with borrowed.standard_view(scene):
        if hasattr(render.image_settings, "media_type"):
            render.image_settings.media_type = "IMAGE"
        render.image_settings.file_format, render.filepath = "PNG", str(tmp_path / "look.png")
        bpy.ops.render.render(write_still=True, scene=scene.name)
    look = bpy.data.images.load(render.filepath, check_existing=False)
    pixels = pixels_of(look)[..., :3]
    bpy.data.images.remove(look)
    bpy.data.scenes.remove(scene)
    return pixels


def assert_looks_like(image, source, tmp_path):
    difference = shown(image, tmp_path).astype(int) - shown(source, tmp_path)
    assert np.abs(difference).max() <= 1


KINDS = {
    "byte": lambda space: packed(encode(PATCHES), space),
    "16 bits": lambda space: packed(encode_16_bits(PATCHES), space),
    "float": lambda space: floats(PATCHES, space),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", SPACES)
def test_every_colour_space_comes_back_as_it_looks(identity, tmp_path, kind, space):
    source = KINDS[kind](space)
    result = result_of(source_image=source)
    assert_looks_like(result, source, tmp_path)
    assert result.colorspace_settings.is_data == (space == "Non-Color")


@pytest.mark.parametrize("working", ["ACEScg", "Linear Rec.2020"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("space", ["sRGB", "ACEScg", "Non-Color"])
def test_a_file_with_another_working_space(identity, tmp_path, working, kind, space):
    if not hasattr(bpy.ops.wm, "set_working_color_space") or not hasattr(bpy.data, "colorspace"):
        assert bpy.app.version < (5, 0)
        return
    bpy.ops.wm.set_working_color_space(working_space=working)
    assert bpy.data.colorspace.working_space == working
    source = KINDS[kind](space)
    assert_looks_like(result_of(source_image=source), source, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("destination", ["IMAGE", "NODE", "MATERIAL"])
@pytest.mark.parametrize("source", ["IMAGE", "TEXTURE", "EDITOR"])
def test_data_stays_data_and_keeps_its_values(identity, plane, kind, source, destination):
    """A normal map where the shader reads it: 0.2 is 0.2 again, from every source and at every place."""
    image = KINDS[kind]("Non-Color")
    material, node = textured(plane, image)
    material.node_tree.nodes.active = node
    area = bpy.context.window_manager.windows[0].screen.areas[0]
    area.type = "IMAGE_EDITOR"
    area.spaces.active.image = image
    result = result_of(source=source, source_image=image, destination=destination)
    assert result.colorspace_settings.is_data
    np.testing.assert_allclose(values_of(result)[..., :3], PATCHES / 255, atol=0.5 / 255)


def test_the_place_says_whether_a_colour_or_data_is_read_there(identity, plane):
    colors, data = packed(encode(PATCHES)), packed(encode(PATCHES), "Non-Color")
    material, node = textured(plane, colors)
    material.node_tree.nodes.active = node
    assert not result_of(source_image=data, destination="NODE").colorspace_settings.is_data
    node.image = data
    assert result_of(source_image=colors, destination="NODE").colorspace_settings.is_data
    node.image = data
    change(identity, task="TEXT_TO_IMAGE")
    session.set_engine_factory(FakeEngine)
    assert result_of(destination="NODE").colorspace_settings.is_data
    plane.data.materials.clear()
    session.set_engine_factory(IdentityEngine)
    made = result_of(task="IMAGE_TO_IMAGE", source_image=data, destination="MATERIAL")
    assert not made.colorspace_settings.is_data


@pytest.mark.parametrize("alpha_mode", ["STRAIGHT", "PREMUL", "CHANNEL_PACKED"])
@pytest.mark.parametrize("kind", [encode, encode_16_bits])
@pytest.mark.parametrize("space", ["sRGB", "Non-Color"])
def test_alpha_comes_back(identity, kind, space, alpha_mode):
    leaf = LEAF.copy()
    if alpha_mode == "PREMUL" and space == "sRGB":
        leaf[..., :3] = np.minimum(leaf[..., :3], leaf[..., 3:])  # a colour is at most as bright as it covers
    source = packed(kind(leaf), space, alpha_mode)
    result = result_of(source_image=source)
    kept = "CHANNEL_PACKED" if alpha_mode == "CHANNEL_PACKED" else "STRAIGHT"
    assert result.alpha_mode == kept
    np.testing.assert_allclose(values_of(result)[..., 3], leaf[..., 3] / 255, atol=0.5 / 255)
    seen = values_of(source)
    if kind is encode:
        np.testing.assert_allclose(values_of(result)[..., :3], seen[..., :3], atol=0.5 / 255)
    elif alpha_mode != "PREMUL" or space == "Non-Color":
        opaque = leaf[..., 3] > 0
        np.testing.assert_allclose(values_of(result)[opaque][:, :3], leaf[opaque][:, :3] / 255, atol=1 / 255)


@pytest.mark.parametrize(
    ("old", "is_linked", "source", "is_told"),
    [
        (LEAF, True, PATCHES, True),
        (LEAF, True, LEAF, False),
        (LEAF, False, PATCHES, False),
        (PATCHES, True, PATCHES, False),
    ],
    ids=["lost", "carried over", "not used", "never there"],
)
def test_alpha_that_is_lost_is_told(identity, plane, old, is_linked, source, is_told):
    """A leaf is cut out by the alpha of its texture, and another picture is put in its place."""
    material, node = textured(plane, packed(encode(old)))
    tree = material.node_tree
    tree.nodes.active = node
    if is_linked:
        shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
        tree.links.new(node.outputs["Alpha"], shader.inputs["Alpha"])
    generate(source_image=packed(encode(source)), destination="NODE")
    assert ("the new texture is opaque" in status.note) == is_told


@pytest.mark.parametrize("alpha_mode", ["STRAIGHT", "PREMUL", "CHANNEL_PACKED"])
@pytest.mark.parametrize("space", ["sRGB", "Non-Color", "Linear Rec.709", "ACEScg"])
def test_what_is_inpainted_keeps_its_bytes(identity, space, alpha_mode):
    """To the last bit, whatever the colour space: what is tagged anew must not be converted once more."""
    leaf = LEAF.copy()
    leaf[..., :3] = np.minimum(leaf[..., :3], leaf[..., 3:])
    source = packed(encode(leaf), space, alpha_mode)
    mask = np.zeros((16, 16, 3), np.uint8)
    mask[2:6, 2:6] = 255
    result = result_of(task="INPAINT", source_image=source, mask_image=new_image("Mask", mask))
    assert result.colorspace_settings.name == space
    np.testing.assert_array_equal(pixels_of(result), pixels_of(source))


def test_what_8_bits_cannot_hold_is_told(identity):
    def told(image):
        generate(source_image=image)
        return status.note

    bright = floats(PATCHES)
    bright.pixels[0] = 4.0
    assert "what is outside 0 to 1 is cut" in told(bright)
    assert "cut" not in told(floats(PATCHES)) and "finer steps" not in told(floats(PATCHES))
    assert "finer steps" in told(floats(PATCHES, "Non-Color"))
    deep = floats(PATCHES, "Non-Color")
    deep.pixels[0] = -2.0
    assert "what is outside 0 to 1 is cut" in told(deep)
    glow = floats(PATCHES)
    glow.pixels[0:4] = 0.8, 0.1, 0.1, 0.2  # multiplied by alpha, which makes it 4 times as bright as white
    assert "what is outside 0 to 1 is cut" in told(glow)


@pytest.mark.parametrize(
    ("space", "is_cut"), [("Filmic sRGB", True), ("Linear Rec.709", False), ("sRGB", False)]
)
def test_a_wide_space_of_8_bits_that_is_cut_is_told(identity, space, is_cut):
    """White stands for 16 times white in Filmic."""
    source = packed(encode(np.full((16, 16, 3), 255, np.uint8)), space)
    generate(source_image=source)
    assert ("what is outside 0 to 1 is cut" in status.note) == is_cut


@pytest.mark.parametrize("device", ["sRGB", "Display P3", "Rec.1886", "Rec.2020", "Rec.2100-PQ"])
@pytest.mark.parametrize("colors", ["DISPLAYED", "STANDARD"])
def test_a_render_for_another_display_is_the_same_picture(identity, device, colors):
    scene = bpy.context.scene
    world = scene.world = bpy.data.worlds.new("Sky")
    if world.node_tree is None:
        world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.5, 0.2, 0.1, 1)
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    scene.render.engine, scene.cycles.samples, scene.render.dither_intensity = "CYCLES", 1, 0
    scene.render.resolution_x = scene.render.resolution_y = 16
    scene.view_settings.view_transform = "Standard"
    try:
        scene.display_settings.display_device = device
    except TypeError:
        assert device == "Rec.2100-PQ"  # from 5.0
        return
    scene.view_settings.view_transform = "Standard"
    of_files = scene.render.image_settings
    before = scene.display_settings.display_device, of_files.color_management, of_files.views_format
    pixels = capture.render_now(scene, colors)
    np.testing.assert_allclose(pixels[8, 8, :3], (188, 124, 89), atol=1)
    assert (
        scene.display_settings.display_device,
        of_files.color_management,
        of_files.views_format,
    ) == before
    assert scene.view_settings.view_transform == "Standard"


@pytest.mark.parametrize("kind", [encode, encode_16_bits])
@pytest.mark.parametrize("space", ["sRGB", "Non-Color"])
@pytest.mark.parametrize("alpha_mode", ["STRAIGHT", "CHANNEL_PACKED"])
def test_a_mask_is_what_was_stored(kind, space, alpha_mode):
    """128 is half, with 8 bits and with 16, tagged as a colour or as data, and behind an alpha."""
    mask = np.full((16, 16, 4), 255, np.uint8)
    mask[..., :3], mask[:8, :, 3] = 128, 51
    values = capture.mask_pixels(packed(kind(mask), space, alpha_mode))
    np.testing.assert_allclose(values[8:], 128 / 255, atol=1e-3)
    np.testing.assert_allclose(values[:8], 128 / 255 * 0.2, atol=1e-3)


def test_a_mask_of_linear_floats_is_what_was_stored():
    mask = np.full((16, 16, 3), 128, np.uint8)
    np.testing.assert_allclose(capture.mask_pixels(floats(mask)), 128 / 255, atol=1e-3)
