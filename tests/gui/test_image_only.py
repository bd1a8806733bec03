# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of the scene: where it goes, and where it is seen, by mouse."""

from __future__ import annotations

import numpy as np

from tests.gui.conftest import cut


def test_a_picture_of_the_viewport_is_shown_and_not_put_on_the_cube(window):
    blender = window("image_only.mouse")
    facts, before = blender.see("before")
    blender.click("generate")
    facts, after = blender.see("after")
    (name,) = facts["images"]
    assert facts["cube"] is None and facts["editor"] == name and name in facts["note"]
    x, y, width, height = facts["places"]["IMAGE_EDITOR"]
    # A quarter of the editor beside its sidebar, where nothing but the picture can have changed.
    sidebar = facts["places"]["IMAGE_EDITOR sidebar"]
    middle = [x + 40, y + height // 4, width - sidebar[2] - 40, height // 2]
    changed = (np.abs(cut(after, middle).astype(int) - cut(before, middle)) > 20).any(axis=2)
    assert changed.mean() > 0.005, f"the Image Editor shows no picture in {after}"
    blender.click("again")
    facts, _ = blender.see("on the cube")
    assert facts["cube"] is not None and facts["cube"] != name
    blender.quits_well()
