# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts that differ from picture to picture: ``{red|blue} brick`` and ``__stone__``, drawn from the seed.

``{a|b|c}`` is one of the alternatives. ``__stone__`` is one line of ``stone.txt`` in the folder of lists, and
``__rocks/slate__`` one of ``rocks/slate.txt``; empty lines and those that begin with # do not count. What was drawn may
hold both again. Braces without a bar are text: ``{prompt}`` of a style means nothing here.

Image k of a batch draws from its own seed, so it has the words of the single image with that seed.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from .errors import InvalidRequest
from .request import Request
from .validation import MAX_PROMPT

MAX_DEPTH = 10
MAX_DRAWS = 1000
"""In one prompt: a list whose lines name lists grows without end."""
MAX_LIST_BYTES = 2**20

# Takes in what is no proper name, such as ../x, in order to refuse it; a bounded length keeps the search linear.
_MARK = re.compile(r"\{|__(?P<name>(?![\s_])[\w./\\:~ -]{1,64}?(?<![\s_]))__")
_NAME = re.compile(r"[\w -]+(/[\w -]+)*")
_BRACE = re.compile(r"[{|}]")


@dataclass(frozen=True)
class Prompts:
    """The words for one picture, nothing in them left to draw."""

    prompt: str
    negative_prompt: str


def prompts_of(request: Request) -> tuple[Prompts, ...]:
    """The words of each picture of a validated request, in order. Raises InvalidRequest."""
    lists = WildcardLists(request.wildcards)
    sampling = request.sampling
    return tuple(
        Prompts(
            expand(request.prompt, seed, lists),
            expand(request.negative_prompt, seed, lists, "negative_prompt"),
        )
        for seed in map(sampling.seed_of, range(sampling.count))
    )


class WildcardLists:
    """The lists in a folder; "" is no folder. Each file is read once."""

    def __init__(self, folder: str | Path = "") -> None:
        self._folder = Path(os.path.expanduser(folder)) if folder else None
        self._read: dict[str, list[str]] = {}

    def lines(self, name: str) -> list[str]:
        """What ``__name__`` may become. Raises InvalidRequest for a name or a file that cannot be used."""
        if name not in self._read:
            self._read[name] = self._lines(name)
        return self._read[name]

    def _lines(self, name: str) -> list[str]:
        if not _NAME.fullmatch(name):
            raise _unusable(name, "is no name of a list; write it with letters, digits and / alone")
        if self._folder is None:
            raise _unusable(name, "needs a list; choose the folder with your wildcards, or remove it")
        path = self._folder / f"{name}.txt"
        if not path.is_file():
            raise _unusable(name, f"is unknown; put {path.name} into the folder of wildcards, or correct it")
        try:
            with path.open("rb") as file:
                content = file.read(MAX_LIST_BYTES + 1)
            text = content.decode("utf-8-sig")
        except (OSError, UnicodeDecodeError):
            raise _unusable(name, f"cannot be read; save {path.name} again as text in UTF-8") from None
        lines = [line for raw in text.splitlines() if (line := raw.strip()) and not line.startswith("#")]
        if len(content) > MAX_LIST_BYTES or "\0" in text or any(len(line) > MAX_PROMPT for line in lines):
            raise _unusable(name, f"has a list that is no list of short lines; split up {path.name}")
        if not lines:
            raise _unusable(name, f"has an empty list; write one choice a line into {path.name}")
        return lines


def _unusable(name: str, why: str) -> InvalidRequest:
    return InvalidRequest("wildcards", f"The wildcard __{name}__ {why}.")


def expand(text: str, seed: int, lists: WildcardLists, field: str = "prompt") -> str:
    """``text`` with everything drawn; the same text, seed, field and lists give the same. Raises InvalidRequest."""
    drawn = _Drawing(seed, lists, field).fill(text, 0)
    if len(drawn) > MAX_PROMPT:
        raise InvalidRequest(
            field, f"With its wildcards the prompt is longer than {MAX_PROMPT} characters; remove some."
        )
    return drawn


class _Drawing:
    def __init__(self, seed: int, lists: WildcardLists, field: str) -> None:
        # Python promises the numbers of random() alone to be the same in every version. Each field has numbers of
        # its own, or the first choice of a negative prompt would always be that of the prompt.
        self._number = random.Random(f"{field} {seed}").random
        self._lists = lists
        self._field = field
        self._draws = 0

    def fill(self, text: str, depth: int) -> str:
        groups = _groups(text)
        parts: list[str] = []
        at = 0
        while found := _MARK.search(text, at):
            parts.append(text[at : found.start()])
            at = found.end()
            marks = groups.get(found.start())
            if found["name"]:
                parts.append(self._draw(self._lists.lines(found["name"]), depth))
            elif marks:
                options = [text[left + 1 : right].strip() for left, right in pairwise(marks)]
                parts.append(self._draw(options, depth))
                at = marks[-1] + 1
            else:
                parts.append(found[0])
        return "".join([*parts, text[at:]])

    def _draw(self, options: Sequence[str], depth: int) -> str:
        self._draws += 1
        if depth == MAX_DEPTH or self._draws > MAX_DRAWS:
            raise InvalidRequest(
                self._field, "The wildcards lead into each other without end; remove one that leads back."
            )
        return self.fill(options[int(self._number() * len(options))], depth + 1)


def _groups(text: str) -> dict[int, list[int]]:
    """Where alternatives stand: by the place of the opening brace, the places of it, of its bars and of its end."""
    open_groups: list[list[int]] = []
    groups: dict[int, list[int]] = {}
    for mark in _BRACE.finditer(text):
        if mark[0] == "{":
            open_groups.append([mark.start()])
        elif open_groups:
            open_groups[-1].append(mark.start())
            if mark[0] == "}" and len(marks := open_groups.pop()) > 2:
                groups[marks[0]] = marks
    return groups
