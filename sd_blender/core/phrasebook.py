# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences in another language, found by their pattern."""

from __future__ import annotations

from collections.abc import Mapping

from .sentence import PLACE, Sentence, filled

OWN = frozenset({"entry", "file", "folder", "keep", "log", "name", "parent", "path", "prompt"})
"""Places of what the artist or the system has named, by their name: this is no word of ours, nor is what is in quotes.
A value elsewhere may be one, such as a reason."""


class Phrasebook:
    """entries: translations by their English; both name the same places in ``{}``."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._entries = entries

    def translate(self, text: str) -> str:
        """The text in the other language where it is known; what is not known in it stays as it is."""
        if not isinstance(text, Sentence):
            return self._found(text)
        other = self._found(text.pattern)
        names = _names(text.pattern)
        values = {
            name: value if name in names else self.translate(value) for name, value in text.values.items()
        }
        return filled(other, values)

    def _found(self, english: str) -> str:
        """The entry of a text; also where it has lost its full stop, as in a tooltip or within another sentence, or
        begins with a small letter."""
        for text in (english, english[:1].upper() + english[1:]):
            if text in self._entries:
                return self._entries[text]
            if f"{text}." in self._entries:
                return self._entries[f"{text}."].removesuffix(".")
        return english


def _names(pattern: str) -> set[str]:
    """The places of a pattern whose values are names, by what they are called or by the quotes around them."""
    return {
        place[1]
        for place in PLACE.finditer(pattern)
        if place[1].rstrip("0123456789") in OWN or pattern[: place.start()].endswith('"')
    }
