# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of the guide, which ``scripts/make_screenshots.py`` takes over from here."""

from __future__ import annotations

import numpy as np

from tests.gui.conftest import DOWN, SCREENSHOTS, cut

PICTURES = ("progress", "texture", "variants", "mask", "history", "training", "node")


def test_the_pictures_of_the_guide_can_be_made(window):
    blender = window("pictures.book")
    seen = {}
    for name in PICTURES:
        if name == "training":
            for _ in range(3):  # the sidebar is long by now
                blender.scroll("picture training", DOWN)
        facts, picture = blender.see(f"picture {name}")
        seen[name] = cut(picture, [0, 0, *facts["places"]["VIEW_3D"][2:]]).astype(int)
        picture.replace(SCREENSHOTS / f"guide-{name}.png")
    for name, other in (("progress", "texture"), ("texture", "variants"), ("variants", "mask")):
        assert (np.abs(seen[name] - seen[other]) > 30).any(axis=2).mean() > 0.01, f"{name} looks like {other}"
    blender.quits_well()
