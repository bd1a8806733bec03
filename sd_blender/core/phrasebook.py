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

PLACE = re.compile(r"\{(\w+)\}")
END = re.compile(r"(?<=[.!?]) (?=\S)")
"""Between two sentences of one message."""

LONGEST = 2000
"""Characters; what is longer holds a stranger's text and stays as it is."""

MOST = 10
"""Sentences of one message that are told apart; what follows stays as it is."""


class Phrasebook:
    """entries: translations by their English; both name the same places, each once, in ``{}``."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._plain = {english: other for english, other in entries.items() if not PLACE.search(english)}
        patterns = [english for english in entries if PLACE.search(english)]
        # The most literal one first: "The {name} is {size} px." must not be taken for "{text}.".
        patterns.sort(key=lambda english: len(PLACE.sub("", english)), reverse=True)
        self._patterns = [(_compiled(english), entries[english]) for english in patterns]
        self.translate = lru_cache(maxsize=512)(self._translate)  # panels ask at each redraw

    def _translate(self, text: str) -> str:
        """The text in the other language, each of its sentences that is known; the rest as it is."""
        if len(text) > LONGEST:
            return text
        whole = self._sentence(text)
        if whole is not None:
            return whole
        return " ".join(self._longest_known(END.split(text, MOST)))

    def _longest_known(self, parts: list[str]) -> list[str]:
        """A value may hold a full stop itself, so that more than one part can be one sentence."""
        told: list[str] = []
        while parts:
            for count in range(len(parts), 0, -1):
                known = self._sentence(" ".join(parts[:count]))
                if known is not None or count == 1:
                    told.append(parts[0] if known is None else known)
                    parts = parts[count:]
                    break
        return told

    def _sentence(self, text: str) -> str | None:
        if text in self._plain:
            return self._plain[text]
        for pattern, other in self._patterns:
            if match := pattern.fullmatch(text):
                values = {name: self._plain.get(value, value) for name, value in match.groupdict().items()}
                return PLACE.sub(lambda place: values[place[1]], other)  # noqa: B023 - used at once
        return None


def _compiled(english: str) -> re.Pattern[str]:
    parts = PLACE.split(english)  # literal, name, literal, name, ... literal
    literals = [re.escape(part) for part in parts[::2]]
    places = [f"(?P<{name}>.+?)" for name in parts[1::2]]
    joined = literals[0] + "".join(
        place + literal for place, literal in zip(places, literals[1:], strict=True)
    )
    return re.compile(joined, re.DOTALL)
