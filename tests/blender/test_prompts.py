# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent of what the artist wrote: styles, texts of many lines and wildcards, there and back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import bpy
import numpy as np
import pytest

from sd_blender.blender import build_request, panels, preferences
from sd_blender.blender.prompts import library, prompts
from sd_blender.blender.prompts.library import STYLES
from sd_blender.blender.properties import status
from sd_blender.blender.source import capture
from sd_blender.core.named_files import MAX_BYTES
from sd_blender.core.prompt_styles import Style, bundled_styles, export_styles
from sd_blender.core.validation import MAX_PROMPT
from tests.blender.conftest import generate, new_image
from tests.blender.test_panels import draw

WORN = next(style for style in bundled_styles() if style.name == "Worn")


@pytest.fixture(autouse=True)
def no_own_styles():
    yield
    STYLES.path.unlink(missing_ok=True)
    STYLES.forget()


@pytest.fixture
def lists(tmp_path, monkeypatch):
    """A folder of wildcards in the preferences."""
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "stone.txt").write_text("slate\n")
    real = preferences.read()
    monkeypatch.setattr(preferences, "read", lambda: dataclasses.replace(real, wildcards_folder=str(folder)))
    return folder


def request():
    return build_request.build(bpy.context).request


def write_text(*lines):
    text = bpy.data.texts.new("Prompt")
    text.write("\n".join(lines))
    bpy.context.scene.sd_blender.prompt_text = text
    return text


def shown():
    return " ".join(draw(panels.SDB_PT_view3d_main))


def refusal():
    assert not bpy.ops.sdb.generate.poll()
    with pytest.raises(Exception) as caught:
        build_request.refuse_early(bpy.context)
    return str(caught.value)


def refuses_an_empty_prompt():
    """When it is clicked, and not by a grey button: the click that ends the typing would be lost on that."""
    assert bpy.ops.sdb.generate.poll()
    with pytest.raises(RuntimeError, match="The prompt is empty; describe the texture you want"):
        bpy.ops.sdb.generate()


class TestStyle:
    def test_none_sends_what_was_written(self, plane, settings):
        settings.negative_prompt = "people"
        assert (request().prompt, request().negative_prompt) == ("mossy stone", "people")
        assert "No Style" in shown()

    def test_a_style_is_sent_with_the_words_and_shown(self, plane, settings, engine):
        settings.negative_prompt = "people"
        bpy.ops.sdb.set_style(style="Worn")
        expected = WORN.apply("mossy stone", "people")
        for prompt in expected:
            assert prompt in shown()
        generate()
        assert (engine.requests[-1].prompt, engine.requests[-1].negative_prompt) == expected
        assert settings.prompt == "mossy stone"
        bpy.ops.sdb.set_style()
        assert request().prompt == "mossy stone"

    def test_one_that_is_gone_is_refused_by_its_name(self, plane, settings):
        settings.style = "Of Another Computer"
        assert '"Of Another Computer"' in refusal()
        assert '"Of Another Computer"' in shown()
        with pytest.raises(RuntimeError, match="There is no style"):
            bpy.ops.sdb.generate()
        bpy.ops.sdb.set_style()
        assert bpy.ops.sdb.generate() == {"FINISHED"}

    def test_an_unknown_one_cannot_be_set(self, settings):
        with pytest.raises(RuntimeError, match="There is no style"):
            bpy.ops.sdb.set_style(style="x" * 1000)
        assert settings.style == ""

    def test_the_words_may_be_missing_where_the_prompt_may(self, plane, settings):
        settings.style, settings.prompt = "Worn", " "
        refuses_an_empty_prompt()

    def test_the_menu_has_none_first_and_what_each_writes(self, settings):
        settings.style = "Worn"
        from sd_blender.blender.prompts.operators import SDB_OT_set_style
        from sd_blender.blender.prompts.panel import SDB_MT_styles

        drawn = [text for text in draw(SDB_MT_styles) if "." not in text]
        assert drawn[: len(bundled_styles()) + 1] == ["None", *(style.name for style in bundled_styles())]
        described = type("Properties", (), {"style": "Worn"})
        assert SDB_OT_set_style.description(bpy.context, described) == WORN.prompt

    def test_a_style_survives_save_and_load(self, settings, tmp_path):
        settings.style = "Worn"
        write_text("one", "two")
        path = str(tmp_path / "kept.blend")
        bpy.ops.wm.save_as_mainfile(filepath=path)
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.ops.wm.open_mainfile(filepath=path)
        loaded = bpy.context.scene.sd_blender
        assert loaded.style == "Worn" and prompts.written(loaded) == "one two"


class TestRestore:
    def test_style_and_words_come_back(self, plane, settings, engine):
        settings.style, settings.negative_prompt = "Worn", "people"
        generate()
        settings.style, settings.prompt, settings.negative_prompt = "Wet", "x", "y"
        write_text("something else")
        bpy.ops.sdb.restore_settings()
        assert status.note == ""
        assert (settings.style, settings.prompt, settings.negative_prompt) == (
            "Worn",
            "mossy stone",
            "people",
        )
        assert settings.prompt_text is None
        assert request() == engine.requests[-1]

    def test_the_same_is_sent_where_the_style_is_gone(self, plane, settings, engine):
        STYLES.keep([Style("Mine", "{prompt}, my kind", "blur")])
        settings.style = "Mine"
        generate()
        STYLES.delete("Mine")
        settings.style = "Wet"
        bpy.ops.sdb.restore_settings()
        assert (settings.style, settings.prompt) == ("", "mossy stone, my kind")
        assert request() == engine.requests[-1]

    def test_a_text_comes_back_as_one_line(self, plane, settings, engine):
        write_text("mossy stone,", "wet")
        generate()
        settings.prompt_text = None
        bpy.ops.sdb.restore_settings()
        assert settings.prompt == "mossy stone, wet" and request() == engine.requests[-1]

    def test_wildcards_come_back_undrawn(self, plane, settings, engine, lists):
        settings.prompt = "__stone__ {wet|dry}"
        generate()
        settings.prompt = "x"
        bpy.ops.sdb.restore_settings()
        assert status.note == "" and settings.prompt == "__stone__ {wet|dry}"

    def test_other_lists_are_told_of_where_they_matter(self, plane, settings, lists, monkeypatch):
        generate()
        generate(prompt="__stone__")
        monkeypatch.undo()
        bpy.ops.sdb.restore_settings()
        assert "wildcards folder" in status.note
        bpy.context.scene.sd_blender_history.active = 0
        bpy.ops.sdb.restore_settings()
        assert status.note == ""


class TestText:
    def test_its_lines_are_the_prompt(self, plane, settings):
        write_text("mossy stone, ", "", "  wet ", "größer")
        assert request().prompt == "mossy stone, wet größer"
        assert "mossy stone, wet größer" in shown()
        assert "prompt_text" in draw(panels.SDB_PT_view3d_main)
        settings.style = "Worn"
        assert request().prompt == WORN.apply("mossy stone, wet größer")[0]

    def test_edit_makes_one_of_the_prompt_and_keeps_it(self, settings):
        assert bpy.ops.sdb.edit_prompt() == {"FINISHED"}
        text = settings.prompt_text
        assert text.as_string().strip() == "mossy stone"
        text.write(", wet")
        assert bpy.ops.sdb.edit_prompt() == {"FINISHED"}
        assert settings.prompt_text == text and len(bpy.data.texts) == 1

    def test_edit_shows_it_in_an_open_text_editor(self, settings):
        area = bpy.context.screen.areas[0]
        before, area.type = area.type, "TEXT_EDITOR"
        try:
            bpy.ops.sdb.edit_prompt()
            assert area.spaces.active.text == settings.prompt_text and area.spaces.active.show_word_wrap
        finally:
            area.type = before

    def test_a_text_that_is_removed_leaves_the_field(self, plane, settings):
        bpy.data.texts.remove(write_text("wet"))
        assert settings.prompt_text is None and request().prompt == "mossy stone"

    def test_empty(self, plane, settings):
        write_text("", " ")
        refuses_an_empty_prompt()

    def test_a_book_is_refused_and_not_read_to_its_end(self, plane, settings):
        write_text(*["page " * 100] * 1000)
        assert MAX_PROMPT < len(prompts.written(settings)) < 2 * MAX_PROMPT
        assert len(shown()) < 2000
        with pytest.raises(RuntimeError, match="longer than"):
            bpy.ops.sdb.generate()


class TestWildcards:
    def test_the_folder_is_that_of_the_preferences(self, plane, settings, lists):
        assert request().wildcards == str(lists)

    @pytest.mark.parametrize("task", ["TEXT_TO_IMAGE", "IMAGE_TO_IMAGE", "INPAINT"])
    def test_a_list_that_is_missing_is_refused_before_anything_slow(
        self, plane, settings, engine, lists, task, monkeypatch
    ):
        mask = np.zeros((32, 48, 3), np.uint8)
        mask[8:20, 8:20] = 255
        settings.task, settings.source, settings.mask_image = task, "RENDER", new_image("Mask", mask)
        scene = bpy.context.scene
        scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
        monkeypatch.setattr(capture, "render_now", lambda scene: pytest.fail("it rendered first"))
        settings.prompt = "__none__"
        with pytest.raises(RuntimeError, match="__none__ is unknown"):
            bpy.ops.sdb.generate()
        assert not engine.requests

    def test_a_scene_has_no_say(self, plane, settings):
        assert request().wildcards == ""
        assert not [p for p in settings.bl_rna.properties if "wildcard" in p.identifier]

    def test_the_preference_is_read(self, plane, settings, tmp_path):
        entry = bpy.context.preferences.addons.new()
        entry.module = preferences.ADD_ON
        try:
            entry.preferences.wildcards_folder = str(tmp_path)
            assert request().wildcards == str(tmp_path)
        finally:
            bpy.context.preferences.addons.remove(entry)


class TestOwnStyles:
    def test_saved_used_exported_imported_deleted(self, plane, settings, tmp_path):
        bpy.ops.sdb.save_style(name=" Mine ", prompt="{prompt}, my kind", negative_prompt="blur")
        library.forget()  # as in the next session
        assert STYLES.own() == (Style("Mine", "{prompt}, my kind", "blur"),)
        bpy.ops.sdb.set_style(style="Mine")
        assert request().prompt == "mossy stone, my kind"
        path = tmp_path / "shared"
        bpy.ops.sdb.export_styles(filepath=str(path))
        bpy.ops.sdb.delete_style(name="Mine")
        assert not STYLES.own() and not bpy.ops.sdb.export_styles.poll() and '"Mine"' in refusal()
        bpy.ops.sdb.import_styles(filepath=f"{path}.json")
        assert request().prompt == "mossy stone, my kind"

    def test_a_namesake_of_a_bundled_one_replaces_it_until_it_is_deleted(self, settings):
        bpy.ops.sdb.save_style(name="Worn", prompt="{prompt}, worn out")
        assert STYLES.find("Worn").prompt == "{prompt}, worn out" and len(STYLES.all()) == len(
            bundled_styles()
        )
        bpy.ops.sdb.delete_style(name="Worn")
        assert STYLES.find("Worn") == WORN

    @pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\nb", "a\x07"])
    def test_names_that_are_none(self, name):
        with pytest.raises(RuntimeError, match="The name is"):
            bpy.ops.sdb.save_style(name=name)
        assert not STYLES.path.exists()

    @pytest.mark.parametrize("prompt", ["a\nb", "x" * 2001])
    def test_templates_that_are_none(self, prompt):
        with pytest.raises(RuntimeError, match="The prompt is"):
            bpy.ops.sdb.save_style(name="Mine", prompt=prompt)
        assert not STYLES.path.exists()

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"import os",
            b"[" * 100_000,
            b"\x80\x04K\x01.",
            b'{"version": 1, "presets": []}',
            b'{"version": 2, "styles": []}',
            b'{"version": 1, "styles": [{"name": "A", "prompt": "b", "run": "c"}]}',
            b'{"version": 1, "styles": [{"name": "A\\u0000", "prompt": "b"}]}',
            b" " * (MAX_BYTES + 1),
        ],
        ids=range(9),
    )
    def test_hostile_files_are_refused_in_one_sentence(self, tmp_path, content):
        path = tmp_path / "theirs.json"
        path.write_bytes(content)
        with pytest.raises(RuntimeError) as caught:
            bpy.ops.sdb.import_styles(filepath=str(path))
        sentence = str(caught.value).strip()
        assert sentence.startswith("Error: ") and sentence.endswith(".") and "\n" not in sentence
        assert not STYLES.path.exists()

    def test_a_file_that_is_not_there(self, tmp_path):
        for path in ("", str(tmp_path), str(tmp_path / "none.json")):
            with pytest.raises(RuntimeError, match="cannot be read"):
                bpy.ops.sdb.import_styles(filepath=path)

    def test_an_own_file_that_was_damaged_is_told_of_and_not_written_over(self, settings):
        bpy.ops.sdb.save_style(name="Mine")
        STYLES.path.write_text("{")
        library.forget()
        assert STYLES.all() == bundled_styles()
        assert "Your own styles cannot be read" in shown()
        with pytest.raises(RuntimeError, match="cannot be read"):
            bpy.ops.sdb.save_style(name="Other")
        assert STYLES.path.read_text() == "{"

    def test_not_without_end(self, tmp_path):
        for number in range(2):
            path = tmp_path / f"{number}.json"
            export_styles(path, [Style(f"{number} {k}", "{prompt}, x") for k in range(300)])
            if number == 0:
                bpy.ops.sdb.import_styles(filepath=str(path))
        with pytest.raises(RuntimeError, match="delete some first"):
            bpy.ops.sdb.import_styles(filepath=str(path))
        assert len(STYLES.own()) == 300

    def test_kept_where_no_upgrade_of_the_add_on_empties_it(self):
        assert Path(bpy.utils.user_resource("DATAFILES")) in STYLES.path.parents
