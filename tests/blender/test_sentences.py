# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences in panels: nothing of them may be cut."""

from __future__ import annotations

import blf
import bpy
import pytest

from sd_blender.blender.sentences import lines

SENTENCE = (
    "The engine stopped while it made this texture; generate it again, and if it happens twice read the log."
)


@pytest.mark.parametrize("width", [120, 200, 400, 2000])
@pytest.mark.parametrize(
    "text", [SENTENCE, "Iiii illi " * 12, "WWWWWW MMMMMM " * 8, "/folder" * 30, "漢字仮名" * 20]
)
def test_every_line_fits_and_no_word_is_lost(text, width):
    broken = lines(text, width)
    assert "".join(broken).replace(" ", "") == text.replace(" ", "")
    blf.size(0, bpy.context.preferences.ui_styles[0].widget.points)
    assert max(blf.dimensions(0, line)[0] for line in broken) <= width


def test_a_wide_region_shows_one_line():
    assert lines(SENTENCE, 2000) == [SENTENCE]


def test_nothing_to_say_and_no_room_at_all():
    assert lines("", 300) == []
    assert " ".join(lines(SENTENCE, -50)) == SENTENCE
