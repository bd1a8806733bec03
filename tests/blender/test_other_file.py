# SPDX-License-Identifier: GPL-3.0-or-later
"""Files are opened, made, reverted and saved while a texture is made, and nothing of it ends in the wrong one."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

import sd_blender
from sd_blender.blender import lifecycle, pump, session
from sd_blender.blender.properties import status
from sd_blender.blender.results import keeping
from sd_blender.core.jobs import JobState
from tests.blender.conftest import (
    base_color_image,
    drain_until,
    engine_done,
    finish,
    generate,
    pixels_of,
    running,
    submit,
)
from tests.fakes import picture

pytestmark = pytest.mark.every_version

SAVED_AS = "Another file was opened while the texture was made; it is saved as "


@pytest.fixture(autouse=True)
def no_leftovers():
    """The folder of kept pictures, empty at first."""
    folder = Path(keeping.safe_folder())
    for file in folder.iterdir():
        file.unlink()
    return folder


@pytest.fixture
def scene_file(plane, settings, tmp_path):
    """The open file, with the target of the job in it, saved."""
    path = str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    return path


def open_same_again(path):
    bpy.ops.wm.open_mainfile(filepath=path)


def revert(path):
    bpy.ops.wm.revert_mainfile()


def new_file(path):
    bpy.ops.wm.read_homefile(use_empty=True)


def factory_settings(path):
    bpy.ops.wm.read_factory_settings(use_empty=True)


@pytest.mark.fault("F16")
@pytest.mark.parametrize("change_file", [open_same_again, revert, new_file, factory_settings])
def test_result_of_another_file_becomes_a_file_that_the_panel_names(held, scene_file, change_file):
    ticket = submit()
    drain_until(running(held))
    generation = lifecycle.file_generation()
    change_file(scene_file)
    assert lifecycle.file_generation() > generation
    finish(held, ticket)
    assert not bpy.data.images and not bpy.data.materials
    assert status.note.startswith(SAVED_AS)
    path = Path(status.note.removeprefix(SAVED_AS).removesuffix("."))
    assert path.parent == Path(keeping.safe_folder())
    image = bpy.data.images.load(str(path))
    np.testing.assert_array_equal(pixels_of(image)[..., :3], picture(7, 48, 32))
    assert (status.busy, status.error, session.open_tickets()) == (False, "", [])
    generate(prompt="next", destination="IMAGE", width=32, height=32, steps=1)
    assert "next" in bpy.data.images


@pytest.mark.fault("F16")
def test_several_images_are_named_by_their_folder(held, scene_file, no_leftovers):
    ticket = submit(count=3)
    drain_until(running(held))
    bpy.ops.wm.revert_mainfile()
    finish(held, ticket)
    assert status.note == f"{SAVED_AS.rstrip()} {keeping.safe_folder()}."
    assert len(list(no_leftovers.iterdir())) == 3


@pytest.mark.fault("F16")
@pytest.mark.fault("F30")
def test_no_folder_takes_it(held, scene_file, monkeypatch):
    """Then the picture is in the wrong file rather than nowhere."""

    def full(*_):
        raise OSError(28, "No space left on device")

    ticket = submit()
    drain_until(running(held))
    bpy.ops.wm.revert_mainfile()
    monkeypatch.setattr(keeping, "write", full)
    finish(held, ticket)
    assert bpy.data.images["mossy stone"].use_fake_user
    assert bpy.data.objects["Plane"].active_material is None
    assert status.note == (
        'Another file was opened while the texture was made; the texture is kept as image "mossy stone".'
    )


@pytest.mark.fault("F16")
@pytest.mark.fault("F30")
def test_safe_folder_that_cannot_be_written(held, scene_file, monkeypatch, tmp_path):
    ticket = submit()
    drain_until(running(held))
    bpy.ops.wm.revert_mainfile()
    monkeypatch.setattr(keeping, "safe_folder", lambda: "")
    finish(held, ticket)
    path = Path(status.note.removeprefix(SAVED_AS).removesuffix("."))
    assert path.is_file() and path.parent.name.startswith("sd_blender_")
    path.unlink()
    path.parent.rmdir()


@pytest.mark.fault("F16")
def test_waiting_jobs_of_the_old_file_and_a_job_of_the_new_one(held, scene_file, no_leftovers):
    old = [submit(), submit(seed=8)]
    drain_until(running(held))
    bpy.ops.wm.open_mainfile(filepath=scene_file)
    new = submit(seed=9, prompt="new")
    finish(held, new)
    assert not any(ticket.is_open for ticket in old)
    assert len(list(no_leftovers.iterdir())) == 2
    assert base_color_image(bpy.data.objects["Plane"].active_material).name == "new"
    assert [image.name for image in bpy.data.images if image.name == "mossy stone"] == []


@pytest.mark.fault("F17")
@pytest.mark.parametrize(
    "content",
    [b"BLENDER-v402" + b"\0" * 64, b"", b"not a .blend at all", None],
    ids=["damaged", "empty", "garbage", "cut"],
)
def test_a_broken_file_is_refused_and_the_job_goes_on(held, scene_file, tmp_path, content):
    broken = tmp_path / "broken.blend"
    whole = Path(scene_file).read_bytes()
    broken.write_bytes(whole[: len(whole) // 2] if content is None else content)
    ticket = submit()
    drain_until(running(held))
    generation = lifecycle.file_generation()
    try:
        bpy.ops.wm.open_mainfile(filepath=str(broken))
        opened = True
    except RuntimeError:
        opened = False
    assert lifecycle.busy_with() is None
    finish(held, ticket)
    if opened:  # Blender made the best of half a file: another file is open
        assert lifecycle.file_generation() > generation
        assert status.note.startswith(SAVED_AS)
    else:
        assert lifecycle.file_generation() == generation
        assert base_color_image(bpy.data.objects["Plane"].active_material).name == "mossy stone"
    generate(prompt="next", destination="IMAGE", width=32, height=32, steps=1)


@pytest.mark.fault("F18")
def test_saving_meanwhile_saves_no_trace_of_the_job(held, scene_file):
    ticket = submit()
    drain_until(lambda: ticket.job.state is JobState.RUNNING)
    bpy.ops.wm.save_mainfile()
    assert lifecycle.busy_with() is None
    finish(held, ticket)
    sd_blender.unregister()
    bpy.ops.wm.open_mainfile(filepath=scene_file)
    sd_blender.register()
    assert not bpy.data.images
    assert (status.busy, status.text, status.factor) == (False, "", 0.0)
    assert bpy.data.objects["Plane"].active_material is None
    assert not [key for key, _ in bpy.context.scene.items() if "busy" in key or "running" in key]
    assert bpy.ops.sdb.generate.poll()
    generate()


@pytest.mark.fault("F19")
@pytest.mark.parametrize("count", [1, 2])
def test_a_result_that_arrives_before_the_save_is_in_the_file(held, scene_file, count):
    ticket = submit(count=count)
    finish(held, ticket)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=scene_file)
    for index, name in enumerate(ticket.delivery.images):
        image = bpy.data.images[name]
        assert image.packed_file is not None
        np.testing.assert_array_equal(pixels_of(image)[..., :3], picture(7 + index, 48, 32))


@pytest.mark.fault("F16")
@pytest.mark.fault("F22")
def test_a_picture_that_is_finished_while_blender_is_busy_outlives_the_add_on(
    plane, settings, engine, no_leftovers, caplog
):
    submit()
    engine_done()
    lifecycle.HANDLERS["render_init"]()
    sd_blender.unregister()
    assert not bpy.data.images
    (file,) = no_leftovers.iterdir()
    assert str(file) in caplog.text


@pytest.mark.fault("F19")
def test_a_picture_that_is_finished_when_blender_quits_is_saved(
    plane, settings, engine, no_leftovers, caplog
):
    """What is put in the open file then is gone with it."""
    submit()
    engine_done()
    pump.leave()
    (file,) = no_leftovers.iterdir()
    assert f"a texture was finished too late to be shown; it is saved as {file}" in caplog.text
