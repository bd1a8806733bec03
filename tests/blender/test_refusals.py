# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input: one sentence, nothing changed, and the next job works."""

from __future__ import annotations

import threading

import bpy
import numpy as np
import pytest

from sd_blender.blender import compat, session
from sd_blender.blender.properties import status
from sd_blender.core import png
from sd_blender.core.errors import ErrorKind, ModelNotFound
from tests.blender.conftest import (
    base_color_image,
    change,
    drain_until,
    generate,
    new_image,
    pixels_of,
    submit,
    textured,
)

pytestmark = pytest.mark.every_version

PICTURE = np.random.default_rng(1).integers(0, 256, (32, 48, 3), dtype=np.uint8)
MASK = np.zeros((32, 48, 3), np.uint8)
MASK[4:12, 4:12] = 255


def refused(sentence, **values):
    """Generate, expect this refusal, and check that nothing else came of it."""
    settings = bpy.context.scene.sd_blender
    change(settings, **values)
    images, materials = set(bpy.data.images.keys()), set(bpy.data.materials.keys())
    seed = settings.seed
    with pytest.raises(RuntimeError, match=sentence) as refusal:
        bpy.ops.sdb.generate()
    assert set(bpy.data.images.keys()) - {"Render Result"} == images - {"Render Result"}
    assert set(bpy.data.materials.keys()) == materials
    assert settings.seed == seed
    assert not session.open_tickets()
    assert str(refusal.value).strip().endswith(".")
    return str(refusal.value)


def next_job_works(**values):
    generate(task="TEXT_TO_IMAGE", prompt="next", destination="IMAGE", width=32, height=32, **values)
    assert "next" in bpy.data.images


def test_empty_prompt(plane, settings):
    refused("The prompt is empty; describe the texture you want", prompt="   ")
    next_job_works()


@pytest.mark.fault("F50")
def test_prompt_of_ten_megabytes(plane, settings):
    refused("The prompt is longer than 10000 characters; shorten it", prompt="x" * 10_000_000)
    assert status.error.startswith("The prompt is longer")
    next_job_works()


@pytest.mark.fault("F50")
def test_negative_prompt_too_long(plane, settings):
    refused("The negative prompt is longer", negative_prompt="x" * 20_000)


@pytest.mark.fault("F50")
@pytest.mark.parametrize(
    ("name", "low", "high", "given"),
    [
        ("width", 16, 8192, (0, 15, 8193)),
        ("height", 16, 8192, (0, 15, 8193)),
        ("steps", 1, 1000, (0, 10_000)),
        ("count", 1, 16, (0, 17)),
        ("seed", 0, 2**31 - 1, (-1,)),
        ("strength", 0.01, 1.0, (-1.0, 0.0, 1.5)),
        ("inpaint_strength", 0.01, 1.0, (-1.0, 0.0, 1.5)),
        ("guidance_scale", 0.0, 100.0, (-1.0, 1e9, float("inf"))),
        ("clip_guidance_scale", 0.0, 100.0, (-1.0, 1e9, float("inf"))),
        ("classifier_guidance_scale", 0.0, 100.0, (-1.0, 1e9, float("inf"))),
        ("feather", 0, 256, (-1, 257)),
        ("context", 0, 2048, (-1, 4096)),
    ],
)
def test_numbers_out_of_range_cannot_be_set(settings, name, low, high, given):
    """Blender keeps a property within its range, whatever a script or a .blend says."""
    for value in given:
        setattr(settings, name, value)
        assert low - 1e-6 <= getattr(settings, name) <= high


@pytest.mark.fault("F50")
def test_numbers_that_no_property_can_hold(settings):
    with pytest.raises((OverflowError, ValueError)):
        settings.seed = 2**63
    with pytest.raises(TypeError):
        settings.scheduler = "Quantum"
    settings.guidance_scale = float("nan")
    if np.isnan(settings.guidance_scale):
        refused("The guidance scale is nan; set it from 0 to 100", destination="IMAGE")


@pytest.mark.fault("F50")
def test_null_bytes_end_a_blender_string(plane, settings, engine):
    try:
        settings.prompt = "moss\0evil"
    except ValueError:
        return
    assert "\0" not in settings.prompt


@pytest.mark.fault("F27")
def test_no_active_object(settings):
    refused("No object is active; select one, or set Result to Image Only")
    next_job_works()


@pytest.mark.fault("F27")
@pytest.mark.parametrize("kind", ["camera", "light", "empty"])
def test_objects_that_show_no_texture(settings, kind):
    data = {"camera": bpy.data.cameras, "light": bpy.data.lights}.get(kind)
    extra = {"type": "POINT"} if kind == "light" else {}
    thing = bpy.data.objects.new("Thing", data.new("Thing", **extra) if data is not None else None)
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    refused(rf'"Thing" \({kind}\) shows no texture; select a mesh')


def test_edit_mode(plane, settings):
    bpy.ops.object.mode_set(mode="EDIT")
    refused('"Plane" is in Edit Mode; leave it with Tab first')
    bpy.ops.object.mode_set(mode="OBJECT")
    next_job_works()


@pytest.fixture
def library(plane, tmp_path):
    """A file with a plane that has a material, and the same plane without one."""
    textured(plane, new_image("Theirs", PICTURE), name="Linked")
    bare = bpy.data.objects.new("Bare", bpy.data.meshes.new("Bare"))
    bpy.context.scene.collection.objects.link(bare)
    path = str(tmp_path / "library.blend")
    bpy.data.images["Theirs"].pack()
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return path


def linked(path, name):
    with bpy.data.libraries.load(path, link=True) as (_, wanted):
        wanted.objects = [name]
    thing = bpy.data.objects[name]
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    change(bpy.context.scene.sd_blender, prompt="moss", width=32, height=32, steps=1)
    return thing


@pytest.mark.fault("F27")
def test_linked_material(library, engine):
    linked(library, "Plane")
    refused('Material "Linked" is linked from another file; make it local to change it')
    next_job_works()


@pytest.mark.fault("F27")
def test_linked_object_without_material(library, engine):
    linked(library, "Bare")
    refused('"Bare" is linked from another file and has no material')


def test_local_object_with_a_linked_mesh_gets_a_material_of_its_own(library, engine):
    mesh = linked(library, "Plane").data
    mine = bpy.data.objects.new("Mine", mesh)
    bpy.context.scene.collection.objects.link(mine)
    bpy.context.view_layer.objects.active = mine
    mine.material_slots[0].link = "OBJECT"
    generate()
    assert base_color_image(mine.active_material).name == "moss"
    assert mesh.materials[0].name == "Linked"


@pytest.mark.fault("F27")
def test_scene_without_camera(plane, settings):
    sentence = 'Scene "Scene" has no camera to render with; add one'
    refused(sentence, task="IMAGE_TO_IMAGE", source="RENDER")
    next_job_works()


@pytest.mark.fault("F27")
def test_camera_goes_away_between_poll_and_render(plane, settings, monkeypatch):
    """What Blender itself refuses comes back as a sentence."""
    from sd_blender.blender.source import capture

    monkeypatch.setattr(capture, "check_can_render", lambda scene: None)
    refused("The render failed .*no camera", task="IMAGE_TO_IMAGE", source="RENDER")


def test_bad_settings_are_refused_before_a_slow_render(plane, settings, monkeypatch):
    from sd_blender.blender.source import capture

    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    rendered = []
    monkeypatch.setattr(capture, "render_now", rendered.append)
    change(settings, source="RENDER", prompt="x" * 20_000)
    refused("The prompt is longer", task="IMAGE_TO_IMAGE")
    refused("The prompt is longer", task="INPAINT", mask_image=new_image("Mask", MASK))
    assert not rendered


def test_no_render_yet(plane, settings):
    refused("There is no render yet", task="IMAGE_TO_IMAGE", source="RENDER_RESULT")
    next_job_works()


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("IMAGE", "No source image is chosen; choose one"),
        ("TEXTURE", "The active object has no Base Color texture"),
        ("EDITOR", "No image is open in an Image Editor"),
    ],
)
def test_source_that_is_not_there(plane, settings, source, sentence):
    refused(sentence, task="IMAGE_TO_IMAGE", source=source)
    next_job_works()


def test_source_without_pixels(plane, settings, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    broken = bpy.data.images.load(str(tmp_path / "broken.png"))
    refused(
        'Image "broken.png" has no pixels that Blender can read; choose another one',
        task="IMAGE_TO_IMAGE",
        source="IMAGE",
        source_image=broken,
    )
    next_job_works()


@pytest.fixture
def inpainting(plane, settings):
    source = new_image("Source", PICTURE)
    change(settings, task="INPAINT", source="IMAGE", source_image=source, mask_image=new_image("Mask", MASK))
    return source


@pytest.mark.fault("F51")
def test_no_mask(inpainting, settings):
    refused("No mask image is chosen; choose one or make a new mask", mask_image=None)
    refused("Texture Paint has no stencil image", mask_source="STENCIL")
    next_job_works()


@pytest.mark.fault("F51")
@pytest.mark.parametrize(
    ("pixels", "sentence"),
    [
        (np.zeros_like(MASK), "The mask is empty; paint white where the image should change"),
        (np.full_like(MASK, 255), "The mask covers the whole image"),
        (MASK[:16], "The mask is 48 x 16 pixels and the image 48 x 32; make a mask of the image's size"),
        (np.dstack([np.full_like(MASK, 255), np.zeros((32, 48), np.uint8)]), "The mask is empty"),
    ],
    ids=["empty", "full", "another size", "all transparent"],
)
def test_masks_that_do_not_fit(inpainting, settings, pixels, sentence):
    refused(sentence, mask_image=new_image("Bad", pixels))
    next_job_works()


def test_a_refusal_draws_no_new_seed(inpainting, settings):
    change(settings, lock_seed=False)
    refused("The mask is empty", mask_image=new_image("Bad", np.zeros_like(MASK)))  # seen only at submit


@pytest.mark.fault("F51")
def test_mask_with_values_that_are_not_numbers(inpainting, settings):
    mask = bpy.data.images.new("NaN", 48, 32, float_buffer=True)
    mask.pixels.foreach_set(np.full(48 * 32 * 4, np.nan, np.float32))
    refused("The mask holds values that are not numbers", mask_image=mask)


@pytest.mark.fault("F51")
def test_mask_without_pixels(inpainting, settings, tmp_path):
    (tmp_path / "mask.png").write_bytes(b"")
    refused('Image "mask.png" has no pixels', mask_image=bpy.data.images.load(str(tmp_path / "mask.png")))


@pytest.mark.fault("F51")
def test_udim_and_float_images_are_not_inpainted(inpainting, settings):
    tiled = bpy.data.images.new("Tiles", 48, 32, tiled=True)
    refused('"Tiles" has UDIM tiles', source_image=tiled)
    refused('"Float" is a float image', source_image=bpy.data.images.new("Float", 48, 32, float_buffer=True))
    next_job_works()


def test_a_failing_engine_is_reported_and_the_next_job_works(plane, settings, engine):
    engine.error = ModelNotFound("The model folder /nowhere is not there; choose another model.")
    refused("The model folder /nowhere is not there; choose another model")
    assert status.error.startswith("The model folder /nowhere")
    next_job_works()
    assert status.error == ""


def test_an_engine_that_cannot_be_made(plane, settings):
    def broken():
        raise ImportError("No module named 'torch'")

    session.set_engine_factory(broken)
    message = refused("The generation failed .ImportError: No module named 'torch'")
    assert ErrorKind.UNEXPECTED.value not in message
    assert "Traceback" in status.details


def numbers(value, dtype=np.float32):
    pixels = np.full((32, 48, 3), 0.5, dtype)
    pixels[3, 4] = value
    return pixels


@pytest.mark.fault("F10")
@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((32, 49, 3), np.uint8),
        np.zeros((31, 48, 3), np.uint8),
        np.zeros((48, 32, 3), np.uint8),
        np.zeros((32, 48), np.uint8),
        np.zeros((32, 48, 1), np.uint8),
        np.zeros((32, 48, 5), np.uint8),
        np.zeros((1, 32, 48, 3), np.uint8),
        np.zeros((32, 48, 3), np.float64),
        np.zeros((32, 48, 3), np.float32),
        np.zeros((32, 48, 3), np.uint16),
        np.zeros((0, 0, 3), np.uint8),
    ],
    ids=lambda pixels: f"{pixels.shape} {pixels.dtype}",
)
def test_a_picture_of_the_wrong_kind_never_arrives(plane, settings, engine, pixels):
    engine.seam = 1.0
    engine.pixels = pixels
    refused("The engine gave a picture of")
    assert plane.active_material is None
    engine.pixels = None
    next_job_works()


@pytest.mark.fault("F08")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_picture_of_what_is_no_number_never_arrives(plane, settings, engine, value):
    """Blender would store black or white and say nothing."""
    engine.seam = 1.0
    engine.pixels = numbers(value)
    refused("The engine gave a picture of")
    assert not bpy.data.images
    engine.pixels = None
    next_job_works()


@pytest.mark.fault("F10")
@pytest.mark.parametrize("order", ["F", "view", "readonly"])
def test_pixels_in_any_memory_order_arrive_as_they_are(plane, settings, engine, order):
    drawn = np.random.default_rng(4).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    given = {
        "F": np.asfortranarray(drawn),
        "view": np.repeat(drawn, 2, axis=1)[:, ::2],
        "readonly": drawn.copy(),
    }[order]
    given.flags.writeable = order != "readonly"
    engine.pixels = given
    generate()
    np.testing.assert_array_equal(pixels_of(base_color_image(plane.active_material))[..., :3], drawn)


@pytest.mark.fault("F10")
@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_pictures_than_asked_for(plane, settings, engine, count):
    """What came is kept all the same."""
    engine.gives, settings.count = count, 2
    before = set(bpy.data.images)
    with pytest.raises(RuntimeError, match=f"The engine gave {count} images, not 2; generate again"):
        bpy.ops.sdb.generate()
    assert len(set(bpy.data.images) - before) == count and not session.open_tickets()
    assert plane.active_material is None
    engine.gives = None
    next_job_works(count=1)


@pytest.fixture
def sixteen_bits(tmp_path):
    """MASK as a PNG of 16 bits a channel, which Blender reads as a float image."""
    image = bpy.data.images.new("Deep", 48, 32, float_buffer=True)
    rgba = np.ones((32, 48, 4), np.float32)
    rgba[..., :3] = MASK[::-1] / np.float32(255)
    image.pixels.foreach_set(rgba.ravel())
    settings = bpy.context.scene.render.image_settings
    compat.set_file_format(settings, "PNG")
    settings.color_mode, settings.color_depth = "RGB", "16"
    image.save_render(str(tmp_path / "deep.png"))
    bpy.data.images.remove(image)
    return bpy.data.images.load(str(tmp_path / "deep.png"))


def float_mask(tmp_path):
    image = bpy.data.images.new("Float", 48, 32, float_buffer=True, is_data=True)
    rgba = np.ones((32, 48, 4), np.float32)
    rgba[..., :3] = MASK[::-1] / np.float32(255) * 7.5  # brighter than white is white
    image.pixels.foreach_set(rgba.ravel())
    return image


def linked_mask(tmp_path):
    image = new_image("Theirs", MASK)
    image.pack()
    bpy.data.libraries.write(str(tmp_path / "library.blend"), {image})
    bpy.data.images.remove(image)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
        wanted.images = ["Theirs"]
    return bpy.data.images["Theirs"]


def mask_not_loaded_yet(tmp_path):
    (tmp_path / "mask.png").write_bytes(png.encode(MASK))
    image = bpy.data.images.load(str(tmp_path / "mask.png"))
    assert not image.has_data
    return image


def tiled_mask(tmp_path):
    image = bpy.data.images.new("Tiles", 48, 32, tiled=True)
    rgba = np.ones((32, 48, 4), np.float32)
    rgba[..., :3] = MASK[::-1] / np.float32(255)
    image.pixels.foreach_set(rgba.ravel())
    return image


@pytest.mark.fault("F51")
@pytest.mark.parametrize("make", [float_mask, linked_mask, mask_not_loaded_yet, tiled_mask])
def test_masks_of_other_kinds_mean_the_same(inpainting, settings, engine, make, tmp_path):
    """Of UDIM tiles the first one counts. Neither mask nor source is changed by being read."""
    mask = make(tmp_path)
    before = pixels_of(inpainting)
    generate(mask_image=mask)
    np.testing.assert_allclose(engine.requests[-1].mask, MASK[..., 0] / 255, atol=1 / 255)
    np.testing.assert_array_equal(pixels_of(inpainting), before)


@pytest.mark.fault("F51")
def test_mask_of_sixteen_bits(inpainting, settings, engine, sixteen_bits):
    generate(mask_image=sixteen_bits)
    np.testing.assert_array_equal(engine.requests[-1].mask > 0.5, MASK[..., 0] > 0)


@pytest.mark.fault("F51")
def test_mask_that_is_being_painted(inpainting, settings, engine, plane):
    """Strokes that are not saved count, and those made after Generate do not."""
    mask = settings.mask_image
    bpy.context.scene.tool_settings.image_paint.mode = "IMAGE"
    bpy.context.scene.tool_settings.image_paint.canvas = mask
    bpy.ops.object.mode_set(mode="TEXTURE_PAINT")
    mask.pixels[0:4] = (1.0, 1.0, 1.0, 1.0)
    engine.hold = threading.Event()
    ticket = submit()
    drain_until(lambda: engine.requests)
    mask.pixels.foreach_set(np.zeros(48 * 32 * 4, np.float32))
    engine.hold.set()
    drain_until(lambda: not ticket.is_open)
    assert engine.requests[-1].mask[31, 0] == 1.0
    assert engine.requests[-1].mask[5, 5] == 1.0
    assert not pixels_of(mask).any()
    assert bpy.context.object.mode == "TEXTURE_PAINT"
