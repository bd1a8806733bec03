# SPDX-License-Identifier: GPL-3.0-or-later
"""A result arrives while the mouse is held down for a brush stroke: Blender lives, and the result comes after it."""

from __future__ import annotations

import pytest

STROKES = {
    "TEXTURE_PAINT VIEW_3D": "PAINT_OT_image_paint",
    "TEXTURE_PAINT IMAGE_EDITOR": "PAINT_OT_image_paint",
    "SCULPT VIEW_3D": "SCULPT_OT_brush_stroke",
}


@pytest.mark.fault("F61")
def test_a_result_waits_for_the_end_of_a_brush_stroke(window):
    blender = window("stroke.held")
    facts, _ = blender.see("ready")
    if not facts["brush"]:
        pytest.skip("this Blender was packed without brushes; nothing can be painted in it")
    for name, tool in STROKES.items():
        x, y = blender.facts(f"hold {name}")["at"]
        blender.xdotool(
            "mousemove", x - 20, y, "sleep", 0.3, "mousemove", x - 10, y, "sleep", 0.3, "mousedown", 1
        )
        blender.xdotool("sleep", 0.3, "mousemove", x, y, "sleep", 0.3, "mousemove", x + 10, y)
        blender.go_on(f"hold {name}")
        waiting = blender.facts(f"go on {name}")
        blender.xdotool(
            "mousemove", x + 20, y, "sleep", 0.3, "mousemove", x + 30, y, "sleep", 0.3, "mouseup", 1
        )
        blender.go_on(f"go on {name}")
        facts, _ = blender.see(f"done {name}")  # of what Blender would be dead by now
        assert (waiting["tools"], waiting["text"]) == ([tool], "Waiting, Blender is painting")
        assert waiting["made"] == 0
        assert (facts["tools"], facts["made"], facts["error"]) == ([], 1, "")
    blender.quits_well()
