# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel of the history: what it draws in each state, what its search finds, and that hostile text is harmless."""

from __future__ import annotations

import ast
import inspect
import time
import types

import bpy
import numpy as np
import pytest

from sd_blender.blender import icons, preferences
from sd_blender.blender.history import panel as history_panel
from sd_blender.blender.history import properties as groups
from sd_blender.blender.history.panel import EMPTY, NO_PROMPT, SDB_UL_history, matches
from tests.blender.conftest import generate
from tests.blender.test_panels import Layout, draw

PANELS = [history_panel.SDB_PT_view3d_history, history_panel.SDB_PT_image_history]


def ours():
    return bpy.context.scene.sd_blender_history


def fill(*prompts):
    for number, prompt in enumerate(prompts):
        entry = ours().entries.add()
        entry.prompt, entry.seed = prompt, str(number)


@pytest.mark.parametrize("panel", PANELS)
def test_an_empty_history_says_what_to_do(settings, panel):
    drawn = draw(panel)
    assert EMPTY in " ".join(drawn)
    assert "sdb.restore_from_file" in drawn and "sdb.restore_settings" not in drawn


@pytest.mark.parametrize("panel", PANELS)
def test_the_chosen_texture_and_its_buttons(plane, settings, panel):
    generate()
    drawn = draw(panel)
    assert {"mossy stone", "sdb.restore_settings", "sdb.use_from_history", "sdb.delete_from_history"} <= set(
        drawn
    )
    assert any(text.startswith("Seed 7, 48 x 32, 20") for text in drawn)
    ours().active = 99
    assert "sdb.restore_settings" not in draw(panel)


def test_the_panel_is_below_the_main_one():
    assert [panel.bl_parent_id for panel in PANELS] == ["SDB_PT_view3d_main", "SDB_PT_image_main"]


def row(entry):
    layout = Layout()
    SDB_UL_history.draw_item(None, bpy.context, layout, None, entry, 0, None, "", 0)
    return layout.drawn


def test_a_row(settings):
    fill("moss", "")
    assert row(ours().entries[0]) == ["moss", "favourite", ""]
    assert row(ours().entries[1])[0] == NO_PROMPT


def search(words="", favourites_only=False):
    """The prompts that are shown, in the order of the list."""
    state = types.SimpleNamespace(
        filter_name=words, favourites_only=favourites_only, bitflag_filter_item=1 << 30
    )
    flags, order = SDB_UL_history.filter_items(state, bpy.context, ours(), "entries")
    assert set(flags) <= {0, 1 << 30}
    places = sorted(zip(order, ours().entries, flags, strict=True), key=lambda item: item[0])
    return [entry.prompt for _, entry, flag in places if flag]


def test_search(settings):
    fill("Mossy stone", "rusty iron", "stone, wet")
    assert search() == ["stone, wet", "rusty iron", "Mossy stone"]
    assert search("STONE") == ["stone, wet", "Mossy stone"]
    assert search("stone moss") == ["Mossy stone"]
    assert search("1") == ["rusty iron"]
    assert search("sand") == []
    ours().entries[0].favourite = True
    assert search(favourites_only=True) == ["Mossy stone"]
    assert search("iron", favourites_only=True) == []


def test_the_search_field(settings):
    layout, state = Layout(), types.SimpleNamespace(bl_rna=SDB_UL_history.bl_rna)
    SDB_UL_history.draw_filter(state, bpy.context, layout)
    assert layout.drawn[::2] == ["filter_name", "favourites_only"]


def test_an_exception_in_a_row_or_the_search_does_not_reach_blender(settings, caplog):
    broken = types.SimpleNamespace()
    SDB_UL_history.draw_item(None, bpy.context, Layout(), None, broken, 0, None, "", 0)
    state = types.SimpleNamespace(filter_name="", favourites_only=False)
    assert SDB_UL_history.filter_items(state, bpy.context, ours(), "nothing") == ([], [])
    assert [r.message for r in caplog.records] == [
        "drawing the history failed",
        "searching the history failed",
    ]


@pytest.mark.fault("F53")
def test_millions_of_characters_are_drawn_quickly(settings):
    fill("x" * 5_000_000, "y " * 2_000_000)
    for entry in ours().entries:
        entry.seed = entry.size = entry.made_at = "9" * 1_000_000
    began = time.monotonic()
    for ours().active in range(2):
        draw(PANELS[0])
        row(ours().entries[ours().active])
        search("z")
    assert time.monotonic() - began < 2


def test_a_thousand_entries_are_searched_within_a_frame(settings):
    fill(*(f"mossy stone number {number}" for number in range(1000)))
    began = time.monotonic()
    matches(ours().entries, "stone 7", False)
    assert time.monotonic() - began < 0.1


class Preview:
    """As Blender's own, of which 4.2 as a Python module must not make any."""

    icon_id = 77

    def __init__(self):
        self.icon_size = self.image_size = 0, 0
        self.icon_pixels_float, self.image_pixels_float = Pixels(), Pixels()


class Pixels:
    def foreach_set(self, values):
        assert values.dtype == np.float32 and values.ndim == 1
        self.values = values


class Previews(dict):
    def new(self, name):
        assert name not in self
        self[name] = Preview()
        return self[name]


def test_icons_are_made_once_for_each_thumbnail(plane, settings):
    generate(count=2)
    previews = Previews()
    for _ in range(3):
        for entry in ours().entries:
            assert icons.of(entry.thumbnail) == 0  # background mode has none
            assert icons._icon_in(previews, entry.thumbnail) == 77
    assert len(previews) == 2
    for preview in previews.values():
        assert preview.icon_size == preview.image_size == (48, 32)
        assert len(preview.icon_pixels_float.values) == 48 * 32 * 4
    assert icons._icon_in(previews, b"a stranger's") == 0


def test_blenders_previews_are_as_this_takes_them():
    known = bpy.types.ImagePreview.bl_rna.properties
    for name in ("icon_size", "image_size", "icon_pixels_float", "image_pixels_float"):
        assert not known[name].is_readonly


def test_the_panel_imports_settings_and_nothing_that_acts():
    nodes = list(ast.walk(ast.parse(inspect.getsource(history_panel))))
    local = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.level]
    assert {node.module for node in local if node.module} == {
        "core.sentence",
        "properties",
        "sentences",
        "translation",
    }
    names = {alias.name for node in local if not node.module for alias in node.names}
    assert names == {"guard", "icons", "places"}


def test_labels_and_descriptions():
    for group in (groups.SDB_PG_history_entry, groups.SDB_PG_history, SDB_UL_history):
        for name in group.__annotations__:
            known = group.bl_rna.properties[name]
            assert known.name[:1].isupper() and not known.description.endswith("."), name
            assert known.description, name


def test_the_limit_is_a_preference():
    assert preferences.read().history_limit == 512
    known = preferences.SDB_AP_preferences.bl_rna.properties["history_limit"]
    assert (known.default, known.hard_min) == (512, 0)
