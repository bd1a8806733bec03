# SPDX-License-Identifier: GPL-3.0-or-later
"""One click makes a mask, a mouse paints on it, undo takes strokes and buttons back, and only the mask is made anew."""

from __future__ import annotations

import numpy as np
import pytest

from tests.gui.conftest import cut


def test_a_mask_is_painted_changed_undone_and_filled(window):
    blender = window("mask.paint")
    blender.click("new mask")
    facts, _ = blender.see("empty mask")
    assert facts["white"] == 0
    if not facts["brush"]:
        pytest.skip("this Blender was packed without brushes; nothing can be painted in it")
    stroke(blender, "first stroke", (0.3, 0.4), (0.6, 0.4))
    facts, picture = blender.see("painted")
    assert_overlay(picture, facts)
    blender.click("expand", across=0.25)
    blender.click("shrink", across=0.6)
    stroke(blender, "second stroke", (0.3, 0.8), (0.5, 0.8))
    blender.click("invert", across=0.2)
    blender.see("inverted")
    for number in range(5):
        press(blender, f"undo {number}", "ctrl+z")
    for number in range(2):
        press(blender, f"redo {number}", "ctrl+shift+z")
    blender.see("redone")
    blender.click("inpaint")
    facts, _ = blender.see("inpainted")
    assert not facts["error"]
    arrays = np.load(blender.folder / "inpainted.npz")
    assert_only_the_mask_changed(arrays, facts["feather"])
    facts, picture = blender.see("outlined")
    assert covered(picture, facts, arrays) < 12, f"the overlay is over the result in {picture}"
    stroke(blender, "third stroke", (0.3, 0.8), (0.5, 0.8))
    facts, picture = blender.see("filled again")
    assert covered(picture, facts, arrays) > 25, f"no overlay in {picture}"
    blender.quits_well()


def stroke(blender, name, begin, end):
    """A stroke between two places, which are shares of the canvas from its top left corner."""
    x, y, width, height = blender.facts(name)["canvas"]
    shares = [[a + (b - a) * step / 8 for a, b in zip(begin, end, strict=True)] for step in range(9)]
    blender.go_on(name)
    blender.drag(*((x + int(across * width), y + int(down * height)) for across, down in shares))


def press(blender, name, key):
    x, y, width, height = blender.facts(name)["canvas"]
    blender.go_on(name)
    blender.press((x + width // 2, y + height // 2), key)


def assert_overlay(picture, facts):
    """Over grey: coloured where it was painted, and nowhere far from there."""
    pixels = cut(picture, facts["canvas"]).astype(int)
    redness = pixels[..., 0] - pixels[..., 2]
    height, width = redness.shape
    painted, empty = (
        redness[int(height * 0.38) : int(height * 0.42), int(width * 0.4) : int(width * 0.5)],
        redness[-10:],
    )
    assert painted.mean() > 30 and abs(empty.mean()) < 5, f"no overlay in {picture}"


def covered(picture, facts, arrays):
    """How far what is seen in the mask is from what was made there, of 255."""
    seen = cut(picture, facts["canvas"]).astype(int)
    height, width = seen.shape[:2]
    side = len(arrays["mask"])
    rows, columns = np.arange(height) * side // height, np.arange(width) * side // width
    made, mask = (arrays[name][rows][:, columns] for name in ("result", "mask"))
    return np.abs(seen - made[..., :3])[mask == 255].mean()


def assert_only_the_mask_changed(arrays, feather):
    source, mask, result = (arrays[name] for name in ("source", "mask", "result"))
    near = np.zeros(mask.shape, bool)
    reach = feather + 1  # a partly covered pixel more
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            near |= np.roll(mask > 0, (down, across), (0, 1))
    assert 0.05 < near.mean() < 0.9
    np.testing.assert_array_equal(result[~near], source[~near])
    assert (result[mask == 255] != source[mask == 255]).any(axis=1).mean() > 0.9


def test_strokes_on_the_mesh_go_into_the_mask_in_use_after_undo_and_redo(window):
    """Undo leaves the canvas of Texture Paint as it is; it would be a mask that Generate ignores."""
    blender = window("mask.paint_on_the_mesh")
    facts, _ = blender.see("ready")
    if not facts["brush"]:
        pytest.skip("this Blender was packed without brushes; nothing can be painted in it")
    x, y = blender.facts("first stroke")["at"]
    draw(blender, "first stroke", (x - 40, y - 50), (x, y - 50), (x + 30, y - 40))
    for name, key in (("undo", "ctrl+z"), ("redo", "ctrl+shift+z")):
        blender.facts(name)
        blender.go_on(name)
        blender.press((x, y), key)
    draw(blender, "second stroke", (x - 40, y + 60), (x, y + 60), (x + 30, y + 70))
    facts, _ = blender.see("painted")
    assert facts["mask"] == facts["canvas"] == facts["editor"] and facts["masks"] == 2
    assert facts["more"] > 50
    blender.quits_well()


def draw(blender, name, *points):
    blender.facts(name)
    blender.go_on(name)
    blender.drag(*points)
