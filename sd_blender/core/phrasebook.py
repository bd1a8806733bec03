# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences in another language, found by their pattern.

A sentence is made in English wherever something happens, in the worker too, so that logs and reports of errors can be
searched. It is translated where it is shown: ``The {label} is {value}; set it from {low} to {high}.`` fits each
sentence that was made so, and the values go into the translation, where they may stand in another order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

PLACE = re.compile(r"\{(\w+)\}")
END = re.compile(r"(?<=[.!?]) (?=\S)")
"""Between two sentences of one message."""

LONGEST = 2000
"""Characters; what is longer holds a stranger's text and stays as it is."""

MOST = 10
"""Sentences of one message that are told apart; what follows stays as it is."""

OWN = frozenset({"entry", "file", "folder", "keep", "log", "name", "parent", "path", "prompt"})
"""Places of what the artist or the system has named, by their name: this is no word of ours, nor is what is in quotes.
A value elsewhere may be one, such as a reason."""

DEPTH = 3
"""Sentences within one another."""

LONGEST_VALUE = 400


class _Told(NamedTuple):
    """A translation, and how many letters of the English are known: the more, the less it fits by accident."""

    text: str
    sure: int


class Phrasebook:
    """entries: translations by their English; both name the same places in ``{}``."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._plain = {english: other for english, other in entries.items() if not PLACE.search(english)}
        patterns = [english for english in entries if PLACE.search(english)]
        # The most literal one first: "The {name} is {size} px." must not be taken for "{text}.".
        patterns.sort(key=_letters, reverse=True)
        self._patterns = [(*_compiled(english), entries[english], _letters(english)) for english in patterns]
        self.translate = lru_cache(maxsize=512)(self._translate)  # panels ask at each redraw

    def _translate(self, text: str) -> str:
        """The text in the other language, each of its sentences that is known; the rest as it is."""
        if len(text) > LONGEST:
            return text
        whole = self._known(text)
        if whole is not None:
            return whole
        return " ".join(self._longest_known(END.split(text, MOST)))

    def _longest_known(self, parts: list[str]) -> list[str]:
        """A value may hold a full stop itself, so that more than one part can be one sentence."""
        told: list[str] = []
        while parts:
            for count in range(len(parts), 0, -1):
                known = self._known(" ".join(parts[:count]))
                if known is not None or count == 1:
                    told.append(parts[0] if known is None else known)
                    parts = parts[count:]
                    break
        return told

    def _known(self, text: str, depth: int = DEPTH) -> str | None:
        """A sentence, or several things after one another: "Step 3 of 8, 12 s left"."""
        found = self._sentence(text, depth)
        parts = text.split(", ", MOST)
        if len(parts) > 1 and text not in self._plain:
            listed = [told for part in parts if (told := self._sentence(part, depth)) is not None]
            if len(listed) == len(parts) and (
                found is None or sum(told.sure for told in listed) > found.sure
            ):
                return ", ".join(told.text for told in listed)
        return None if found is None else found.text

    def _sentence(self, text: str, depth: int) -> _Told | None:
        """One that is known, also without its full stop, which tooltips do without."""
        if (told := self._exact(text, depth)) is not None or text.endswith("."):
            return told
        told = self._exact(f"{text}.", depth)
        return None if told is None else _Told(told.text.removesuffix("."), told.sure)

    def _exact(self, text: str, depth: int) -> _Told | None:
        if text in self._plain:
            return _Told(self._plain[text], len(text))
        for pattern, own, other, letters in self._patterns:
            if match := pattern.fullmatch(text):
                values = {
                    name: value if name in own else self._value(value, depth - 1)
                    for name, value in match.groupdict().items()
                }
                return _Told(PLACE.sub(lambda place: values[place[1]], other), letters)  # noqa: B023 - used at once
        return None

    def _value(self, value: str, depth: int) -> str:
        """A word or a sentence of ours, maybe begun with a small letter, a list of such words, or something else."""
        if depth <= 0 or not value or len(value) > LONGEST_VALUE:
            return value
        for text in (value, value[0].upper() + value[1:]):
            if (known := self._known(text, depth)) is not None:
                return known
        return ", ".join(self._plain.get(part, part) for part in value.split(", "))


def _letters(english: str) -> int:
    return len(PLACE.sub("", english))


def _compiled(english: str) -> tuple[re.Pattern[str], frozenset[str]]:
    """What matches a sentence made so, and its places whose values stay as they are."""
    before, *rest = PLACE.split(english)  # literal, name, literal, name, ... literal
    pattern, own = re.escape(before), set()
    seen: set[str] = set()
    for name, after in zip(rest[::2], rest[1::2], strict=True):
        if before.endswith('"') or name.rstrip("0123456789") in OWN:
            own.add(name)
        # What is joined to a word without a space is left out at times: "choose another{where}."
        some = "*?" if before[-1:].isalnum() or before.endswith(")") else "+?"
        pattern += (f"(?P={name})" if name in seen else f"(?P<{name}>.{some})") + re.escape(after)
        seen.add(name)
        before = after
    return re.compile(pattern, re.DOTALL), frozenset(own)
