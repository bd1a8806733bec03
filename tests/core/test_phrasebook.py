# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences that were made in English are told in another language, with their values."""

from __future__ import annotations

import time

import pytest

from sd_blender.core.phrasebook import Phrasebook

BOOK = Phrasebook(
    {
        "Cancelled.": "Abgebrochen.",
        "number of steps": "Anzahl der Schritte",
        "The {label} is {value}; set it from {low} to {high}.": "{label}: {value} passt nicht, {low} bis {high}.",
        'Object "{name}" is gone': '"{name}" fehlt',
        "{text} left": "noch {text}",
        'Image "{name}" is gone': 'Bild "{name}" fehlt',
    }
)


@pytest.mark.parametrize(
    ("english", "other"),
    [
        ("Cancelled.", "Abgebrochen."),
        ('Object "Cube {1} \\d" is gone', '"Cube {1} \\d" fehlt'),
        ("The number of steps is 0; set it from 1 to 9.", "Anzahl der Schritte: 0 passt nicht, 1 bis 9."),
        ("nobody knows this", "nobody knows this"),
        ("", ""),
        ("Cancelled. Nobody knows this. Cancelled.", "Abgebrochen. Nobody knows this. Abgebrochen."),
        ('Object "Mr. Green. The second" is gone', '"Mr. Green. The second" fehlt'),
        ("2 min left", "noch 2 min"),
    ],
)
def test_sentences(english, other):
    assert BOOK.translate(english) == other


def test_the_most_literal_pattern_is_taken():
    assert BOOK.translate('Image "left" is gone') == 'Bild "left" fehlt'


def test_a_strangers_text_costs_no_time():
    began = time.process_time()
    for text in ("The " * 500, 'Object "' * 240 + " is gone", "a. " * 600, "x" * 100_000):
        BOOK.translate(text)
    assert time.process_time() - began < 2.0
