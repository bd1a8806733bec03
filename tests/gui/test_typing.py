# SPDX-License-Identifier: GPL-3.0-or-later
"""Typing a prompt into the field, which passes on each letter."""

from __future__ import annotations


def test_the_engine_starts_while_the_prompt_is_typed(window):
    blender = window("typing.prompt")
    assert blender.see("quiet")[0]["prepared"] == 0
    blender.click("prompt")
    blender.xdotool("sleep", 0.5, "type", "--delay", 60, "mossy")  # and no Return
    facts, _ = blender.see("typing")
    assert facts["prepared"] == 1 and facts["jobs"] == 0
    blender.xdotool("key", "Escape")
    assert blender.see("escaped")[0]["prompt"] == ""
    blender.click("again")
    blender.type("mossy stone")
    assert blender.see("typed")[0] == {"prepared": 1, "jobs": 0}
    assert blender.see("undone")[0]["prompt"] == "", "all its letters are one step"
    blender.quits_well()
