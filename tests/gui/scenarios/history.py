# SPDX-License-Identifier: GPL-3.0-or-later
"""The history in the hands of a mouse, and after the file was saved and opened again."""

from __future__ import annotations

import bpy

from tests.gui import stage

PROMPTS = ("mossy stone", "rusty metal panels with rivets", "red brick wall", "sand")
_search: dict[str, object] = {"words": "", "shown": 0}


def mouse() -> stage.Scenario:
    """Four textures; the test favours, chooses, restores, searches and saves, and the file is opened again."""
    stage.scripted_engine(hold=None)
    stage.name_engine()
    settings = stage.settings()
    settings.width = settings.height = 64
    settings.steps, settings.lock_seed = 2, True
    for seed, prompt in enumerate(PROMPTS):
        settings.prompt, settings.seed = prompt, seed
        stage.submit()
    yield lambda: len(history().entries) == 4 and not stage.status().busy
    path = str(stage.folder / "history.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    note_searches()
    stage.open_panels("History")
    yield from stage.open_sidebars()
    place = stage.places()["VIEW_3D sidebar"]
    yield from stage.show("list", places=stage.places(), colours=colours())
    star = "sd_blender_history.entries[0].favourite"
    yield from stage.click("star", star, lambda: history().entries[0].favourite)
    yield from stage.show("row", what="sd_blender_history.entries[1].favourite", place=place)
    yield lambda: history().active == 1
    yield from stage.click("restore", "sdb.restore_settings", lambda: settings.prompt == PROMPTS[1])
    yield from stage.show("restored", prompt=settings.prompt, seed=settings.seed)
    yield from search(place)
    # The test presses Ctrl S over the 3D View.
    yield from stage.show("unsaved", places=stage.places())
    yield lambda: not bpy.data.is_dirty
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        bpy.ops.wm.open_mainfile(filepath=path)
    drawn = stage.draws["VIEW_3D"]
    yield lambda: stage.draws["VIEW_3D"] > drawn
    entries = [[entry.prompt, entry.favourite] for entry in history().entries]
    yield from stage.show("reopened", places=stage.places(), entries=entries, active=history().active)


def search(place: list[int]) -> stage.Scenario:
    yield from stage.show("filter", what="sd_blender_history.entries[3].favourite", place=place)
    yield lambda: stage.draws["filter"]
    yield from stage.show("filter open", settle=0.0)
    yield lambda: (_search["words"], _search["shown"]) == ("brick RED", 1)
    yield from stage.show("searched", places=stage.places())
    yield lambda: (_search["words"], _search["shown"]) == ("", 4)
    yield from stage.show("all again")


def history() -> bpy.types.PropertyGroup:
    return bpy.context.scene.sd_blender_history


def note_searches() -> None:
    """Listen to what the list is asked for, which Blender keeps to itself."""
    list_type = stage.module("blender.history.panel").SDB_UL_history
    draw_filter, filter_items = list_type.draw_filter, list_type.filter_items

    def drawn(self, context, layout):  # Blender counts the arguments
        draw_filter(self, context, layout)
        stage.draws["filter"] += 1

    def noted(self, context, data, propname):
        flags, order = filter_items(self, context, data, propname)
        _search.update(words=self.filter_name, shown=sum(map(bool, flags)))
        return flags, order

    list_type.draw_filter, list_type.filter_items = drawn, noted


def colours() -> list[list[int]]:
    """The colour of each texture, right of the middle."""
    from tests.fakes import picture

    return [picture(seed, 64, 64)[32, 48].tolist() for seed in range(len(PROMPTS))]
