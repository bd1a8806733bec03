# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompt in, texture on the material out."""

from __future__ import annotations

import json

import bpy
import numpy as np
import pytest

from sd_blender.core import png
from sd_blender.core.request import SCHEDULERS, Tiling
from sd_blender.core.serialization import from_json
from tests.blender.conftest import base_color_image, generate, pixels_of
from tests.fakes import picture

pytestmark = pytest.mark.every_version


def test_texture_lands_on_a_new_material_the_right_way_up(plane, settings):
    generate()
    image = base_color_image(plane.active_material)
    assert tuple(image.size) == (48, 32)
    assert image.name == "mossy stone"
    shown = pixels_of(image)
    expected = picture(7, 48, 32)
    assert not np.array_equal(expected, expected[::-1])  # a flip would show
    assert not np.array_equal(expected, expected[:, ::-1])
    np.testing.assert_array_equal(shown[..., :3], expected)
    assert (shown[..., 3] == 255).all()


@pytest.mark.fault("F52")
@pytest.mark.parametrize("channels", [3, 4])
def test_middle_grey_comes_back(plane, settings, engine, channels):
    grey = np.full((32, 48, channels), 128, np.uint8)
    grey[..., 3:] = 255
    engine.pixels = grey
    generate()
    image = base_color_image(plane.active_material)
    assert image.colorspace_settings.name == "sRGB"
    assert not image.is_float
    value = image.pixels[0]
    assert abs(value - 0.5) <= 1 / 255


@pytest.mark.fault("F52")
def test_grey_and_ramp_survive_the_trip_through_a_render(plane, settings, engine):
    """Standard view transform: what the engine drew is what the render of the texture shows, within 1/255."""
    ramp = np.repeat(np.arange(0, 256, 8, dtype=np.uint8)[None, :, None], 32, axis=0)
    engine.pixels = np.broadcast_to(ramp, (32, 32, 3)).copy()
    engine.pixels[:8] = 128
    generate(width=32, height=32)
    shown = render_flat(base_color_image(plane.active_material), plane)
    assert np.abs(shown.astype(int) - engine.pixels.astype(int)).max() <= 1


def render_flat(image, thing):
    """What a camera straight above sees of the image as pure emission, one pixel for each of its pixels."""
    from sd_blender.blender.source import capture

    scene = bpy.context.scene
    material = bpy.data.materials.new("Flat")
    if material.node_tree is None:
        material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    output, emission, texture = (
        tree.nodes.new(f"ShaderNode{kind}") for kind in ("OutputMaterial", "Emission", "TexImage")
    )
    texture.image, texture.interpolation = image, "Closest"
    tree.links.new(texture.outputs["Color"], emission.inputs["Color"])
    tree.links.new(emission.outputs[0], output.inputs["Surface"])
    thing.material_slots[0].material = material
    camera = bpy.data.cameras.new("Camera")
    camera.type, camera.ortho_scale = "ORTHO", 2.0
    scene.camera = bpy.data.objects.new("Camera", camera)
    scene.camera.location = (0, 0, 2)
    scene.collection.objects.link(scene.camera)
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.cycles.use_denoising = False
    scene.cycles.pixel_filter_type, scene.render.filter_size = "BOX", 0.01
    scene.render.dither_intensity = 0
    scene.render.resolution_x, scene.render.resolution_y = image.size
    scene.view_settings.view_transform = "Standard"
    return capture.render_now(scene)


def test_all_settings_reach_the_engine(plane, settings, engine):
    generate(
        negative_prompt="blurry",
        guidance_scale=3.5,
        clip_guidance_scale=2.5,
        classifier_guidance_scale=1.5,
        scheduler="Euler a",
        tiling="X",
        count=2,
        model="/models/mine",
    )
    request = engine.requests[-1]
    sampling = request.sampling
    assert (request.prompt, request.negative_prompt, request.model) == (
        "mossy stone",
        "blurry",
        "/models/mine",
    )
    assert request.tiling is Tiling.X
    assert (sampling.width, sampling.height, sampling.steps, sampling.seed) == (48, 32, 2, 7)
    assert (sampling.guidance_scale, sampling.scheduler, sampling.count) == (3.5, "Euler a", 2)
    assert (sampling.clip_guidance_scale, sampling.classifier_guidance_scale) == (2.5, 1.5)
    assert (sampling.spacing, sampling.clip_skip, sampling.speed) == ("auto", 0, "exact")
    generate(spacing="trailing", clip_skip=2, speed="fast")
    sampling = engine.requests[-1].sampling
    assert (sampling.spacing, sampling.clip_skip, sampling.speed) == ("trailing", 2, "fast")


def test_a_spacing_that_the_scheduler_cannot_take_is_refused_before_anything_is_done(plane, settings, engine):
    with pytest.raises(RuntimeError, match="set Spacing to Model's Own, or choose another scheduler"):
        generate(scheduler="TCD", spacing="karras")
    assert not engine.requests


def test_every_scheduler_can_be_chosen_and_keeps_its_number_in_the_file(settings):
    for name in SCHEDULERS:
        settings.scheduler = name
        assert settings.scheduler == name
    from sd_blender.blender.properties import SCHEDULER_ITEMS

    numbers = [number for *_, number in SCHEDULER_ITEMS]
    assert len(set(numbers)) == len(numbers)
    assert numbers[0] == 575307126  # crc32("DPM++ 2M") >> 1: files hold this number


def test_a_new_seed_for_each_texture_unless_locked(plane, settings, engine):
    generate()
    assert settings.seed == 7
    generate(lock_seed=False)
    generate()
    seeds = [request.sampling.seed for request in engine.requests]
    assert seeds[0] == 7
    assert len(set(seeds)) == 3
    assert settings.seed == seeds[-1]  # shown, so that it can be locked


def test_more_than_one_image(plane, settings):
    generate(count=3)
    images = sorted(bpy.data.images, key=lambda image: json.loads(image["sd_blender"])["result"]["seed"])
    assert len(images) == 3
    assert base_color_image(plane.active_material) == images[0]
    for index, image in enumerate(images):
        np.testing.assert_array_equal(pixels_of(image)[..., :3], picture(7 + index, 48, 32))
    assert [image.use_fake_user for image in images] == [False, True, True]


@pytest.mark.fault("F19")
def test_textures_survive_saving_and_opening(plane, settings, tmp_path):
    generate(count=2)
    before = {image.name: pixels_of(image) for image in bpy.data.images}
    names = set(before)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert {image.name for image in bpy.data.images if image.name in names} == names
    for name in names:
        np.testing.assert_array_equal(pixels_of(bpy.data.images[name]), before[name])
    assert base_color_image(bpy.data.materials["Plane"]).name in names


@pytest.mark.fault("F14")
def test_one_undo_step_takes_back_image_and_material_and_redo_brings_both(plane, settings):
    bpy.ops.ed.undo_push(message="Before")
    generate()
    bpy.ops.ed.undo()
    assert not bpy.data.images
    assert not bpy.data.materials
    assert len(bpy.data.objects["Plane"].material_slots) == 0
    assert bpy.context.scene.sd_blender.prompt == "mossy stone"
    bpy.ops.ed.redo()
    image = base_color_image(bpy.data.objects["Plane"].active_material)
    np.testing.assert_array_equal(pixels_of(image)[..., :3], picture(7, 48, 32))


@pytest.mark.fault("F14")
@pytest.mark.parametrize("mode", ["TEXTURE_PAINT", "SCULPT", "VERTEX_PAINT"])
def test_undo_in_paint_modes(plane, settings, mode):
    """These modes have undo systems of their own, which must not swallow the step."""
    bpy.ops.ed.undo_push(message="Before")
    bpy.ops.object.mode_set(mode=mode)
    bpy.ops.ed.undo_push(message="Mode")
    generate()
    bpy.ops.ed.undo()
    assert not bpy.data.images
    bpy.ops.ed.redo()
    assert base_color_image(bpy.data.objects["Plane"].active_material).name == "mossy stone"
    assert bpy.context.object.mode == mode


def test_provenance_is_on_the_image_and_in_its_file(plane, settings, engine):
    generate(prompt="Überwachsener Stein 苔", scheduler="Heun", tiling="BOTH")
    image = base_color_image(plane.active_material)
    story = json.loads(image["sd_blender"])
    assert story["result"]["seed"] == 7
    request = from_json({k: v for k, v in story.items() if k not in ("software", "arrays", "result")}, {})
    assert request == engine.requests[-1]
    assert json.loads(png.read_text(image.packed_file.data)["sd_blender"]) == story


@pytest.mark.fault("F31")
@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("moss", "moss"),
        ("  two\nlines\t", "two lines"),
        ("...hidden", "hidden"),
        ("\u202e\u0007", "Texture"),
        ("x" * 200, "x" * 59),
        ("苔" * 100, "苔" * 19),
        ("🧱" * 100, "🧱" * 14),
    ],
)
def test_names_come_from_prompts(plane, settings, prompt, name):
    generate(prompt=prompt)
    image = base_color_image(plane.active_material)
    assert image.name == name


def test_same_prompt_twice_keeps_both_images(plane, settings):
    generate()
    first = base_color_image(plane.active_material)
    generate(seed=8)
    second = base_color_image(plane.active_material)
    assert second != first
    assert second.name == "mossy stone.001"
    assert first.use_fake_user  # nothing shows it any more, and it is kept


def test_image_only_needs_no_object_and_touches_no_material(settings):
    generate(destination="IMAGE")
    (image,) = bpy.data.images
    assert image.use_fake_user
    assert not bpy.data.materials


def test_warnings_of_the_engine_reach_the_artist(plane, settings, engine):
    from dataclasses import replace

    from sd_blender.blender.properties import status

    draw = engine._image
    engine._image = lambda *a: replace(draw(*a), warnings=("The picture is one colour; try another prompt.",))
    generate()
    assert status.note == "The picture is one colour; try another prompt."
    assert status.error == ""


@pytest.mark.fault("F27")
def test_a_mesh_without_uv_map_is_textured_with_advice(plane, settings):
    plane.data.uv_layers.remove(plane.data.uv_layers[0])
    generate()
    from sd_blender.blender.properties import status

    assert base_color_image(plane.active_material)
    assert "no UV map" in status.note


def test_unload_reaches_the_engine(plane, settings, engine):
    with pytest.raises(RuntimeError, match="No model is loaded"):
        bpy.ops.sdb.unload()
    generate()
    bpy.ops.sdb.unload()
    generate()  # runs after the unloading, on the same engine
    assert engine.unloads == 1
    assert len(engine.requests) == 2
