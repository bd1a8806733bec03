# SPDX-License-Identifier: GPL-3.0-or-later
"""Textures saved to the output folder: whole or not at all, and never lost."""

from __future__ import annotations

import errno
import json
import os

import bpy
import numpy as np
import pytest

from sd_blender.blender import preferences, session
from sd_blender.blender.engines import EngineChoice
from sd_blender.blender.properties import status
from sd_blender.blender.results import naming, saving
from sd_blender.core import png
from tests.blender.conftest import base_color_image, drain_until, generate, pixels_of, submit
from tests.fakes import FakeEngine, picture

pytestmark = pytest.mark.every_version


@pytest.fixture
def entry():
    """Our preferences, which Blender keeps for add-ons that it enabled itself."""
    entry = bpy.context.preferences.addons.new()
    entry.module = preferences.ADD_ON
    yield entry.preferences
    bpy.context.preferences.addons.remove(entry)


@pytest.fixture
def folder(entry, tmp_path):
    folder = tmp_path / "out put ü"
    folder.mkdir()
    entry.output_folder = str(folder)
    return folder


def test_defaults_without_an_entry():
    assert preferences.read() == preferences.Preferences()


def test_preferences_are_read(entry, tmp_path):
    entry.model_folder, entry.device, entry.precision = str(tmp_path), "CPU", "FLOAT32"
    assert preferences.read() == preferences.Preferences(
        model_folder=str(tmp_path), output_folder="", device="CPU", precision="FLOAT32"
    )


def test_model_folder_of_the_preferences_is_the_default(entry, plane, settings, engine):
    entry.model_folder = "/models/house"
    generate()
    generate(model="/models/mine")
    assert [request.model for request in engine.requests] == ["/models/house", "/models/mine"]


def test_a_new_device_makes_a_new_engine(entry, plane, settings, monkeypatch):
    made = []

    class Choice(EngineChoice):
        def make(self):
            made.append(self.device)
            return FakeEngine()

    session.set_engine_factory(None)
    monkeypatch.setattr(session.engines, "choose", lambda p: Choice(None, p.device, p.precision, None))
    generate()
    generate()
    assert made == ["AUTO"]
    entry.device = "CPU"
    generate()
    assert made == ["AUTO", "CPU"]


def test_saved_with_provenance_and_shown_from_the_file(folder, plane, settings):
    generate(count=2)
    files = sorted(folder.iterdir())
    assert len(files) == 2
    assert all(file.name.startswith("mossy-stone-") and file.suffix == ".png" for file in files)
    image = base_color_image(plane.active_material)
    assert image.packed_file is None
    assert os.path.samefile(bpy.path.abspath(image.filepath), folder / os.path.basename(image.filepath))
    assert image.name == "mossy stone"
    np.testing.assert_array_equal(pixels_of(image)[..., :3], picture(7, 48, 32))
    story = json.loads(png.read_text((folder / os.path.basename(image.filepath)).read_bytes())["sd_blender"])
    assert story == json.loads(image["sd_blender"])
    assert story["result"]["seed"] == 7


@pytest.mark.fault("F19")
def test_path_is_relative_to_a_saved_file(folder, plane, settings, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    generate()
    image = base_color_image(plane.active_material)
    assert image.filepath.startswith("//out put ü/")
    before = pixels_of(image)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    np.testing.assert_array_equal(pixels_of(base_color_image(bpy.data.materials["Plane"])), before)


def test_same_texture_again_is_the_same_file(folder, plane, settings):
    generate()
    generate()
    assert len(list(folder.iterdir())) == 1
    generate(seed=8)
    assert len(list(folder.iterdir())) == 2


def kept_packed(plane, sentence):
    image = base_color_image(plane.active_material)
    assert image.packed_file is not None
    np.testing.assert_array_equal(pixels_of(image)[..., :3], picture(7, 48, 32))
    assert sentence in status.note
    assert "check the output folder in the preferences" in status.note


@pytest.mark.fault("F30")
def test_folder_that_is_gone(folder, plane, settings):
    folder.rmdir()
    generate()
    kept_packed(plane, "could not be saved")
    assert not folder.exists()


@pytest.mark.fault("F30")
def test_folder_that_is_a_file(folder, plane, settings):
    folder.rmdir()
    folder.write_text("no folder")
    generate()
    kept_packed(plane, "could not be saved")


@pytest.mark.fault("F28")
def test_disk_full(folder, plane, settings, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(saving.os, "fsync", full)
    generate()
    kept_packed(plane, "No space left on device")
    assert list(folder.iterdir()) == []


@pytest.mark.fault("F28")
def test_disk_that_loses_what_it_was_given(folder, plane, settings, monkeypatch):
    monkeypatch.setattr(saving.os, "fsync", lambda descriptor: os.ftruncate(descriptor, 10))
    generate()
    kept_packed(plane, "reads back differently")
    assert list(folder.iterdir()) == []


@pytest.mark.fault("F30")
def test_file_that_went_away_before_it_was_shown(folder, plane, settings, engine):
    ticket = submit()
    while session.current().thread._open:
        pass
    next(folder.iterdir()).unlink()
    drain_until(lambda: not ticket.is_open)
    image = base_color_image(plane.active_material)
    assert image.packed_file is not None
    np.testing.assert_array_equal(pixels_of(image)[..., :3], picture(7, 48, 32))


@pytest.mark.fault("F16")
def test_another_file_opened_meanwhile_leaves_the_texture_in_the_folder(
    folder, plane, settings, engine, tmp_path
):
    other = str(tmp_path / "other.blend")
    bpy.ops.wm.save_as_mainfile(filepath=other)
    ticket = submit()
    bpy.ops.wm.open_mainfile(filepath=other)
    drain_until(lambda: not ticket.is_open)
    (file,) = folder.iterdir()
    assert not bpy.data.images
    assert status.note == f"Another file was opened while the texture was made; it is saved as {file}."


@pytest.mark.fault("F31")
@pytest.mark.parametrize(
    "prompt", ["../../etc/passwd", "CON", "a/b\\c:d*e?", "🧱" * 50, "", "x" * 500, "nul."]
)
def test_file_names_are_safe(prompt):
    name = naming.file_name(prompt, 2**63 - 1, b"data")
    assert name.isascii() and len(name) < 100
    assert not set(name) & set('/\\:*?"<>|\n ')
    assert not name.startswith((".", "-", "con.", "nul."))


def test_no_path_and_no_prompt_text_leaks_into_the_name_of_another_picture():
    assert naming.file_name("moss", 1, b"a") != naming.file_name("moss", 1, b"b")
    assert naming.file_name("moss", 1, b"a") != naming.file_name("moss", 2, b"a")
