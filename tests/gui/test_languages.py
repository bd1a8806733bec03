# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that is written in the sidebar is cut, in English and German, at scale 1 and 2; and pictures of it all."""

from __future__ import annotations

import pytest

OWN_WORDS = {"rusty metal panels with rivets"}
"""A prompt is the artist's, and is one line of the queue however long it is."""


CUT_WHEN_NARROW = {"Beschneiden", "Invertieren"}
"""Blender's own German for Crop and Invert, which is taken before ours; what is left of it says enough."""


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_no_text_is_cut(window, width):
    blender = window(f"languages.{width}")
    blender.facts("begun")
    blender.xdotool("mousemove", 300, 15)  # where it lights nothing up
    blender.go_on("begun")
    if width == "narrow":
        make_narrow(blender)
    cut = {}
    for scale in ("1x", "2x"):
        for language in ("en_US", "de_DE"):
            for task in ("IMAGE_TO_IMAGE", "INPAINT"):
                name = f"{width} {scale} {language} {task}"
                cut[name] = set(look_through(blender, name)) - OWN_WORDS
                if width == "narrow":
                    cut[name] -= CUT_WHEN_NARROW
    blender.quits_well()
    assert not {name: texts for name, texts in cut.items() if texts}


def look_through(blender, name):
    """A picture of each page; the texts that were cut in any panel."""
    texts: list[str] = []
    for page in range(20):
        blender._wait_for(
            lambda page=page: blender.has_shown(f"{name} {page}") or blender.has_shown(f"{name} end"), name
        )
        if blender.has_shown(f"{name} end"):
            blender.go_on(f"{name} end")
            return texts
        texts = blender.see(f"{name} {page}")[0]["cut"]
    raise AssertionError("no end of pages")


def make_narrow(blender):
    """Drag the border of the sidebar, which is a few pixels wide, until it is where it is to be."""
    for attempt in range(12):
        facts = blender.facts(f"border {attempt}")
        if not facts["is_narrow"]:
            x, y, width, height = facts["place"]
            edge, at, target = x + (0, -2, 2, -4)[attempt % 4], y + height // 2, x + width - facts["wanted"]
            blender.xdotool("mousemove", edge - 40, at, "sleep", 0.5, "mousemove", edge, at, "sleep", 0.7)
            blender.drag((edge, at), (x + 8, at), (x + 20, at), (target - 5, at), (target, at))
        blender.go_on(f"border {attempt}")
        if facts["is_narrow"]:
            return
    raise AssertionError("the sidebar keeps its width")
