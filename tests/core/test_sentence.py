# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences know what they were made from, wherever they go, and are told in another language by it."""

from __future__ import annotations

import copy
import json
import pickle
import time

import pytest

from sd_blender.core.errors import InvalidRequest
from sd_blender.core.phrasebook import Phrasebook
from sd_blender.core.sentence import Sentence, sentence_of_json, sentence_to_json, within, without_stop

BOOK = Phrasebook(
    {
        "The {label} is {value}; set it from {low} to {high}.": "{label}: {value} passt nicht, {low} bis {high}.",
        "number of steps": "Anzahl der Schritte",
        'Object "{name}" is gone': '"{name}" fehlt',
        "{reason}; it is kept.": "{reason}; es bleibt.",
        "{in_words} left": "noch {in_words}",
        "left": "links",
        "Cancelled.": "Abgebrochen.",
    }
)
STEPS = Sentence(
    "The {label} is {value}; set it from {low} to {high}.", label="number of steps", value=0, low=1, high=9
)


def test_it_is_its_english_text():
    assert STEPS == "The number of steps is 0; set it from 1 to 9."
    assert f"{STEPS}" == STEPS and json.dumps(STEPS) == json.dumps(str(STEPS))


def test_what_stands_in_a_value_is_no_place():
    assert Sentence('Object "{name}" is gone', name="{name} {0} {") == 'Object "{name} {0} {" is gone'


def test_a_place_without_a_value_is_a_defect_of_ours():
    with pytest.raises(KeyError):
        Sentence("The {label} is wrong.")


@pytest.mark.parametrize(
    "carried",
    [
        lambda s: str(InvalidRequest("steps", s)),
        lambda s: InvalidRequest("steps", s).message,
        copy.deepcopy,
        lambda s: pickle.loads(pickle.dumps(s)),  # noqa: S301 - our own, of this moment
        lambda s: sentence_of_json(json.loads(json.dumps(sentence_to_json(s)))),
    ],
)
def test_it_is_carried_whole(carried):
    same = carried(STEPS)
    assert (same, same.pattern, same.values) == (STEPS, STEPS.pattern, STEPS.values)


@pytest.mark.parametrize(
    ("sentence", "other"),
    [
        (STEPS, "Anzahl der Schritte: 0 passt nicht, 1 bis 9."),
        ("Cancelled.", "Abgebrochen."),
        ("Cancelled", "Abgebrochen"),
        ("a stranger's words. Cancelled.", "a stranger's words. Cancelled."),
        (Sentence('Object "{name}" is gone', name="left"), '"left" fehlt'),  # a name is no word of ours
        (
            Sentence("{reason}; it is kept.", reason=Sentence('Object "{name}" is gone', name="Cube")),
            '"Cube" fehlt; es bleibt.',
        ),
        (
            Sentence("{reason}; it is kept.", reason=without_stop(within(STEPS))),
            "Anzahl der Schritte: 0 passt nicht, 1 bis 9; es bleibt.",
        ),
        (without_stop(STEPS), "Anzahl der Schritte: 0 passt nicht, 1 bis 9"),
        (
            Sentence.joined(", ", [Sentence("{in_words} left", in_words="2 min"), "left", "x"]),
            "noch 2 min, links, x",
        ),
        (Sentence.joined(" ", []), ""),
        (Sentence("{nobody} knows this", nobody="left"), "links knows this"),
    ],
)  # fmt: skip
def test_it_is_told_by_its_pattern(sentence, other):
    assert BOOK.translate(sentence) == other


def test_a_reason_ends_without_the_stop_of_its_own():
    reason = without_stop(STEPS)
    assert Sentence("{reason}; it is kept.", reason=reason) == f"{STEPS.rstrip('.')}; it is kept."


@pytest.mark.parametrize(
    "stored",
    [
        None,
        5,
        ["x"],
        {},
        {"pattern": "{a}", "values": {}},
        {"pattern": "x", "values": []},
        {"pattern": 5, "values": {}},
        {"pattern": "{a}", "values": {"a": 5}},
        {"pattern": "x", "values": {}, "more": ""},
    ],
)
def test_what_is_no_sentence_on_the_wire_is_refused(stored):
    with pytest.raises(ValueError):
        sentence_of_json(stored)


def test_sentences_within_one_another_without_end_are_refused():
    stored = "x"
    for _ in range(5000):
        stored = {"pattern": "{a}", "values": {"a": stored}}
    with pytest.raises(ValueError):
        sentence_of_json(stored)


def test_a_strangers_text_costs_no_time():
    began = time.process_time()
    for text in ("The " * 50_000, 'Object "' * 24_000 + " is gone", "a. " * 60_000):
        assert BOOK.translate(text) == text
        assert BOOK.translate(Sentence('Object "{name}" is gone', name=text)) == f'"{text}" fehlt'
    assert time.process_time() - began < 2.0
