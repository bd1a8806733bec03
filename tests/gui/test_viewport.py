# SPDX-License-Identifier: GPL-3.0-or-later
"""The viewport as a source is what the artist sees, in the colors that were asked for."""

from __future__ import annotations

import numpy as np

from tests.gui.conftest import cut


def test_the_viewport_is_sent_as_it_is_on_the_screen(window):
    blender = window("viewport.source")
    blender.see("bare view")
    sent, seen = {}, {}
    for colors in ("DISPLAYED", "STANDARD"):
        facts, picture = blender.see(f"viewport {colors}")
        assert facts["kept"] and not facts["error"]
        sent[colors] = np.load(blender.folder / f"{colors}.npy").astype(int)
        seen[colors] = cut(picture, facts["place"]).astype(int)
        assert sent[colors].shape == seen[colors].shape
    # The middle, without what a region draws at its borders.
    height, width = sent["DISPLAYED"].shape[:2]
    middle = np.s_[height // 4 : -height // 4, width // 4 : -width // 4]
    for colors in sent:
        same = np.abs(sent[colors] - seen[colors])[middle]
        assert same.mean() < 1, f"{colors} is not what is displayed"
    # The cube in the middle shows its one color, which AgX makes paler.
    centre = {colors: pixels[height // 2, width // 2] for colors, pixels in sent.items()}
    assert np.abs(centre["DISPLAYED"] - centre["STANDARD"]).max() > 20
    blender.quits_well()
