# SPDX-License-Identifier: GPL-3.0-or-later
"""Each language has every sentence of the source, and nothing that is not there any more."""

from __future__ import annotations

import ast
import json
import re
import sys
from functools import cache
from pathlib import Path

import pytest

from sd_blender.core.phrasebook import Phrasebook
from sd_blender.core.sentence import PLACE, Sentence

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from _sentences import PACKAGE, texts  # noqa: E402 - the scripts are no package

LANGUAGES = sorted((PACKAGE / "blender" / "translations").glob("*.json"))
LEAST = 6
"""Letters beside the values in a text of the source, that a translation of one with its values can be known by."""


@cache
def entries(path: Path) -> dict[str, str]:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(params=LANGUAGES, ids=lambda path: path.stem)
def language(request) -> dict[str, str]:
    return entries(request.param)


def test_there_is_a_language():
    assert "de_DE" in [path.stem for path in LANGUAGES]


def test_no_sentence_is_missing(language):
    assert not sorted({found.text for found in texts() if found.is_sentence} - language.keys())


def test_sentences_with_values_remember_their_pattern(language):
    """An f-string forgets it, and would be shown in English."""
    forgotten = [
        f"{file.relative_to(PACKAGE)}:{line} {text}"
        for file, line, text, is_sentence in f_strings()
        if is_sentence or (text in language and file.name != "seed_operators.py")
    ]
    assert not forgotten


def f_strings():
    for found in texts():
        if found.is_f_string:
            yield found.file, found.line, found.text, found.is_sentence


def test_nothing_is_left_of_what_is_gone(language):
    """A key is a text of the source, a docstring (tooltips of operators), or a text with its values filled in."""
    written = {found.text for found in texts()} | set(docstrings())
    known = written | {text.removeprefix(", ") for text in written} | set(words_within())
    filled = [
        pattern(text)
        for text in written
        if len(PLACE.sub("", text).replace(" ", "")) >= LEAST and "{" in text
    ]
    gone = [key for key in language.keys() - known if not any(text.fullmatch(key) for text in filled)]
    assert not gone


def test_both_sides_name_the_same_places(language):
    assert not {
        key: other for key, other in language.items() if set(PLACE.findall(key)) != set(PLACE.findall(other))
    }


def test_nothing_is_empty(language):
    assert not [key for key, other in language.items() if not key.strip() or not other.strip()]


def test_a_sentence_ends_as_it_does_in_english(language):
    """A tooltip without a full stop, an error with one; what ends with three dots opens a dialog."""
    assert not [key for key, other in language.items() if key[-1] in ".?:" and key[-1] != other[-1]]
    assert not [key for key, other in language.items() if key[-1] not in "." and other[-1] == "."]


def test_each_pattern_is_found_with_values_in_it(language):
    """Every pattern translates what was made from it, and not by another pattern that fits by accident."""
    book = Phrasebook(language)
    wrong = {}
    for key, other in language.items():
        values = {place: f"X{number}Y" for number, place in enumerate(dict.fromkeys(PLACE.findall(key)))}
        expected = PLACE.sub(lambda place, v=values: v[place[1]], other)
        if book.translate(Sentence(key, **values)) != expected:
            wrong[key] = book.translate(Sentence(key, **values))
    assert not wrong


def docstrings():
    for file in (PACKAGE / "blender").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and (text := ast.get_docstring(node)):
                yield text


def words_within():
    """The words that an f-string chooses from: ``{'has' if one else 'have'}``."""
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FormattedValue):
                yield from (
                    part.value
                    for part in ast.walk(node.value)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                )
            if isinstance(node, ast.BinOp) and isinstance(node.left, ast.Constant):
                yield f"{node.left.value}{{value}}"


def pattern(text: str) -> re.Pattern[str]:
    return re.compile(".+".join(map(re.escape, PLACE.split(text)[::2])))
