# SPDX-License-Identifier: GPL-3.0-or-later
"""The disk is full, read-only or gone, and paths are as nasty as people make them: the picture is kept, and named."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import warnings
from pathlib import Path

import bpy
import numpy as np
import pytest

from sd_blender.blender import preferences
from sd_blender.blender.properties import status
from sd_blender.blender.results import keeping, saving
from tests.blender.conftest import base_color_image, drain_until, finish, generate, pixels_of, running, submit
from tests.fakes import picture


@pytest.fixture
def entry():
    """Our preferences, which Blender keeps for add-ons that it enabled itself."""
    entry = bpy.context.preferences.addons.new()
    entry.module = preferences.ADD_ON
    yield entry.preferences
    bpy.context.preferences.addons.remove(entry)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 KB, or a skip where none can be mounted."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux; the next test has the fault without it")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this container may not mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def noise(engine, size=256):
    """A picture that no PNG makes smaller than the disk."""
    engine.pixels = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    change = {"width": size, "height": size}
    return engine.pixels, change


def packed(plane, pixels):
    image = base_color_image(plane.active_material)
    assert image.packed_file is not None
    np.testing.assert_array_equal(pixels_of(image)[..., :3], pixels)
    return image


@pytest.mark.fault("F28")
def test_result_on_a_full_disk_is_packed_and_leaves_no_part_of_a_file(
    small_disk, entry, plane, settings, engine, tmp_path
):
    entry.output_folder = str(small_disk)
    pixels, size = noise(engine)
    generate(**size)
    packed(plane, pixels)
    assert list(small_disk.iterdir()) == []
    assert "No space left on device" in status.note
    assert "packed in the .blend" in status.note
    path = str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    packed(bpy.data.objects["Plane"], pixels)
    engine.pixels = None
    generate(width=16, height=16)  # small enough for that disk
    assert [file.suffix for file in small_disk.iterdir()] == [".png"]


@pytest.mark.fault("F28")
@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_result_is_packed_whatever_step_of_writing_fails(
    entry, plane, settings, engine, monkeypatch, tmp_path, step, number
):
    def fails(*_, **__):
        raise OSError(number, os.strerror(number))

    entry.output_folder = str(tmp_path)
    if step == "open":
        monkeypatch.setattr(saving, "open", fails, raising=False)
    else:
        monkeypatch.setattr(saving.os, step, fails)
    generate()
    packed(plane, picture(7, 48, 32))
    assert os.strerror(number) in status.note
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("F28")
@pytest.mark.fault("F16")
def test_full_disk_and_another_file(small_disk, held, settings, monkeypatch, tmp_path):
    """No output folder, and the folder for kept pictures is full: the system's temporary folder takes it."""
    path = str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    pixels, size = noise(held)
    monkeypatch.setattr(keeping, "safe_folder", lambda: str(small_disk))
    ticket = submit(**size)
    drain_until(running(held))
    bpy.ops.wm.open_mainfile(filepath=path)
    finish(held, ticket)
    assert list(small_disk.iterdir()) == []
    place = Path(status.note.rpartition("saved as ")[2].removesuffix("."))
    np.testing.assert_array_equal(pixels_of(bpy.data.images.load(str(place)))[..., :3], pixels)
    place.unlink()
    place.parent.rmdir()


@pytest.mark.fault("F30")
def test_output_folder_that_is_read_only(small_disk, entry, plane, settings):
    """Root may write where others may not; on a disk mounted read-only nobody may."""
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    entry.output_folder = str(small_disk)
    generate()
    packed(plane, picture(7, 48, 32))
    assert "Read-only file system" in status.note
    assert "check the output folder in the preferences" in status.note


@pytest.mark.fault("F30")
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_output_folder_without_permission(entry, plane, settings, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    entry.output_folder = str(folder)
    generate()
    packed(plane, picture(7, 48, 32))
    assert "Permission denied" in status.note


@pytest.mark.fault("F30")
def test_output_folder_that_goes_away_meanwhile(entry, plane, held, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    entry.output_folder = str(folder)
    ticket = submit()
    drain_until(running(held))
    folder.rmdir()
    finish(held, ticket)
    packed(plane, picture(7, 48, 32))
    assert "No such file or directory" in status.note
    assert not folder.exists()


@pytest.mark.fault("F30")
def test_output_folder_beside_a_file_that_is_not_saved(entry, plane, settings, tmp_path, monkeypatch):
    """Blender makes "textures" of "//textures" then, which would be wherever Blender was started."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "textures").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # Blender 5 says that such a path is no use there
        entry.output_folder = "//textures"
    generate()
    packed(plane, picture(7, 48, 32))
    assert "not saved yet" in status.note
    assert list((tmp_path / "textures").iterdir()) == []


@pytest.mark.fault("F30")
def test_what_the_artist_painted_into_the_saved_file_is_not_overwritten(entry, plane, settings, tmp_path):
    entry.output_folder = str(tmp_path)
    generate()
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"painted on in another program")
    generate()
    generate()
    assert file.read_bytes() == b"painted on in another program"
    assert sorted(p.name for p in tmp_path.iterdir()) == [file.name, f"{file.stem}_2.png"]
    np.testing.assert_array_equal(
        pixels_of(base_color_image(plane.active_material))[..., :3], picture(7, 48, 32)
    )


FOLDERS = {
    "space": "two words",
    "umlaut": "Größe",
    "decomposed": "Gro\u0308ße",
    "cjk": "素材",
    "emoji": "🧱🪨",
    "quotes": 'it\'s "quoted" & $HOME `x` %n',
    "dot": "ends.",
    "reserved": "CON",
    "hash": "frame####",
    "udim": "tile.<UDIM>.1001",
    "deep": "/".join(["a folder of thirty characters"] * 12),  # more than 260 in all
}


@pytest.mark.fault("F31")
@pytest.mark.parametrize("name", FOLDERS.values(), ids=FOLDERS.keys())
def test_folders_of_all_kinds(entry, plane, settings, tmp_path, name):
    """Output folder and .blend lie there; the texture is saved, shown, and there again after opening."""
    folder = tmp_path / name
    folder.mkdir(parents=True)
    entry.output_folder = str(folder)
    blend = str(folder / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    generate()
    assert status.note == ""
    (file,) = folder.glob("*.png")
    image = base_color_image(plane.active_material)
    assert os.path.samefile(bpy.path.abspath(image.filepath), file)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=blend)
    image = base_color_image(bpy.data.materials["Plane"])
    np.testing.assert_array_equal(pixels_of(image)[..., :3], picture(7, 48, 32))


@pytest.mark.fault("F31")
def test_folder_whose_name_is_too_long_for_any_disk(entry, plane, settings, tmp_path):
    entry.output_folder = str(tmp_path / ("x" * 300))
    generate()
    packed(plane, picture(7, 48, 32))
    assert "could not be saved" in status.note


PROMPTS = [
    "../../../etc/passwd",
    "/etc/passwd",
    "C:\\Windows\\x",
    "CON",
    "nul.",
    "a\nb",
    "//x",
    "%s{}$(reboot)",
    "🧱" * 90,
]


@pytest.mark.fault("F31")
@pytest.mark.parametrize("prompt", PROMPTS)
def test_prompts_never_become_paths(entry, plane, settings, tmp_path, prompt):
    folder = tmp_path / "out"
    folder.mkdir()
    entry.output_folder = str(folder)
    generate(prompt=prompt)
    assert [path.parent for path in tmp_path.rglob("*") if path.is_file()] == [folder]
    (file,) = folder.iterdir()
    assert file.name.isascii() and len(file.name) < 80 and ".." not in file.name
    entry.output_folder = ""
    generate(prompt=prompt, seed=8)
    path = base_color_image(plane.active_material).filepath_raw
    assert path.startswith("//") and ".." not in path and not set(path[2:]) & set('/\\:*?"<>|\n')
