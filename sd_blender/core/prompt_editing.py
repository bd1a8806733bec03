# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts that change while a picture is made, in the notation that artists know from AUTOMATIC1111.

``[forest:desert:0.4]`` is forest for the first 40 % of the steps and desert from then on, ``[forest:desert:8]`` for the
first 8 of them. ``[desert:0.4]`` begins then and ``[forest::0.4]`` ends. ``[red|blue]`` is red in every odd step and
blue in every even one. They may hold each other, and weights. Any other bracket is left as it is, as is one after a
backslash, a proportion such as ``[16:9]`` and what looks like a weight, ``[moss:1.2]``.

Steps are those that are run: an image as the source leaves some out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MAX_DEPTH = 20
"""Brackets within each other that are looked into; deeper ones are text."""

MANY = 1000
"""Steps of a picture whose own are not known."""

_PIECE = re.compile(r"\\.|[\[\]()|:]", re.DOTALL)
_LETTER = re.compile(r"[^\W\d_]")
_NUMBER = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*")


@dataclass
class _Bracket:
    """A part is a list of texts and brackets; marks are what separates the parts: "|" or ":".

    round, deep: brackets ( and too many [ that are open within.
    """

    parts: list[list[str | _Bracket]] = field(default_factory=lambda: [[]])
    marks: list[str] = field(default_factory=list)
    round: int = 0
    deep: int = 0

    def add(self, piece: str | _Bracket) -> None:
        self.parts[-1].append(piece)

    def separate(self, mark: str) -> None:
        self.marks.append(mark)
        self.parts.append([])

    @property
    def when(self) -> str:
        """The number after the last colon of ``[a:b:0.4]``, or "" for a bracket that is none of those."""
        last = "".join(piece for piece in self.parts[-1] if isinstance(piece, str))
        plain = all(isinstance(piece, str) for piece in self.parts[-1])
        found = _NUMBER.fullmatch(last) if plain and self.marks in ([":"], [":", ":"]) else None
        if found is None or ("." in found[1] and float(found[1]) > 1):
            return ""
        words = any(not isinstance(piece, str) or _LETTER.search(piece) for piece in self.parts[0])
        return found[1] if words or len(self.parts) == 3 else ""

    @property
    def alternates(self) -> bool:
        return "|" in self.marks


def at_step(prompt: str, step: int, steps: int, order: int = 1) -> str:
    """The words at ``step``, 1 to ``steps``. order: how many of them are one step to the artist."""
    return _shown(_parse(prompt), step, steps, order)


def texts(prompt: str, steps: int, order: int = 1) -> list[str]:
    """The words at each of ``steps``."""
    if "[" not in prompt:
        return [prompt] * steps
    whole = _parse(prompt)
    if not _changes(whole):
        return [prompt] * steps
    return [_shown(whole, step, steps, order) for step in range(1, steps + 1)]


def ends(prompt: str) -> tuple[str, str]:
    """The words at the beginning, and at the end."""
    return (at_step(prompt, 1, MANY), at_step(prompt, MANY, MANY)) if changes(prompt) else (prompt, prompt)


def final(prompt: str) -> str:
    """The words at the end, for what looks at a picture as a whole."""
    return ends(prompt)[1]


def changes(prompt: str) -> bool:
    """Whether the words are not the same in all steps."""
    return "[" in prompt and _changes(_parse(prompt))


def _parse(prompt: str) -> _Bracket:
    stack = [_Bracket()]
    at = 0
    for found in _PIECE.finditer(prompt):
        piece = found[0]
        stack[-1].add(prompt[at : found.start()])
        at = found.end()
        top = stack[-1]
        if piece == "[" and len(stack) <= MAX_DEPTH:
            stack.append(_Bracket())
        elif piece == "]" and len(stack) > 1 and not top.deep:
            stack.pop()
            stack[-1].add(top)
        elif piece in "|:" and len(stack) > 1 and not top.round:
            top.separate(piece)
        else:
            top.round = max(0, top.round + {"(": 1, ")": -1}.get(piece, 0))
            top.deep = max(0, top.deep + {"[": 1, "]": -1}.get(piece, 0))
            top.add(piece)
    stack[-1].add(prompt[at:])
    while len(stack) > 1:  # brackets without an end are text
        top = stack.pop()
        stack[-1].add("[")
        for mark, part in zip(["", *top.marks], top.parts, strict=True):
            stack[-1].add(mark)
            stack[-1].parts[-1] += part
    return stack[0]


def _changes(bracket: _Bracket) -> bool:
    inner = (piece for part in bracket.parts for piece in part if isinstance(piece, _Bracket))
    return any(piece.alternates or piece.when or _changes(piece) for piece in inner)


def _shown(bracket: _Bracket, step: int, steps: int, order: int) -> str:
    return "".join(_piece(piece, step, steps, order) for piece in bracket.parts[0])


def _piece(piece: str | _Bracket, step: int, steps: int, order: int) -> str:
    if isinstance(piece, str):
        return piece
    parts = ["".join(_piece(inner, step, steps, order) for inner in part) for part in piece.parts]
    if piece.alternates:
        options = _joined(parts, piece.marks)
        return options[((step - 1) // order) % len(options)]
    if when := piece.when:
        before, after = parts[0] if len(parts) == 3 else "", parts[-2]
        last = float(when) * (steps if "." in when else order)
        return before if step <= last else after
    whole = parts[0]
    for mark, part in zip(piece.marks, parts[1:], strict=True):
        whole += mark + part
    return f"[{whole}]"


def _joined(parts: list[str], marks: list[str]) -> list[str]:
    """What stands between bars; colons among it are text."""
    options = [parts[0]]
    for mark, part in zip(marks, parts[1:], strict=True):
        if mark == "|":
            options.append(part)
        else:
            options[-1] += mark + part
    return options
