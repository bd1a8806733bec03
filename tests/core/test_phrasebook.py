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
        "left": "links",
        "Step {step} of {steps}": "Schritt {step} von {steps}",
        "{reason}; it is kept.": "{reason}; es bleibt.",
        "Looked at {side} x {side} pixels.": "{side} x {side} Pixel angesehen.",
        "Choose another{where}.": "Anderes wählen{where}.",
        "The file {path} is {what}.": "Die Datei {path} ist {what}.",
        "a web page": "eine Webseite",
        "Settings: {join}": "Einstellungen: {join}",
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
        ("Step 3 of 8, 2 min left", "Schritt 3 von 8, noch 2 min"),
        ("Step 3 of 8, nobody knows", "Schritt 3 von 8, nobody knows"),
        ("Cancelled", "Abgebrochen"),  # as a tooltip has it
        ('Object "Cube" is gone; it is kept.', '"Cube" fehlt; es bleibt.'),
        (
            "the number of steps is 0; set it from 1 to 9; it is kept.",
            "Anzahl der Schritte: 0 passt nicht, 1 bis 9; es bleibt.",
        ),
        ("Looked at 64 x 64 pixels.", "64 x 64 Pixel angesehen."),
        ("Looked at 64 x 32 pixels.", "Looked at 64 x 32 pixels."),
        ("Choose another.", "Anderes wählen."),
        ("Choose another (a, b).", "Anderes wählen (a, b)."),
        ("The file a web page is a web page.", "Die Datei a web page ist eine Webseite."),
        ('Object "left" is gone', '"left" fehlt'),  # the name of a thing is no word of ours
        ("Settings: number of steps, left, mask", "Einstellungen: Anzahl der Schritte, links, mask"),
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
