# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences that remember what they were made from, so that they can be told in another language.

A sentence is made in English wherever something happens, in the worker too, so that logs and reports of errors can be
searched. It is translated where it is shown, by its pattern, and the values go into the translation, where they may
stand in another order. Nothing is ever parsed back out of the finished text, which may hold a stranger's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Self

PLACE = re.compile(r"\{(\w+)\}")
DEEPEST = 6
"""Sentences within one another that are read from the wire; ours stay below."""


class Sentence(str):
    """An English text, made of a ``pattern`` with places in braces and the ``values`` that stand there.

        Sentence("The {label} is {value}.", label="width", value=5) == "The width is 5."

    It is a ``str`` like any other for whoever does not ask; what cuts or joins it makes a plain one, which is shown in
    English; :meth:`joined`, :func:`without_stop` and :func:`within` keep it. A value may be a Sentence itself.

    Raises KeyError for a place without a value.
    """

    pattern: str
    values: Mapping[str, str]

    def __new__(cls, pattern: str, /, **values: object) -> Self:
        told = {name: value if isinstance(value, str) else str(value) for name, value in values.items()}
        made = super().__new__(cls, filled(pattern, told))
        made.pattern, made.values = pattern, told
        return made

    @classmethod
    def joined(cls, between: str, texts: Iterable[str]) -> Self:
        """The texts after one another as one, each of which is translated by itself. between: as in ``str.join``."""
        numbered = {f"text{number}": text for number, text in enumerate(texts)}
        return cls(between.join(f"{{{name}}}" for name in numbered), **numbered)

    def __str__(self) -> str:
        """Itself, so that ``str(error)`` still knows how the sentence of the error was made."""
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, str]]:
        """For ``copy`` and ``pickle``, which would take the English text for the pattern."""
        return (self.pattern,), dict(self.values)


def filled(pattern: str, values: Mapping[str, str]) -> str:
    """The pattern with its places filled in. Raises KeyError for a place that has no value."""
    return PLACE.sub(lambda place: values[place[1]], pattern)


def without_stop(text: str) -> str:
    """A sentence as a tooltip has it, or as the reason that begins another one: without its full stop."""
    if isinstance(text, Sentence):
        return Sentence(text.pattern.removesuffix("."), **text.values)
    return text.removesuffix(".")


def within(text: str) -> str:
    """A sentence as it stands within or at the end of another one: it begins with a small letter."""
    if isinstance(text, Sentence):
        return Sentence(text.pattern[:1].lower() + text.pattern[1:], **text.values)
    return text[:1].lower() + text[1:]


def sentence_to_json(text: str) -> Any:
    """A text as JSON holds it: a string, or for a Sentence its pattern and values."""
    if not isinstance(text, Sentence):
        return text
    values = {name: sentence_to_json(value) for name, value in text.values.items()}
    return {"pattern": text.pattern, "values": values}


def sentence_of_json(stored: Any, deepest: int = DEEPEST) -> str:
    """The text that :func:`sentence_to_json` has stored. Raises ValueError for anything else."""
    if isinstance(stored, str):
        return stored
    match stored:
        case {"pattern": str(pattern), "values": dict(values), **more} if not more and deepest:
            read = {str(name): sentence_of_json(value, deepest - 1) for name, value in values.items()}
            if set(PLACE.findall(pattern)) <= read.keys():
                return Sentence(pattern, **read)
    raise ValueError("no sentence")
