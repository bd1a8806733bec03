# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of older and newer Blenders and add-ons: what is known is taken, what is not is said or left alone."""

from __future__ import annotations

import zlib
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy.props import EnumProperty, IntProperty, PointerProperty, StringProperty

import sd_blender
from sd_blender.blender import lifecycle, properties, session
from tests.blender.conftest import base_color_image, change, generate, pixels_of
from tests.blender.files.write import VALUES
from tests.fakes import FakeEngine, picture

pytestmark = [pytest.mark.every_version, pytest.mark.fault("F57")]

FILES = sorted(Path(__file__).with_name("files").glob("*.blend"))


def opens(path):
    """Whether this Blender opens the file; an older one may refuse what a much newer one wrote."""
    try:
        bpy.ops.wm.open_mainfile(filepath=str(path))
    except RuntimeError as error:
        assert "newer" in str(error) or "not a blend file" in str(error)
        return False
    return True


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_of_the_oldest_and_the_newest_blender(engine, path, capfd, tmp_path):
    generation = lifecycle.file_generation()
    if not opens(path):
        assert bpy.app.version < (4, 5) and path.stem == "blender-5.2"
        assert lifecycle.busy_with() is None and lifecycle.file_generation() == generation
        generate(prompt="next", destination="IMAGE", width=32, height=32, steps=1)
        return
    settings = bpy.context.scene.sd_blender
    assert {name: getattr(settings, name) for name in VALUES} == VALUES
    image = base_color_image(bpy.data.materials["Plane"])
    assert settings.source_image == image and image.name == "old" and "sd_blender" in image
    np.testing.assert_array_equal(pixels_of(image)[..., :3], picture(7, 48, 32))
    generate(task="TEXT_TO_IMAGE", destination="MATERIAL", prompt="new", count=1)
    assert engine.requests[-1].sampling.steps == VALUES["steps"]
    assert "new" in bpy.data.images
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "again.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "again.blend"))
    assert bpy.context.scene.sd_blender.feather == VALUES["feather"]
    assert "Traceback" not in capfd.readouterr().err


def test_both_files_are_there():
    assert [path.stem for path in FILES] == ["blender-4.2", "blender-5.2"]


TASKS = (*properties.TASKS, ("VIDEO", "Video", "", 7))


class SDB_PG_newer(bpy.types.PropertyGroup):
    """The settings of a later version: a task, a tiling, a scheduler and a property that this one lacks."""

    prompt: StringProperty()
    task: EnumProperty(items=TASKS)
    destination: EnumProperty(items=properties.DESTINATIONS)
    source: EnumProperty(items=(*properties.SOURCES, ("CAMERA", "Camera", "", 99)))
    mask_source: EnumProperty(items=(*properties.MASK_SOURCES, ("SELECTION", "Selection", "", 99)))
    tiling: EnumProperty(items=(*properties.TILINGS, ("HEX", "Hexagons", "", 99)))
    scheduler: EnumProperty(items=(*properties.SCHEDULER_ITEMS, ("Quantum", "Quantum", "", 99)))
    spacing: EnumProperty(items=(*properties.SPACING_ITEMS, ("cosine", "Cosine", "", 99)))
    steps: IntProperty(max=100_000)  # above what this version takes
    sharpness: IntProperty()
    width: StringProperty()  # another type by then


class SDB_PG_older(bpy.types.PropertyGroup):
    """The settings of an earlier version: fewer, one that is gone, and one of another type."""

    prompt: StringProperty()
    batch: IntProperty()
    seed: StringProperty()


FIRST_SCHEDULERS = [
    (name, name, "", zlib.crc32(name.encode()) >> 1) for name in ("DPM++ 2M", "DPM++ SDE", "LCM")
]


class SDB_PG_renamed(bpy.types.PropertyGroup):
    """The scheduler as a version had it in which DPM++ SDE was the name of what is called DPM++ 2M SDE now."""

    prompt: StringProperty()
    scheduler: EnumProperty(items=FIRST_SCHEDULERS)


def saved_by(group, path, **values):
    """A file as the add-on with these settings would have saved it, opened with ours."""
    sd_blender.unregister()
    bpy.utils.register_class(group)
    bpy.types.Scene.sd_blender = PointerProperty(type=group)
    change(bpy.context.scene.sd_blender, **values)
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    del bpy.types.Scene.sd_blender
    bpy.utils.unregister_class(group)
    session.set_engine_factory(FakeEngine)
    sd_blender.register()
    bpy.ops.wm.open_mainfile(filepath=str(path))
    return bpy.context.scene.sd_blender


def test_settings_of_an_older_version(tmp_path, plane):
    settings = saved_by(SDB_PG_older, tmp_path / "old.blend", prompt="moss", batch=4, seed="seven")
    assert settings.prompt == "moss"
    defaults = {name: settings.bl_rna.properties[name].default for name in ("count", "steps", "seed")}
    assert {name: getattr(settings, name) for name in defaults} == defaults
    generate(width=32, height=32, steps=1)
    assert base_color_image(bpy.data.materials["Plane"])


@pytest.mark.parametrize(("first", "now"), [("DPM++ SDE", "DPM++ 2M SDE"), ("LCM", "LCM")])
def test_a_scheduler_that_was_called_otherwise_is_the_same_one(tmp_path, plane, first, now):
    settings = saved_by(SDB_PG_renamed, tmp_path / "first.blend", prompt="moss", scheduler=first)
    assert (settings.scheduler, settings.spacing, settings.clip_skip) == (now, "auto", 0)
    settings.scheduler = "DPM++ SDE"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "now.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "now.blend"))
    assert bpy.context.scene.sd_blender.scheduler == "DPM++ SDE"


@pytest.mark.parametrize(
    ("name", "value", "label", "good"),
    [
        ("task", "VIDEO", "Task", "TEXT_TO_IMAGE"),
        ("source", "CAMERA", "Source", "IMAGE"),
        ("mask_source", "SELECTION", "Mask", "IMAGE"),
        ("tiling", "HEX", "Tiling", "OFF"),
        ("scheduler", "Quantum", "Scheduler", "Heun"),
        ("spacing", "cosine", "Spacing", "leading"),
    ],
)
def test_a_choice_of_a_newer_version_is_named_and_not_guessed(tmp_path, plane, name, value, label, good):
    """And it stays in the file for the newer one, until the artist chooses."""
    path = tmp_path / "new.blend"
    settings = saved_by(SDB_PG_newer, path, prompt="moss", sharpness=3, width="wide", **{name: value})
    assert (settings.prompt, settings.width) == ("moss", 512)
    assert not bpy.ops.sdb.generate.poll()
    with pytest.raises(RuntimeError, match=f"{label} was set by another version of the add-on"):
        bpy.ops.sdb.generate()
    assert not bpy.data.images and not session.open_tickets()
    change(settings, width=32, height=32, steps=1, **{name: good})
    generate()
    assert base_color_image(bpy.data.materials["Plane"])


def test_a_number_that_only_a_newer_version_takes(tmp_path, plane):
    """Blender reads it as it is stored, beyond the range of our property."""
    settings = saved_by(SDB_PG_newer, tmp_path / "new.blend", prompt="moss", steps=50_000)
    if settings.steps > 1000:
        with pytest.raises(RuntimeError, match="The number of steps is 50000; set it from 1 to 1000"):
            bpy.ops.sdb.generate()
    assert not bpy.data.images
    generate(steps=1, width=32, height=32)


def test_every_choice_is_checked():
    from sd_blender.blender.build_request import CHOICES

    group = properties.SDB_PG_settings.bl_rna.properties
    assert {p.identifier for p in group if p.type == "ENUM"} == set(CHOICES)
