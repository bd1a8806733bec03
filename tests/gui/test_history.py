# SPDX-License-Identifier: GPL-3.0-or-later
"""The history as an artist uses it: look, favour, choose, restore, search, save and open again."""

from __future__ import annotations

import numpy as np

from tests.gui.conftest import DOWN, cut


def test_the_history_is_used_with_the_mouse_and_is_there_again_after_opening_the_file(window):
    blender = window("history.mouse")
    colours = blender.facts("list")["colours"]
    assert_thumbnails(blender, "list", colours)
    blender.go_on("list")
    blender.click("star", across=0.79)
    click_row(blender)
    blender.click("restore")
    assert blender.see("restored")[0] == {"prompt": "rusty metal panels with rivets", "seed": 1}
    search(blender, "brick RED")
    facts, _ = blender.look("unsaved")
    blender.go_on("unsaved")
    x, y, width, height = facts["places"]["VIEW_3D"]
    blender.press((x + width // 3, y + height // 2), "ctrl+s")
    facts, _ = blender.look("reopened")
    prompts = ["mossy stone", "rusty metal panels with rivets", "red brick wall", "sand"]
    assert facts["entries"] == [[prompt, prompt == "mossy stone"] for prompt in prompts]
    assert facts["active"] == 1
    assert_thumbnails(blender, "reopened", colours)
    blender.go_on("reopened")
    blender.quits_well()


def assert_thumbnails(blender, name, colours):
    """Of each texture some pixels are seen in both sidebars, below the settings; ``name`` is shown."""
    for editor in ("VIEW_3D", "IMAGE_EDITOR"):
        blender.scroll(name, DOWN, editor)
        facts, picture = blender.look(name)
        pixels = cut(picture, facts["places"][f"{editor} sidebar"]).astype(int)
        for colour in colours:
            near = (np.abs(pixels - colour) < 12).all(axis=2)
            assert near.sum() > 8, f"no thumbnail of colour {colour} in the sidebar of {editor} in {picture}"


def click_row(blender):
    """Click the prompt in the row whose star the scenario names."""
    wanted = blender.facts("row")
    x, _, width, _ = wanted["place"]
    _, row = blender.find(wanted["what"], wanted["place"], across=0.79)
    blender.go_on("row")
    blender.click_at((x + width // 4, row))


def search(blender, words):
    """Open the search below the list, type, look, and empty it again."""
    wanted = blender.facts("filter")
    x, _, width, _ = wanted["place"]
    _, newest = blender.find(wanted["what"], wanted["place"], across=0.79)
    blender.go_on("filter")
    for at in range(newest + 85, newest + 130, 5):
        point = x + int(width * 0.08), at  # the triangle that Blender puts below each list
        blender.click_at(point)
        blender.catch_up()
        if blender.has_shown("filter open"):
            break
    blender.see("filter open")
    field = x + width // 3, at + 17
    blender.click_at(field)
    blender.type(words)
    blender.see("searched")
    blender.click_at(field)
    blender.xdotool("sleep", 0.5, "key", "ctrl+a", "BackSpace", "Return")
    blender.see("all again")
