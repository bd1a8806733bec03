# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore Settings: the next Generate makes the same request again, and what cannot be restored is said."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os

import bpy
import numpy as np
import pytest

from sd_blender.blender import build_request, seeds
from sd_blender.blender.adapters import adapters
from sd_blender.blender.history import restore
from sd_blender.blender.properties import status
from sd_blender.core import png
from sd_blender.core.request import Inpaint
from sd_blender.core.serialization import ARRAY_FIELDS
from tests.blender.conftest import base_color_image, change, generate, new_image
from tests.fake_trainer import write_lora
from tests.fakes import picture

OTHERS = {
    "prompt": "something else",
    "negative_prompt": "other",
    "task": "TEXT_TO_IMAGE",
    "source": "RENDER",
    "mask_source": "STENCIL",
    "strength": 0.9,
    "inpaint_strength": 0.9,
    "feather": 1,
    "crop_to_mask": True,
    "context": 1,
    "width": 512,
    "height": 512,
    "steps": 99,
    "guidance_scale": 1.0,
    "clip_guidance_scale": 0.0,
    "classifier_guidance_scale": 0.0,
    "scheduler": "LCM",
    "spacing": "leading",
    "clip_skip": 11,
    "seed": 1,
    "lock_seed": False,
    "count": 1,
    "tiling": "OFF",
}
MADE = {
    "prompt": "größer {moss|stone}, 苔",
    "negative_prompt": "blurry",
    "width": 48,
    "height": 32,
    "steps": 3,
    "guidance_scale": 7.3,
    "clip_guidance_scale": 2.6,
    "classifier_guidance_scale": 1.5,
    "scheduler": "DPM++ SDE",
    "spacing": "trailing",
    "clip_skip": 3,
    "seed": 2**31 - 1,
    "tiling": "BOTH",
    "destination": "IMAGE",
    "strength": 0.37,
    "inpaint_strength": 0.61,
    "feather": 5,
    "crop_to_mask": False,
    "context": 77,
}


@pytest.fixture
def made(settings):
    """Settings unlike the defaults, with a source and a mask."""
    mask = np.zeros((32, 48, 3), np.uint8)
    mask[8:20, 8:20] = 255
    change(settings, **MADE, source="IMAGE", mask_source="IMAGE")
    settings.source_image = new_image("Theirs", picture(1, 48, 32))
    settings.mask_image = new_image("Mask", mask)
    return settings


def forget(settings):
    change(settings, **OTHERS, source_image=None, mask_image=None)


def same(one, other):
    assert type(one) is type(other)
    for field in dataclasses.fields(one):
        before, after = getattr(one, field.name), getattr(other, field.name)
        if field.name in ARRAY_FIELDS:
            np.testing.assert_array_equal(before, after)
        else:
            assert before == after, field.name


def newest():
    """The image of the entry that was added last."""
    return bpy.data.images[bpy.context.scene.sd_blender_history.entries[-1].image]


def from_history(_):
    bpy.ops.sdb.restore_settings()


def from_image(_):
    bpy.ops.sdb.restore_from_image(image=newest().name)


def from_file(folder):
    path = folder / "ours.png"
    path.write_bytes(newest().packed_file.data)
    bpy.ops.sdb.restore_from_file(filepath=str(path))


@pytest.mark.parametrize("way", [from_history, from_image, from_file])
@pytest.mark.parametrize("task", ["TEXT_TO_IMAGE", "IMAGE_TO_IMAGE", "INPAINT"])
def test_the_same_request_again(made, engine, tmp_path, task, way):
    generate(task=task)
    forget(made)
    way(tmp_path)
    assert status.note == ""
    assert made.lock_seed and made.task == task
    same(build_request.build(bpy.context).request, engine.requests[-1])


@pytest.mark.parametrize("own_size", [True, False])
def test_a_size_other_than_the_sources(made, engine, own_size):
    generate(task="IMAGE_TO_IMAGE", use_source_size=own_size, width=64, height=64)
    forget(made)
    made.use_source_size = not own_size
    bpy.ops.sdb.restore_settings()
    assert made.use_source_size == own_size
    same(build_request.build(bpy.context).request, engine.requests[-1])


def test_after_save_and_load(made, engine, tmp_path):
    generate(task="INPAINT")
    forget(made)
    made.source_image = made.mask_image = None
    for image in bpy.data.images:
        if not image.packed_file:
            image.pack()
        image.use_fake_user = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.sdb.restore_settings()
    assert status.note == ""
    same(build_request.build(bpy.context).request, engine.requests[-1])


def test_each_picture_of_a_batch_with_its_own_seed(made, engine):
    generate(count=3, seed=5)
    history = bpy.context.scene.sd_blender_history
    for index in range(3):
        history.active = index
        bpy.ops.sdb.restore_settings()
        assert (made.seed, made.count) == (5 + index, 3)


def test_restoring_is_one_undo_step(made):
    generate()
    forget(made)
    bpy.ops.ed.undo_push(message="Before")
    bpy.ops.sdb.restore_settings()
    bpy.ops.ed.undo_push(message="Restore Settings")  # a script's call pushes none of its own
    bpy.ops.ed.undo()
    assert bpy.context.scene.sd_blender.prompt == "something else"
    assert "UNDO" in bpy.types.SDB_OT_restore_settings.bl_options


def test_sources_that_are_gone_are_said_and_the_rest_is_set(made):
    generate(task="INPAINT")
    bpy.data.images.remove(bpy.data.images["Theirs"])
    forget(made)
    bpy.ops.sdb.restore_settings()
    assert status.note == "The settings are restored except for: source image; set these yourself."
    assert (made.task, made.feather, made.source) == ("INPAINT", 5, "RENDER")
    assert made.mask_image == bpy.data.images["Mask"]


def test_a_source_that_was_painted_on_is_not_the_same(made):
    generate(task="IMAGE_TO_IMAGE")
    made.source_image.pixels[0] = 0.5
    forget(made)
    bpy.ops.sdb.restore_settings()
    assert "source image" in status.note
    assert made.strength == np.float32(0.37)


def test_an_image_that_is_not_loaded_is_not_opened(made, monkeypatch):
    """It may be a stranger's, and lie on the stranger's computer."""
    generate(task="IMAGE_TO_IMAGE")
    bpy.data.images.remove(bpy.data.images["Theirs"])
    missing = bpy.data.images.new("Missing", 4, 4)
    missing.source, missing.filepath_raw = "FILE", "\\\\evil.example\\share\\x.png"
    assert missing not in list(restore._readable(None))
    bpy.ops.sdb.restore_settings()
    assert "source image" in status.note


def test_the_search_for_the_source_ends_in_time(made, monkeypatch):
    generate(task="IMAGE_TO_IMAGE")
    forget(made)
    bpy.data.images["Theirs"].name = "Renamed"
    monkeypatch.setattr(restore, "SEARCH_SECONDS", -1)
    bpy.ops.sdb.restore_settings()
    assert "source image" in status.note


def test_what_is_still_called_the_same_is_found_however_many_images_there_are(made, engine, monkeypatch):
    """A search through large images ends in time, and results have the size of their source and mask."""
    generate(task="INPAINT")
    forget(made)
    monkeypatch.setattr(restore, "SEARCH_SECONDS", -1)
    bpy.ops.sdb.restore_settings()
    assert status.note == ""
    assert (made.source_image.name, made.mask_image.name) == ("Theirs", "Mask")
    same(build_request.build(bpy.context).request, engine.requests[-1])


def test_another_image_of_that_name_is_not_the_mask(made, engine):
    generate(task="INPAINT")
    forget(made)
    bpy.data.images["Mask"].name = "Before"
    new_image("Mask", np.zeros((32, 48, 3), np.uint8))
    bpy.ops.sdb.restore_settings()
    assert status.note == "" and made.mask_image.name == "Before"


@pytest.mark.parametrize("inverted", [False, True])
def test_the_stencil_comes_back(made, engine, inverted):
    paint = bpy.context.tool_settings.image_paint
    paint.stencil_image, paint.invert_stencil = made.mask_image, inverted
    generate(task="INPAINT", mask_source="STENCIL")
    forget(made)
    paint.stencil_image, paint.invert_stencil, made.mask_source = None, False, "IMAGE"
    bpy.ops.sdb.restore_settings()
    assert status.note == ""
    same(build_request.build(bpy.context).request, engine.requests[-1])


def told(image, **values):
    """Change what an image tells of how it was made."""
    image["sd_blender"] = json.dumps(json.loads(image["sd_blender"]) | values)


def restored_from(image, **values):
    told(image, **values)
    bpy.ops.sdb.restore_from_image(image=image.name)
    return bpy.context.scene.sd_blender


def test_models(made, tmp_path):
    generate()
    image = bpy.data.images["größer {moss|stone}, 苔"]
    there, gone = tmp_path / "there", tmp_path / "gone"
    there.mkdir()
    assert restored_from(image, model=str(there)).model == str(there)
    assert restored_from(image, model=str(gone)).model == str(there)
    assert status.note == "The settings are restored except for: model; set these yourself."
    assert restored_from(image, model="starter").model == ""
    assert status.note == ""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    made = bpy.context.scene.sd_blender
    made.model = "//there"
    assert restored_from(image, model=str(there)).model == "//there"  # it is the same already


@pytest.mark.fault("F53")
@pytest.mark.parametrize(
    "path", ["\\\\evil.example\\share\\m", "//evil.example/share/m", "\\\\?\\UNC\\evil\\share"]
)
def test_a_strangers_folder_on_the_network_is_not_looked_at(made, monkeypatch, path):
    generate()
    image = bpy.data.images["größer {moss|stone}, 苔"]
    monkeypatch.setattr(os.path, "isdir", lambda _: pytest.fail("it was looked at"))
    assert restored_from(image, model=path).model == ""
    assert "model" in status.note


def test_numbers_that_only_the_command_line_takes(made):
    generate()
    image = bpy.data.images["größer {moss|stone}, 苔"]
    forget(made)
    sampling = {"seed": 2**40, "count": 40, "steps": 7}
    settings = restored_from(image, sampling=sampling, result={})
    assert (seeds.read(settings), settings.count, settings.steps) == (2**40, 1, 7)
    assert status.note == "The settings are restored except for: count; set these yourself."
    assert settings.lock_seed


def test_a_story_of_a_newer_version(made):
    generate()
    image = bpy.data.images["größer {moss|stone}, 苔"]
    settings = restored_from(image, **{f"new_{i}": i for i in range(9)}, prompt="moss")
    assert settings.prompt == "moss"
    assert status.note.endswith("new 5 and 3 more; set these yourself.")
    with pytest.raises(RuntimeError, match="not of format 2; update the add-on"):
        restored_from(image, version=3)


@pytest.mark.parametrize(("version", "meant"), [(1, "DPM++ 2M SDE"), (2, "DPM++ SDE")])
def test_a_story_of_an_earlier_version(made, version, meant):
    """DPM++ SDE was the name of another scheduler in the first format, and nobody could choose a spacing."""
    generate()
    image = bpy.data.images["größer {moss|stone}, 苔"]
    settings = restored_from(image, version=version, sampling={"scheduler": "DPM++ SDE", "steps": 9})
    assert (settings.scheduler, settings.steps) == (meant, 9)
    assert (settings.spacing, settings.clip_skip) == ("auto", 0)
    assert not status.message


INFOTEXT = (
    "mossy stone\nNegative prompt: blurry\nSteps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, "
    "Seed: 42, Size: 640x384, Model: deliberate, Denoising strength: 0.45, Clip skip: 2"
)


def test_a_picture_of_automatic1111(settings, tmp_path):
    forget(settings)
    path = tmp_path / "theirs.png"
    path.write_bytes(png.encode(picture(1, 64, 64), {"parameters": INFOTEXT}))
    assert bpy.ops.sdb.restore_from_file(filepath=str(path)) == {"FINISHED"}
    names = (
        "task",
        "prompt",
        "negative_prompt",
        "steps",
        "scheduler",
        "spacing",
        "clip_skip",
        "guidance_scale",
        "seed",
        "width",
        "height",
    )
    assert tuple(getattr(settings, name) for name in names) == (
        "IMAGE_TO_IMAGE",
        "mossy stone",
        "blurry",
        25,
        "DPM++ 2M Karras",
        "auto",
        2,
        6.5,
        42,
        640,
        384,
    )
    assert (settings.strength, settings.use_source_size, settings.lock_seed) == (
        np.float32(0.45),
        False,
        True,
    )
    assert settings.tiling == "OFF"  # of which the text says nothing
    assert status.note == (
        'The settings are restored except for: model "deliberate", source image; set these yourself.'
    )


@pytest.mark.fault("F54")
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (None, "There is no file"),
        (b"", "not a PNG file"),
        (png.encode(picture(1, 8, 8))[:-7], "cut short"),
        (png.encode(picture(1, 8, 8)), "holds no settings of this add-on or AUTOMATIC1111, nor of another"),
        (png.encode(picture(1, 8, 8), {"parameters": "x" * 10_000_000}), "too long to be settings"),
        (png.encode(picture(1, 8, 8), {"sd_blender": "[" * 100_000}), "damaged"),
    ],
    ids=range(6),
)
def test_files_that_say_nothing_change_nothing(settings, tmp_path, data, why):
    path = tmp_path / "x.png"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(RuntimeError, match=why):
        bpy.ops.sdb.restore_from_file(filepath=str(path))
    assert (settings.prompt, settings.task) == ("mossy stone", "TEXT_TO_IMAGE")


def test_a_file_that_is_too_large_or_no_file(settings, tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    path.write_bytes(b"\0" * 100)
    monkeypatch.setattr(restore, "MAX_FILE", 10)
    with pytest.raises(RuntimeError, match="too large"):
        bpy.ops.sdb.restore_from_file(filepath=str(path))
    with pytest.raises(RuntimeError, match="There is no file"):
        bpy.ops.sdb.restore_from_file(filepath=str(tmp_path))


def test_polls_say_why_not(settings):
    with pytest.raises(RuntimeError, match="Choose a texture in the history"):
        bpy.ops.sdb.restore_settings()
    with pytest.raises(RuntimeError, match="No image of this file carries settings"):
        bpy.ops.sdb.restore_from_image()


def test_the_image_on_the_active_object_is_the_one_meant(plane, settings):
    generate()
    new_image("Theirs", picture(1, 8, 8))
    settings.prompt = "something else"
    assert bpy.ops.sdb.restore_from_image() == {"FINISHED"}
    assert settings.prompt == "mossy stone"
    with pytest.raises(
        RuntimeError, match='Image "Theirs" carries no settings; choose one that the add-on made'
    ):
        bpy.ops.sdb.restore_from_image(image="Theirs")
    bpy.context.view_layer.objects.active = None
    with pytest.raises(RuntimeError, match="No image that the add-on made is shown; choose one"):
        bpy.ops.sdb.restore_from_image()


@pytest.mark.fault("F53")
@pytest.mark.parametrize("value", [b"\x00\xff", 7, {"a": {"b": 1}}, [1, 2], "", "{}", "null"], ids=repr)
def test_an_image_whose_settings_are_a_strangers(settings, value):
    image = new_image("Theirs", picture(1, 16, 16))
    image["sd_blender"] = value
    before = settings.prompt
    with pytest.raises(RuntimeError, match=r"damaged|carries settings|not of format"):
        bpy.ops.sdb.restore_from_image(image="Theirs")
    assert settings.prompt == before


def test_the_image_is_inpainted_on(made, plane, engine):
    """The result hides its source on the material, and the source is found all the same."""
    generate(destination="MATERIAL")
    source = base_color_image(plane.active_material)
    mask = np.zeros((32, 48, 3), np.uint8)
    mask[:8, :8] = 255
    generate(task="INPAINT", source="TEXTURE", mask_image=new_image("Spot", mask))
    assert base_color_image(plane.active_material) != source
    forget(made)
    bpy.ops.sdb.restore_settings()
    assert isinstance(engine.requests[-1], Inpaint)
    assert (made.source_image, made.mask_image.name, status.note) == (source, "Spot", "")
    same(build_request.build(bpy.context).request, engine.requests[-1])


def foreign(folder, text):
    path = folder / "theirs.png"
    path.write_bytes(png.encode(picture(1, 64, 64), {"parameters": text}))
    bpy.ops.sdb.restore_from_file(filepath=str(path))
    return [(e.path, round(e.weight, 3), e.use) for e in bpy.context.scene.sd_blender_adapters.entries]


TAGGED = (
    "moss <lora:wall:0.8>\nSteps: 20, Sampler: Euler a, Seed: 3698135662, Size: 512x512, "
    'Lora hashes: "wall: {digest}", ADetailer model: x, ADetailer confidence: 1, ADetailer dilate: 1, a: 1, b: 1, c: 1'
)


def test_a_lora_that_is_called_is_found_beside_those_of_the_list(settings, tmp_path):
    files = tmp_path / "loras"
    files.mkdir()
    write_lora(files / "moss.safetensors")
    write_lora(files / "Wall.safetensors")
    bpy.ops.sdb.add_lora(filepath=str(files / "moss.safetensors"))
    data = (files / "Wall.safetensors").read_bytes()
    digest = hashlib.sha256(data).hexdigest()[:12]
    moss, wall = str(files / "moss.safetensors"), str(files / "Wall.safetensors")
    assert foreign(tmp_path, TAGGED.format(digest=digest)) == [(moss, 1.0, False), (wall, 0.8, True)]
    assert (settings.prompt, seeds.read(settings)) == ("moss", 3698135662)
    assert status.note == "The settings are restored except for: ADetailer, a, b, c; set these yourself."
    foreign(tmp_path, TAGGED.format(digest="0" * 12))
    assert "LoRA wall (the file of this name is another one)" in status.note


@pytest.mark.parametrize("weight", ["nan", "inf", "99", "x"])
def test_a_weight_that_is_none_is_named(settings, tmp_path, weight):
    write_lora(tmp_path / "wall.safetensors")
    bpy.ops.sdb.add_lora(filepath=str(tmp_path / "wall.safetensors"))
    wall = str(tmp_path / "wall.safetensors")
    assert foreign(tmp_path, f"moss <lora:wall:{weight}>\nSteps: 20, Seed: 4") == [(wall, 1.0, True)]
    assert status.note == "The settings are restored except for: weight of LoRA wall; set these yourself."


def test_a_lora_of_another_name_is_found_by_its_checksum(settings, tmp_path):
    files = tmp_path / "loras"
    files.mkdir()
    write_lora(files / "renamed.safetensors", "zx")
    bpy.context.scene.sd_blender_training.output = str(files / "new.safetensors")
    digest = hashlib.sha256((files / "renamed.safetensors").read_bytes()).hexdigest()
    assert foreign(tmp_path, TAGGED.format(digest=digest[:12])) == [
        (str(files / "renamed.safetensors"), 0.8, True)
    ]


def test_what_is_not_here_is_named_the_most_important_first(settings, tmp_path):
    assert foreign(tmp_path, TAGGED.format(digest="00")) == []
    assert status.note.startswith("The settings are restored except for: LoRA wall, ADetailer, a, b")


def test_a_folder_on_the_network_is_not_searched(settings, tmp_path, monkeypatch):
    entry = bpy.context.scene.sd_blender_adapters.entries.add()
    entry.path = "\\\\server\\share\\evil.safetensors"
    assert adapters.library(bpy.context.scene) == ()
