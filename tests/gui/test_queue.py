# SPDX-License-Identifier: GPL-3.0-or-later
"""While it runs: progress, the picture so far, the status bar, and the queue in the hands of a mouse."""

from __future__ import annotations

import numpy as np

from tests.gui.conftest import SCREEN, cut

WIDTH, HEIGHT = map(int, SCREEN.split("x"))
STATUS_BAR = [WIDTH // 2, HEIGHT - 22, WIDTH // 2, 20]
"""Its right half; what the mouse does where it is stands in the left one."""
CROSS = WIDTH - 18, HEIGHT - 12
"""The last button of the status bar."""


def test_jobs_are_queued_reordered_and_cancelled_with_the_mouse(window):
    blender = window("queue.mouse")
    _, picture = blender.see("idle")
    quiet = cut(picture, STATUS_BAR)
    for number in (1, 2, 3):
        blender.click(f"generate {number}")
    facts, picture = blender.see("busy")
    assert facts["queue"] == ["mossy stone", "rusty metal panels with rivets", "sand"]
    assert facts["text"].startswith("Step ") and facts["text"].endswith("2 more in queue")
    assert (cut(picture, STATUS_BAR) != quiet).any(axis=(0, 2)).sum() > 200, f"no progress below in {picture}"
    # The scripted picture so far has a white corner; nothing else is white in an Image Editor without an image.
    x, y, width, height = facts["places"]["IMAGE_EDITOR"]
    corner = cut(picture, [x + 20, y + height // 2, width // 2, height // 2])
    assert ((corner == 255).all(axis=2)).mean() > 0.004, f"no preview in {picture}"
    blender.click("earlier", across=0.68)
    assert blender.see("reordered")[0]["queue"] == ["mossy stone", "sand", "rusty metal panels with rivets"]
    blender.click("drop", across=0.84)
    assert blender.see("dropped")[0]["queue"] == ["mossy stone", "sand"]
    blender.click("drop first", across=0.84)
    facts, _ = blender.look("next")
    assert facts["made"] == ["mossy stone", "sand"] and facts["jobs"] == 1
    blender.go_on("next")
    blender.click_at(CROSS)
    facts, picture = blender.see("idle again")
    assert facts["note"] == "Cancelled."
    np.testing.assert_array_equal(cut(picture, STATUS_BAR), quiet, f"something is left below in {picture}")
    blender.quits_well()
