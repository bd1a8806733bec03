# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input: one sentence, nothing changed, and the next job works."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from sd_blender.blender import session
from sd_blender.blender.properties import status
from sd_blender.core.errors import ErrorKind, ModelNotFound
from tests.blender.conftest import base_color_image, change, generate, new_image, textured

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


def test_prompt_of_ten_megabytes(plane, settings):
    refused("The prompt is longer than 10000 characters; shorten it", prompt="x" * 10_000_000)
    assert status.error.startswith("The prompt is longer")
    next_job_works()


def test_negative_prompt_too_long(plane, settings):
    refused("The negative prompt is longer", negative_prompt="x" * 20_000)


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
        ("feather", 0, 256, (-1, 257)),
        ("context", 0, 2048, (-1, 4096)),
    ],
)
def test_numbers_out_of_range_cannot_be_set(settings, name, low, high, given):
    """Blender keeps a property within its range, whatever a script or a .blend says."""
    for value in given:
        setattr(settings, name, value)
        assert low - 1e-6 <= getattr(settings, name) <= high


def test_numbers_that_no_property_can_hold(settings):
    with pytest.raises((OverflowError, ValueError)):
        settings.seed = 2**63
    with pytest.raises(TypeError):
        settings.scheduler = "Quantum"
    settings.guidance_scale = float("nan")
    if np.isnan(settings.guidance_scale):
        refused("The guidance scale is nan; set it from 0 to 100", destination="IMAGE")


def test_null_bytes_end_a_blender_string(plane, settings, engine):
    try:
        settings.prompt = "moss\0evil"
    except ValueError:
        return
    assert "\0" not in settings.prompt


def test_no_active_object(settings):
    refused("No object is active; select one, or set Result to Image Only")
    next_job_works()


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


def test_linked_material(library, engine):
    linked(library, "Plane")
    refused('Material "Linked" is linked from another file; make it local to change it')
    next_job_works()


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


def test_scene_without_camera(plane, settings):
    sentence = 'Scene "Scene" has no camera to render with; add one'
    refused(sentence, task="IMAGE_TO_IMAGE", source="RENDER")
    next_job_works()


def test_camera_goes_away_between_poll_and_render(plane, settings, monkeypatch):
    """What Blender itself refuses comes back as a sentence."""
    from sd_blender.blender import capture

    monkeypatch.setattr(capture, "check_can_render", lambda scene: None)
    refused("The render failed .*no camera", task="IMAGE_TO_IMAGE", source="RENDER")


def test_bad_settings_are_refused_before_a_slow_render(plane, settings, monkeypatch):
    from sd_blender.blender import capture

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
        'Image "broken.png" has no pixels; reload it or choose another',
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


def test_no_mask(inpainting, settings):
    refused("No mask image is chosen; choose one or make a new mask", mask_image=None)
    refused("Texture Paint has no stencil image", mask_source="STENCIL")
    next_job_works()


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


def test_mask_with_values_that_are_not_numbers(inpainting, settings):
    mask = bpy.data.images.new("NaN", 48, 32, float_buffer=True)
    mask.pixels.foreach_set(np.full(48 * 32 * 4, np.nan, np.float32))
    refused("The mask holds values that are not numbers", mask_image=mask)


def test_mask_without_pixels(inpainting, settings, tmp_path):
    (tmp_path / "mask.png").write_bytes(b"")
    refused('Image "mask.png" has no pixels', mask_image=bpy.data.images.load(str(tmp_path / "mask.png")))


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


def test_a_picture_of_the_wrong_size_never_arrives(plane, settings, engine):
    engine.pixels = np.zeros((8, 8, 3), np.uint8)
    refused("The engine gave a picture of shape")
    engine.pixels = None
    next_job_works()
