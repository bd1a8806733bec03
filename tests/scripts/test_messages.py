# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of messages holds every sentence of the source, and is not out of date."""

from __future__ import annotations

import ast
from pathlib import Path

import make_messages
import pytest
from _sentences import LAYERS, _Code, _fill, _texts, filled_in, texts


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


HERE = Path("here.py")


def sentences_of(source: str) -> list[str]:
    """The sentences of some code, the call of Sentence being the only one in its function."""
    tree = ast.parse(source)
    code = _Code({HERE: tree})
    function = next((node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)), tree)
    call = next(n for n in ast.walk(function) if isinstance(n, ast.Call) and n.func.id == "Sentence")
    return [
        text for _, scope in code.scopes(function, HERE) for text in _fill(call.args[0].value, call, scope)
    ]


@pytest.mark.parametrize(
    ("source", "sentences"),
    [
        ('MOST = 2**4\nSentence("At most {most}.", most=MOST - 1)', ["At most 15."]),
        ('LOW, HIGH = 1, 2.0\nSentence("{a} to {b}", a=-LOW, b=f"{HIGH:g}")', ["-1 to 2"]),
        ('KINDS = {"a": "A", "b": "B"}\nSentence("{kind}", kind=KINDS[x])', ["A", "B"]),
        ('NAMES = ("A", "B")\nSentence("{names}", names=", ".join(NAMES))', ["A, B"]),
        ('Sentence("It {verb}.", verb="has" if one else "have")', ["It has.", "It have."]),
        ('Sentence("{inner}!", inner=Sentence("The {what}", what="cat"))', ["The cat!"]),
        ('Sentence("The {name} of {path}.", name="LoRA", path=path)', ["The LoRA of {path}."]),
        ('def f(label, x):\n    Sentence("{label} {x}", label=label, x=x)\nf("width", y)', ["width {x}"]),
        ('def f(x):\n    for a, label in ((x, "A"), (x, "B")):\n        Sentence("{label}", label=label)', ["A", "B"]),
        ('x = "A"\ndef f():\n    x = g()\n    Sentence("{x}", x=x)', ["{x}"]),
    ],
)  # fmt: skip
def test_constants_are_filled_in(source, sentences):
    assert sentences_of(source) == sentences


def test_a_place_for_too_many_texts_stays():
    names = tuple(f"Name {number}" for number in range(20))
    assert sentences_of(f'NAMES = {names}\nSentence("{{name}} is taken.", name=NAMES[x])') == [
        "{name} is taken."
    ]


def test_sentences_are_found_as_they_are_on_the_screen():
    found = {text for _, text in filled_in()[1]}
    assert "The width is {shown}; set it from 16 to 8192." in found
    assert "Without the engine there is no CLIP Guidance; press Install Engine, or set it to 0." in found
    assert "The prompt is longer than 10000 characters; shorten it." in found


def test_a_sentence_of_many_callers_stands_where_each_of_them_is_met():
    page = make_messages.page()
    training = page[page.index("\n## Training\n") : page.index("\n## Engine: ")]
    assert "\n- The rank is *...*; set it from 1 to 256.\n" in training


def test_every_layer_has_its_place_on_the_page():
    """A new file is met where its layer is, until it is named."""
    places = [place for places in make_messages.AREAS.values() for place in places]
    assert {*LAYERS} <= {*places}
    assert len(places) == len({*places})
    assert not [place for place in places if not (make_messages.PACKAGE / place).exists()]


def test_sentences_of_each_layer_are_found():
    found = {(each.layer, each.text) for each in texts() if each.is_sentence}
    assert ("core", "The prompt is empty; describe the texture you want.") in found
    assert ("engine", "There is no model at {folder}; choose another model or put it back there.") in found
    assert {layer for layer, _ in found} >= {"blender", "core", "engine", "worker"}
    assert not [text for _, text in found if text.endswith("..") or " " not in text]


def test_the_page_is_not_out_of_date():
    """Run ``scripts/make_messages.py`` when it is."""
    assert make_messages.PAGE.read_text(encoding="utf-8") == make_messages.page()
