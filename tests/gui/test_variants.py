# SPDX-License-Identifier: GPL-3.0-or-later
"""Try, apply, discard: what an artist does with several results, by mouse."""

from __future__ import annotations

import numpy as np

from tests.gui.conftest import cut


def test_variants_are_tried_applied_undone_and_left_with_the_mouse(window):
    blender = window("variants.mouse")
    facts, picture = blender.see("nothing yet")
    plain = in_view(picture, facts)
    blender.click("generate")
    facts, picture = blender.see("offered")
    for colour in facts["colours"]:
        near = np.abs(cut(picture, facts["places"]["VIEW_3D sidebar"]).astype(int) - colour) < 14
        assert near.all(axis=2).sum() > 200, f"no picture of colour {colour} in {picture}"
    first = in_view(picture, facts)
    assert (first != plain).any(axis=2).mean() > 0.01, f"the cube does not show the first in {picture}"
    blender.click("third", across=0.3)
    facts, picture = blender.see("third shown")
    assert (in_view(picture, facts) != first).any(axis=2).mean() > 0.01, f"nor the third in {picture}"
    blender.click("original", across=0.3)
    blender.click("second", across=0.7)
    blender.click("seed", across=0.4)
    blender.click("apply", across=0.3)
    facts, _ = blender.look("applied")
    assert facts["images"] and facts["made"] == 4
    blender.go_on("applied")
    x, y, width, height = facts["places"]["VIEW_3D"]
    middle = x + width // 3, y + height // 2
    blender.press(middle, "ctrl+z")
    assert blender.see("undone")[0]["made"] == 4
    blender.press(middle, "ctrl+shift+z")
    assert blender.see("redone")[0]["images"] == facts["images"]
    blender.click("two more")
    blender.click("more like", across=0.26)
    assert blender.see("four")[0]["scores"] == [0.5, 0.4, 0.5, 0.4]
    blender.click("none", across=0.7)
    assert blender.see("none taken")[0] == {"same": True, "made": 8}
    blender.quits_well()


def in_view(picture, facts):
    """The 3D View without its sidebar, its upper corners and the status below."""
    x, y, width, height = facts["places"]["VIEW_3D"]
    sidebar = facts["places"]["VIEW_3D sidebar"]
    return cut(picture, [x, y + height // 4, width - sidebar[2], height // 2]).astype(int)
