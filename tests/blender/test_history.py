# SPDX-License-Identifier: GPL-3.0-or-later
"""The history in the .blend: every picture gets an entry, and nothing that anybody needs goes with one."""

from __future__ import annotations

import dataclasses

import bpy
import numpy as np
import pytest
from bpy.props import CollectionProperty, IntProperty, PointerProperty, StringProperty

import sd_blender
from sd_blender.blender import icons, preferences
from sd_blender.blender.history import history
from sd_blender.blender.history import properties as history_properties
from sd_blender.blender.history.properties import SDB_PG_history_entry
from sd_blender.blender.properties import status
from sd_blender.blender.results import writeback
from sd_blender.core import thumbnails
from tests.blender.conftest import (
    base_color_image,
    drain_until,
    finish,
    generate,
    new_image,
    pixels_of,
    running,
    submit,
    textured,
)
from tests.fakes import picture


def ours():
    return bpy.context.scene.sd_blender_history


def chosen():
    return history_properties.chosen(ours())


def prompts():
    return [entry.prompt for entry in ours().entries]


@pytest.fixture
def limit(monkeypatch):
    """Sets History Limit, in bytes."""

    def set_limit(size):
        monkeypatch.setattr(history, "MEGABYTE", size)
        read = preferences.read
        monkeypatch.setattr(history.preferences, "read", lambda: dataclasses.replace(read(), history_limit=1))

    return set_limit


def test_a_picture_becomes_an_entry(plane, settings):
    generate()
    (entry,) = ours().entries
    image = base_color_image(plane.active_material)
    assert (entry.prompt, entry.seed, entry.size, entry.favourite) == ("mossy stone", "7", "48 x 32", False)
    assert entry.settings == image["sd_blender"] and entry.image == image.name
    assert history.find_image(entry) == image
    assert len(entry.made_at) == len("2026-01-01 00:00")
    width, height, values = thumbnails.read(entry.thumbnail)
    assert (width, height) == (48, 32)
    shown = np.rint(values.reshape(32, 48, 4)[::-1, :, :3] * 255).astype(np.uint8)
    np.testing.assert_array_equal(shown, picture(7, 48, 32))
    assert image.users == 1 and not image.use_fake_user  # the history is no user


def test_all_of_a_batch_the_newest_chosen(plane, settings):
    generate(count=3)
    assert [entry.seed for entry in ours().entries] == ["7", "8", "9"]
    assert chosen().seed == "9"
    ours().active = 0  # an old one, of which the artist has restored the settings
    generate(seed=20, count=1)
    assert chosen().seed == "20"


def test_the_same_picture_twice_is_two_entries_with_an_image_each(settings):
    generate(destination="IMAGE")
    generate()
    one, other = ours().entries
    assert one.settings == other.settings
    assert (history.find_image(one).name, history.find_image(other).name) == (one.image, other.image)
    assert one.image != other.image


@pytest.mark.fault("F15")
def test_an_entry_when_the_target_is_gone(plane, settings, held):
    ticket = submit()
    drain_until(running(held))
    bpy.data.objects.remove(plane)
    finish(held, ticket)
    assert prompts() == ["mossy stone"]
    assert history.find_image(chosen()).use_fake_user


@pytest.mark.fault("F16")
def test_none_in_another_file(plane, settings, held):
    ticket = submit()
    drain_until(running(held))
    bpy.ops.wm.read_homefile(use_empty=True)
    finish(held, ticket)
    assert not len(ours().entries)


@pytest.mark.fault("F23")
def test_a_history_that_fails_costs_no_picture(plane, settings, monkeypatch, caplog):
    monkeypatch.setattr(writeback.history, "record", lambda *_: 1 / 0)
    generate()
    assert base_color_image(plane.active_material).name == "mossy stone"
    assert status.error == ""
    assert status.note.startswith("The history could not take the texture (division by zero);")
    assert "the history could not take the texture" in caplog.text


def test_the_prompt_that_was_drawn_is_shown(plane, settings, engine, monkeypatch):
    from sd_blender.core.messages import GeneratedImage, Seam

    drawn = GeneratedImage(picture(7, 48, 32), 7, Seam(1, 1), prompt="mossy slate")
    monkeypatch.setattr(engine, "_image", lambda *_: drawn)
    generate(prompt="mossy {stone|slate}")
    assert prompts() == ["mossy slate"]
    bpy.ops.sdb.restore_settings()
    assert settings.prompt == "mossy {stone|slate}"


def test_one_undo_step_takes_image_material_and_entry_and_redo_brings_them(plane, settings):
    bpy.ops.ed.undo_push(message="Before")
    generate()
    bpy.ops.ed.undo()
    assert not len(ours().entries) and not bpy.data.images
    assert bpy.data.objects["Plane"].active_material is None
    bpy.ops.ed.redo()
    assert prompts() == ["mossy stone"]
    assert history.find_image(chosen()) == base_color_image(bpy.data.materials["Plane"])


def test_it_survives_save_and_load(plane, settings, tmp_path):
    generate(count=2)
    ours().entries[0].favourite = True
    before = [[getattr(entry, name) for name in FIELDS] for entry in ours().entries]
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert [[getattr(entry, name) for name in FIELDS] for entry in ours().entries] == before
    for entry in ours().entries:
        image = history.find_image(entry)
        np.testing.assert_array_equal(pixels_of(image)[..., :3], picture(int(entry.seed), 48, 32))
    bpy.ops.sdb.restore_settings()
    assert bpy.context.scene.sd_blender.seed == 8


FIELDS = list(SDB_PG_history_entry.__annotations__)


def test_a_renamed_image_is_found(plane, settings):
    generate()
    image = base_color_image(plane.active_material)
    image.name = "Renamed"
    new_image("mossy stone", picture(1, 8, 8))
    assert history.find_image(chosen()) == image


def test_deleting_takes_an_image_that_nothing_uses_and_undo_brings_it_back(settings):
    generate(destination="IMAGE")
    pixels = pixels_of(bpy.data.images["mossy stone"])
    bpy.ops.ed.undo_push(message="Before")
    assert bpy.ops.sdb.delete_from_history() == {"FINISHED"}
    assert not len(ours().entries) and not bpy.data.images
    bpy.ops.ed.undo_push(message="Delete")
    bpy.ops.ed.undo()
    assert prompts() == ["mossy stone"]
    np.testing.assert_array_equal(pixels_of(history.find_image(chosen())), pixels)


def painted(image):
    image.pixels[0] = 0.123
    image.update()


def painted_and_packed(image):
    values = np.random.default_rng(0).random(len(image.pixels)).astype(np.float32)
    image.pixels.foreach_set(values)
    image.pack()


def chosen_as_source(image):
    bpy.context.scene.sd_blender.source_image = image


def on_a_material(image):
    textured(bpy.data.objects["Plane"], image)


@pytest.mark.parametrize("use", [painted, painted_and_packed, chosen_as_source, on_a_material])
def test_an_image_that_is_used_or_was_changed_stays(plane, settings, use, limit):
    generate(destination="IMAGE")
    use(bpy.data.images["mossy stone"])
    limit(1)
    generate(seed=8)
    assert [entry.seed for entry in ours().entries] == ["8"]
    assert "mossy stone" in bpy.data.images
    ours().entries.remove(0)
    limit(10**9)
    image = bpy.data.images["mossy stone"]
    generate(seed=9)
    ours().entries[0].settings = image["sd_blender"]
    ours().entries[0].image = image.name
    assert bpy.ops.sdb.delete_from_history() == {"FINISHED"}
    assert "mossy stone" in bpy.data.images


def test_an_image_of_which_another_entry_tells_stays(settings):
    generate(destination="IMAGE")
    other = bpy.data.scenes.new("Other")
    other.sd_blender_history.entries.add()
    for name in FIELDS:
        setattr(other.sd_blender_history.entries[0], name, getattr(chosen(), name))
    bpy.ops.sdb.delete_from_history()
    assert "mossy stone" in bpy.data.images
    history.delete(other.sd_blender_history, 0)
    assert "mossy stone" not in bpy.data.images


def test_the_file_of_an_image_in_the_output_folder_stays(settings, tmp_path, monkeypatch):
    from sd_blender.blender import session

    read = preferences.read
    monkeypatch.setattr(
        session.preferences,
        "read",
        lambda: dataclasses.replace(read(), output_folder=str(tmp_path)),
    )
    generate(destination="IMAGE")
    (path,) = tmp_path.glob("*.png")
    bpy.ops.sdb.delete_from_history()
    assert not bpy.data.images and path.exists()


def test_deleting_keeps_the_choice_near(settings):
    for seed in range(4):
        generate(destination="IMAGE", seed=seed)
    ours().active = 1
    bpy.ops.sdb.delete_from_history()
    assert chosen().seed == "2"
    history.delete(ours(), 0)
    assert chosen().seed == "2"
    history.delete(ours(), 1)
    assert chosen().seed == "2"
    bpy.ops.sdb.delete_from_history()
    assert chosen() is None
    with pytest.raises(RuntimeError, match="Choose a texture in the history"):
        bpy.ops.sdb.delete_from_history()


def test_the_limit_takes_the_oldest_but_no_favourites(settings, limit):
    for seed in range(4):
        generate(destination="IMAGE", seed=seed)
    images = history.our_images()
    size = max(history._size(entry, images) for entry in ours().entries)
    ours().entries[0].favourite = True
    limit(3 * size + size // 2)
    generate(seed=4, count=1)
    assert [entry.seed for entry in ours().entries] == ["0", "3", "4"]
    assert len(bpy.data.images) == 3
    assert status.note.startswith("The history was over 1 MB and lost its 2 oldest; favour what")
    assert chosen().seed == "4"


def test_the_limit_never_takes_what_was_just_made(settings, limit):
    limit(1)
    generate(destination="IMAGE", count=3)
    assert len(ours().entries) == len(bpy.data.images) == 3
    assert status.note.startswith('The texture is image "')


def test_what_something_else_uses_does_not_count(plane, settings):
    generate()
    images = history.our_images()
    entry = chosen()
    own = len(entry.thumbnail) + len(entry.settings)
    assert history._size(entry, images) == own
    bpy.data.materials.remove(plane.active_material)
    assert history._size(entry, images) == own + entry.packed_size


def test_no_limit(settings, monkeypatch):
    read = preferences.read
    monkeypatch.setattr(history.preferences, "read", lambda: dataclasses.replace(read(), history_limit=0))
    monkeypatch.setattr(history, "_shorten", lambda *_: pytest.fail("it was shortened"))
    generate(destination="IMAGE")
    assert len(ours().entries) == 1


def test_a_picture_is_shown_again(plane, settings):
    generate()
    generate(prompt="rust")
    ours().active = 0
    assert bpy.ops.sdb.use_from_history() == {"FINISHED"}
    assert base_color_image(plane.active_material).name == "mossy stone"
    assert bpy.data.images["rust"].use_fake_user
    bare = bpy.data.objects.new("Bare", bpy.data.meshes.new("Bare"))
    bpy.context.scene.collection.objects.link(bare)
    bpy.context.view_layer.objects.active = bare
    bpy.ops.sdb.use_from_history()
    assert base_color_image(bare.active_material).name == "mossy stone"
    assert "has no faces" in status.note


def test_showing_says_why_not(plane, settings):
    with pytest.raises(RuntimeError, match="Choose a texture in the history"):
        bpy.ops.sdb.use_from_history()
    generate(destination="IMAGE")
    bpy.data.images.remove(bpy.data.images["mossy stone"])
    with pytest.raises(RuntimeError, match="The image is gone; restore its settings and generate it again"):
        bpy.ops.sdb.use_from_history()
    bpy.context.view_layer.objects.active = None
    with pytest.raises(RuntimeError, match="No object is active"):
        bpy.ops.sdb.use_from_history()
    assert bpy.ops.sdb.restore_settings() == {"FINISHED"}


HOSTILE = ["\\\\evil.example\\share", "\u202egnp", "x" * 100_000, "[" * 50_000, "%s{0}", "a\nb"]


@pytest.mark.fault("F53")
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_strangers_history(plane, settings, tmp_path, text):
    """Their entries are shown and refused; ours go beside them, and no image of theirs goes."""
    theirs = new_image("Theirs", picture(1, 16, 16))
    theirs.use_fake_user = True
    theirs.pack()
    for packed_size in (-(2**31), 0, 2**31 - 1):
        entry = ours().entries.add()
        entry.image, entry.packed_size = "Theirs", packed_size
        entry.prompt = entry.seed = entry.size = entry.made_at = entry.settings = text
        entry.thumbnail = b"\xff\xff" + text.encode()
    ours().active = 2**31 - 1
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert chosen() is None
    ours().active = 0
    with pytest.raises(RuntimeError, match="damaged"):
        bpy.ops.sdb.restore_settings()
    assert icons.of(chosen().thumbnail) == 0
    generate(destination="IMAGE")
    for _ in range(3):
        history.delete(ours(), 0)
    assert prompts() == ["mossy stone"]
    assert "Theirs" in bpy.data.images


class SDB_PG_strange(bpy.types.PropertyGroup):
    """A history as another version may have had it: other types by the same names."""

    entries: IntProperty()
    active: StringProperty()


class SDB_PG_strange_entry(bpy.types.PropertyGroup):
    image: IntProperty()
    settings: IntProperty()
    thumbnail: StringProperty()
    favourite: StringProperty()


class SDB_PG_stranger(bpy.types.PropertyGroup):
    entries: CollectionProperty(type=SDB_PG_strange_entry)


@pytest.mark.fault("F57")
@pytest.mark.parametrize("entries", [False, True])
def test_a_history_of_other_types(plane, settings, tmp_path, entries):
    sd_blender.unregister()
    classes = [SDB_PG_strange_entry, SDB_PG_stranger] if entries else [SDB_PG_strange]
    for group in classes:
        bpy.utils.register_class(group)
    bpy.types.Scene.sd_blender_history = PointerProperty(type=classes[-1])
    if entries:
        entry = ours().entries.add()
        entry.image, entry.settings, entry.thumbnail, entry.favourite = 3, 4, "abc", "x"
    else:
        ours().entries, ours().active = 5, "five"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    del bpy.types.Scene.sd_blender_history
    for group in reversed(classes):
        bpy.utils.unregister_class(group)
    sd_blender.register()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.context.view_layer.objects.active = bpy.data.objects["Plane"]
    generate()
    assert prompts()[-1] == "mossy stone"
    assert [icons.of(entry.thumbnail) for entry in ours().entries] == [0] * len(ours().entries)


def test_a_scene_that_is_linked_is_not_restored_into(settings, tmp_path):
    path = tmp_path / "theirs.blend"
    bpy.data.libraries.write(str(path), {bpy.context.scene})
    with bpy.data.libraries.load(str(path), link=True) as (given, wanted):
        wanted.scenes = given.scenes
    linked = next(scene for scene in bpy.data.scenes if scene.library)
    linked.sd_blender_history.entries.add()
    with bpy.context.temp_override(scene=linked):
        for operator in (bpy.ops.sdb.delete_from_history, bpy.ops.sdb.restore_settings):
            with pytest.raises(RuntimeError, match="This scene is linked from another file"):
                operator()
