# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets of the sampling: applied, saved, deleted, and passed around as files."""

from __future__ import annotations

import bpy
import pytest

from sd_blender.blender import panels
from sd_blender.blender.prompts import library
from sd_blender.blender.prompts.library import PRESETS
from sd_blender.blender.prompts.library_operators import SDB_OT_apply_preset
from sd_blender.blender.prompts.panel import SDB_MT_delete_preset, SDB_MT_presets
from sd_blender.core.presets import Preset, bundled_presets
from tests.blender.conftest import change
from tests.blender.test_panels import draw

OWN = Preset(
    *("Tall", 64, 128, 12, 7.3, "Euler a"),
    clip_guidance_scale=2.6,
    classifier_guidance_scale=0.0,
    spacing="trailing",
    clip_skip=2,
)
FIELDS = tuple(OWN.settings())


@pytest.fixture(autouse=True)
def no_own_presets():
    yield
    PRESETS.path.unlink(missing_ok=True)
    PRESETS.forget()


@pytest.fixture
def own(settings):
    """A preset of the artist's, made of the panel's values, which are others by now."""
    change(settings, **OWN.settings())
    bpy.ops.sdb.save_preset(name="Tall")
    change(settings, width=48, height=32, steps=2, guidance_scale=5, scheduler="DDIM")
    change(settings, clip_guidance_scale=1, classifier_guidance_scale=1, spacing="auto", clip_skip=0)
    return OWN


def values(settings):
    return {name: getattr(settings, name) for name in FIELDS}


def test_each_bundled_one_sets_what_it_names_and_nothing_else(settings):
    for preset in bundled_presets():
        before = values(settings)
        bpy.ops.sdb.apply_preset(preset=preset.name)
        assert values(settings) == before | preset.settings()
    assert (settings.seed, settings.count, settings.prompt) == (7, 1, "mossy stone")


def test_a_saved_one_is_kept_for_the_next_session(settings, own):
    library.forget()  # as in the next session
    assert PRESETS.own() == (own,)
    bpy.ops.sdb.apply_preset(preset="Tall")
    assert values(settings) == pytest.approx(own.settings())


def test_one_that_is_gone(settings):
    before = values(settings)
    with pytest.raises(RuntimeError, match="There is no preset"):
        bpy.ops.sdb.apply_preset(preset="x" * 1000)
    assert values(settings) == before


def test_what_a_scene_of_a_newer_version_holds_is_not_saved(settings, monkeypatch):
    """Or the file of presets could not be read again."""
    from sd_blender.blender import build_request
    from sd_blender.core.request import Sampling

    monkeypatch.setattr(build_request, "sampling", lambda settings: Sampling(scheduler=""))
    with pytest.raises(RuntimeError, match="scheduler"):
        bpy.ops.sdb.save_preset(name="Tall")
    assert not PRESETS.path.exists()


def test_a_bundled_one_is_replaced_by_a_namesake_until_that_is_deleted(settings):
    settings.steps = 9
    bpy.ops.sdb.save_preset(name="Draft")
    assert PRESETS.find("Draft").steps == 9 and len(PRESETS.all()) == len(bundled_presets())
    bpy.ops.sdb.delete_preset(name="Draft")
    assert PRESETS.all() == bundled_presets() and not bpy.ops.sdb.delete_preset.poll()
    bpy.ops.sdb.save_preset(name="Other")
    with pytest.raises(RuntimeError, match="called"):
        bpy.ops.sdb.delete_preset(name="Draft")


def test_there_and_back_through_a_file(settings, own, tmp_path):
    path = tmp_path / "shared.json"
    bpy.ops.sdb.export_presets(filepath=str(path))
    bpy.ops.sdb.delete_preset(name="Tall")
    assert PRESETS.find("Tall") is None
    bpy.ops.sdb.import_presets(filepath=str(path))
    bpy.ops.sdb.import_presets(filepath=str(path))
    assert PRESETS.own() == (own,)


@pytest.mark.parametrize(
    "content",
    [
        b"bpy.context.scene.render.fps = 1",
        b'{"version": 1, "presets": [{"name": "A", "steps": 1e999}]}',
        b'{"version": 1, "presets": [{"name": "A", "steps": true}]}',
        b'{"version": 1, "presets": [{"name": "A", "width": 100000}]}',
        b'{"version": 1, "presets": [{"name": "A", "prompt": "b"}]}',
        b'{"version": 1, "presets": [{"name": "A"}, {"name": "A"}]}',
    ],
    ids=range(6),
)
def test_hostile_files_are_refused_whole_in_one_sentence(own, tmp_path, content):
    path = tmp_path / "theirs.json"
    path.write_bytes(content)
    with pytest.raises(RuntimeError) as caught:
        bpy.ops.sdb.import_presets(filepath=str(path))
    sentence = str(caught.value).strip()
    assert sentence.startswith("Error: ") and sentence.endswith(".") and "\n" not in sentence
    assert PRESETS.own() == (own,)


def test_a_folder_that_cannot_be_written(own, tmp_path):
    with pytest.raises(RuntimeError, match="cannot be written"):
        bpy.ops.sdb.export_presets(filepath=str(tmp_path / "none" / "a.json"))


def test_two_blenders_do_not_lose_each_others(settings, own):
    from sd_blender.core.presets import export_presets

    PRESETS.all()
    export_presets(PRESETS.path, [own, Preset("Theirs", steps=3)])
    bpy.ops.sdb.save_preset(name="Third")
    assert [preset.name for preset in PRESETS.own()] == ["Tall", "Theirs", "Third"]


def test_the_menu_and_its_tooltips(settings, own):
    drawn = [text for text in draw(SDB_MT_presets) if not text.startswith("sdb.")]
    assert drawn[:4] == ["Draft", "Standard", "Final", "Tall"]
    assert "Tall" in draw(SDB_MT_delete_preset)
    properties = type("Properties", (), {"preset": "Draft"})
    told = SDB_OT_apply_preset.description(bpy.context, properties)
    assert told == "Steps 8, Scheduler DPM++ 2M, Spacing Model's Own"
    assert {"Presets", "sdb.save_preset"} <= set(draw(panels.SDB_PT_view3d_sampling))


def test_a_linked_scene_is_left_alone(settings, tmp_path):
    path = str(tmp_path / "theirs.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(path, link=True) as (there, here):
        here.scenes = there.scenes
    with bpy.context.temp_override(scene=here.scenes[0]):
        for operator in (bpy.ops.sdb.apply_preset, bpy.ops.sdb.set_style, bpy.ops.sdb.edit_prompt):
            assert not operator.poll()


def test_what_another_blender_saves_is_found_when_the_menu_opens(settings):
    from sd_blender.core.presets import export_presets

    assert PRESETS.own() == ()  # there is no file, and that is read once
    export_presets(PRESETS.path, [OWN])
    assert PRESETS.own() == ()
    assert "Tall" in draw(SDB_MT_presets)
    export_presets(PRESETS.path, [OWN, Preset("Theirs", steps=3)])
    assert "Theirs" in draw(SDB_MT_presets)
    PRESETS.path.unlink()
    assert "Tall" not in draw(SDB_MT_presets)
