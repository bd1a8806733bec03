# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on in a real window, as an artist opens it."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.gui.conftest import cut


def test_the_sidebar_draws_in_both_editors_has_the_button_for_an_engine_and_the_window_answers(window):
    blender = window("window.sidebars")
    facts, picture = blender.look("sidebars")
    assert facts["draws"]["VIEW_3D"] and facts["draws"]["IMAGE_EDITOR"]
    for editor in ("VIEW_3D", "IMAGE_EDITOR"):
        pixels = cut(picture, facts["places"][f"{editor} sidebar"])
        assert pixels.std() > 5, f"the sidebar of {editor} is blank in {picture}"
    for button in ("sdb.install_engine", "sdb.generate"):
        blender.find(button, facts["places"]["VIEW_3D sidebar"])
    x, y, width, height = facts["places"]["VIEW_3D"]
    blender.go_on("sidebars")
    blender.xdotool("mousemove", x + width // 3, y + height // 2, "key", "n")
    blender.quits_well()


def test_generate_is_clicked_the_window_answers_meanwhile_and_one_undo_takes_it_back(window):
    blender = window("window.generate")
    blender.click("generate")
    facts, picture = blender.look("generating")
    assert cut(picture, facts["places"]["VIEW_3D sidebar"]).std() > 5
    x, y, width, height = facts["places"]["VIEW_3D"]
    middle = (x + width // 3, y + height // 2)
    blender.go_on("generating")
    blender.press(middle, "n")
    facts, picture = blender.look("generated")
    assert facts["packed"] and facts["image"].startswith("mossy stone")
    # The scripted picture has a white corner, a quarter as wide and as high as itself.
    white = (cut(picture, facts["places"]["IMAGE_EDITOR"]) == 255).all(axis=2)
    assert white.mean() > 0.004, f"the Image Editor does not show the texture in {picture}"
    blender.go_on("generated")
    blender.press(middle, "ctrl+z")
    blender.quits_well()


def is_gone(pid, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.fault("F05")
@pytest.mark.fault("F20")
def test_a_real_worker_generates_is_cancelled_is_killed_and_ends_with_the_window(window):
    blender = window("window.worker")
    blender.click("generate")
    facts, picture = blender.see("progress")
    assert facts["text"].startswith("Step ")
    # Nothing but the picture so far is in the lower left corner of an Image Editor that shows no image.
    x, y, width, height = facts["places"]["IMAGE_EDITOR"]
    side = int(0.2 * min(width, height))
    assert cut(picture, (x + 24, y + height - 24 - side, side, side)).std() > 5, f"no preview in {picture}"
    facts, picture = blender.see("textured")
    assert not facts["torch"] and facts["image"].startswith("red brick wall")
    assert cut(picture, facts["places"]["IMAGE_EDITOR"]).std() > 10
    blender.click("again")
    blender.click("cancel", across=0.84)
    assert blender.see("cancelled")[0]["note"] == "Cancelled."
    blender.click("third")
    facts, _ = blender.look("to be killed")
    os.kill(facts["pid"], signal.SIGKILL)
    blender.go_on("to be killed")
    facts, _ = blender.see("killed")
    assert "signal 9, killed" in facts["error"] and "generate again" in facts["error"]
    blender.click("fourth")
    facts, _ = blender.look("to be closed")
    x, y, width, height = facts["places"]["VIEW_3D"]
    began = time.monotonic()
    blender.xdotool("mousemove", x + width // 3, y + height // 2, "key", "ctrl+q")
    assert blender.process.wait(5 + 2) == 0, blender.output
    assert time.monotonic() - began < 5 + 1  # a second for the key to arrive
    assert is_gone(facts["pid"], 1.0)
