# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of messages holds every sentence of the source, and is not out of date."""

from __future__ import annotations

import ast

import make_messages
import pytest
from _sentences import _texts, texts


@pytest.mark.parametrize(
    ("source", "pattern"),
    [
        ('f"{len(things)} {self.kind} imported"', "{things} {kind} imported"),
        ('f"{type(error).__name__}: {error}"', "{error}: {error2}"),
        ("f\"{', '.join(names)} {a.b.size[0]:.1f} {1}\"", "{join} {size} {value}"),
        ('"""A docstring."""', None),
        ('def f():\n    """One more."""', None),
    ],
)
def test_patterns(source, pattern):
    found = [text for _, text, _ in _texts(ast.parse(source))]
    assert found == ([] if pattern is None else [pattern])


def test_sentences_of_each_layer_are_found():
    found = {(each.layer, each.text) for each in texts() if each.is_sentence}
    assert ("core", "The prompt is empty; describe the texture you want.") in found
    assert ("engine", "There is no model at {folder}; choose another model or put it back there.") in found
    assert {layer for layer, _ in found} >= {"blender", "core", "engine", "worker"}
    assert not [text for _, text in found if text.endswith("..") or " " not in text]


def test_the_page_is_not_out_of_date():
    """Run ``scripts/make_messages.py`` when it is."""
    assert make_messages.PAGE.read_text(encoding="utf-8") == make_messages.page()
