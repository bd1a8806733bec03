# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts that differ from picture to picture: ``{red|blue} brick`` and ``__stone__``, drawn from the seed.

``{a|b|c}`` is one of the alternatives. ``__stone__`` is one line of ``stone.txt`` in the folder of lists, and
``__rocks/slate__`` one of ``rocks/slate.txt``; empty lines and those that begin with # do not count. What was drawn may
hold both again. Braces without a bar are text: ``{prompt}`` of a style means nothing here.

As in the extension Dynamic Prompts, ``{3::a|b}`` draws a three times as often as b, ``{2$$a|b|c}`` two different ones,
``{1-2$$ and $$a|b|c}`` one or two with that between them, and ``__stone*__`` a line of any list whose name fits.

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

from .called_loras import refuse_any, take_out
from .errors import InvalidRequest
from .request import Lora, Request
from .sentence import Sentence
from .validation import MAX_ADAPTERS, MAX_PROMPT

MAX_DEPTH = 10
MAX_DRAWS = 1000
"""In one prompt: a list whose lines name lists grows without end."""
MAX_LIST_BYTES = 2**20
MAX_LISTS = 200
"""That one name with a * stands for."""

# Takes in what is no proper name, such as ../x, in order to refuse it; a bounded length keeps the search linear.
_MARK = re.compile(r"\{|__(?P<name>(?![\s_])[\w./\\:~* -]{1,64}?(?<![\s_]))__")
_NAME = re.compile(r"[\w* -]+(/[\w* -]+)*")
_BRACE = re.compile(r"[{|}]")
_COUNT = re.compile(
    r"\s*(?:(?P<exact>\d{1,3})|(?P<low>\d{0,3})-(?P<high>\d{0,3}))\$\$(?:(?P<between>[^$|{}]{0,40})\$\$)?"
)
_WEIGHT = re.compile(r"\s*(?P<weight>\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})::")


@dataclass(frozen=True)
class Prompts:
    """The words for one picture, nothing in them left to draw."""

    prompt: str
    negative_prompt: str
    loras: tuple[Lora, ...] = ()
    """Those that the prompt called."""
    tagged: str = ""
    """The prompt with the tags that called them, "" where there were none."""


def prompts_of(request: Request) -> tuple[Prompts, ...]:
    """The words of each picture of a validated request, in order. Raises InvalidRequest."""
    lists = WildcardLists(request.wildcards)
    sampling = request.sampling
    drawn = tuple(_prompts(request, seed, lists) for seed in map(sampling.seed_of, range(sampling.count)))
    if len({words.loras for words in drawn}) > 1:
        raise InvalidRequest(
            "loras",
            "The pictures of one Count draw different LoRAs; set Count to 1, or call the same ones in all.",
        )
    if len(request.loras) + len(drawn[0].loras) > MAX_ADAPTERS:
        raise InvalidRequest(
            "loras",
            Sentence(
                "The list and the prompt have too many LoRAs; use at most {max_adapters}.",
                max_adapters=MAX_ADAPTERS,
            ),
        )
    return drawn


def _prompts(request: Request, seed: int, lists: WildcardLists) -> Prompts:
    prompt = expand(request.prompt, seed, lists)
    negative_prompt = expand(request.negative_prompt, seed, lists, "negative_prompt")
    refuse_any(negative_prompt)
    text, loras = take_out(prompt, request.lora_folders)
    return Prompts(text, negative_prompt, loras, prompt if loras else "")


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
        if "*" in name:
            return self._of_several(name, self._folder)
        path = self._folder / f"{name}.txt"
        if not path.is_file():
            raise _unusable(
                name,
                Sentence(
                    "is unknown; put {name} into the folder of wildcards, or correct it", name=path.name
                ),
            )
        try:
            with path.open("rb") as file:
                content = file.read(MAX_LIST_BYTES + 1)
            text = content.decode("utf-8-sig")
        except (OSError, UnicodeDecodeError):
            raise _unusable(
                name, Sentence("cannot be read; save {name} again as text in UTF-8", name=path.name)
            ) from None
        lines = [line for raw in text.splitlines() if (line := raw.strip()) and not line.startswith("#")]
        if len(content) > MAX_LIST_BYTES or "\0" in text or any(len(line) > MAX_PROMPT for line in lines):
            raise _unusable(
                name, Sentence("has a list that is no list of short lines; split up {name}", name=path.name)
            )
        if not lines:
            raise _unusable(
                name, Sentence("has an empty list; write one choice a line into {name}", name=path.name)
            )
        return lines

    def _of_several(self, pattern: str, folder: Path) -> list[str]:
        """The lines of all lists whose names fit: * is any part of a name, ** any folders too."""
        paths = sorted(path for path in folder.glob(f"{pattern}.txt") if path.is_file())[:MAX_LISTS]
        names = [path.relative_to(folder).with_suffix("").as_posix() for path in paths]
        lines = [line for name in names if "*" not in name for line in self.lines(name)]
        if not lines:
            raise _unusable(pattern, "fits no list; put a file whose name fits into the folder of wildcards")
        return lines


def _unusable(name: str, why: str) -> InvalidRequest:
    return InvalidRequest("wildcards", Sentence("The wildcard __{name}__ {why}.", name=name, why=why))


def expand(text: str, seed: int, lists: WildcardLists, field: str = "prompt") -> str:
    """``text`` with everything drawn; the same text, seed, field and lists give the same. Raises InvalidRequest."""
    drawn = _Drawing(seed, lists, field).fill(text, 0)
    if len(drawn) > MAX_PROMPT:
        raise InvalidRequest(
            field,
            Sentence(
                "With its wildcards the prompt is longer than {max_prompt} characters; remove some.",
                max_prompt=MAX_PROMPT,
            ),
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
                parts.append(
                    self._draw_group([text[left + 1 : right] for left, right in pairwise(marks)], depth)
                )
                at = marks[-1] + 1
            else:
                parts.append(found[0])
        return "".join([*parts, text[at:]])

    def _draw_group(self, written: list[str], depth: int) -> str:
        """written: what stands between the braces and bars; of one that begins with a count so many."""
        head = _COUNT.match(written[0])
        if head is None:
            options, weights = _weighted(written)
            return self._draw(options, depth, weights)
        written[0] = written[0][head.end() :]
        options, weights = _weighted(written)
        name = _MARK.fullmatch(options[0]) if len(options) == 1 else None
        if name and name["name"]:  # so many lines of one list
            options, weights = self._lists.lines(name["name"]), None
        low, high = (head[part] or default for part, default in (("low", 1), ("high", len(options))))
        count = int(head["exact"] or int(low) + int(self._number() * max(1, int(high) - int(low) + 1)))
        left = list(range(len(options)))
        drawn = []
        for _ in range(min(count, len(options))):
            chosen = left.pop(self._choose([weights[i] for i in left] if weights else [1.0] * len(left)))
            drawn.append(self._filled(options[chosen], depth))
        between = head["between"] if head["between"] is not None else ", "
        return between.join(text for text in drawn if text)

    def _choose(self, weights: Sequence[float]) -> int:
        total = sum(weights)
        if not total:
            return int(self._number() * len(weights))
        wanted = self._number() * total
        for index, weight in enumerate(weights):
            wanted -= weight
            if wanted < 0:
                return index
        return len(weights) - 1

    def _draw(self, options: Sequence[str], depth: int, weights: Sequence[float] | None = None) -> str:
        # Without weights as ever: the same seed draws the same words in every version.
        chosen = self._choose(weights) if weights else int(self._number() * len(options))
        return self._filled(options[chosen], depth)

    def _filled(self, option: str, depth: int) -> str:
        self._draws += 1
        if depth == MAX_DEPTH or self._draws > MAX_DRAWS:
            raise InvalidRequest(
                self._field, "The wildcards lead into each other without end; remove one that leads back."
            )
        return self.fill(option, depth + 1)


def _weighted(written: Sequence[str]) -> tuple[list[str], list[float] | None]:
    """The options, and how often each is drawn; None where none says."""
    heads = [_WEIGHT.match(option) for option in written]
    options = [text[head.end() if head else 0 :].strip() for text, head in zip(written, heads, strict=True)]
    weights = [float(head["weight"]) if head else 1.0 for head in heads]
    return options, weights if any(heads) else None


def _groups(text: str) -> dict[int, list[int]]:
    """Where alternatives stand: by the place of the opening brace, the places of it, of its bars and of its end."""
    open_groups: list[list[int]] = []
    groups: dict[int, list[int]] = {}
    for mark in _BRACE.finditer(text):
        if mark[0] == "{":
            open_groups.append([mark.start()])
        elif open_groups:
            open_groups[-1].append(mark.start())
            if mark[0] == "}":
                marks = open_groups.pop()
                if len(marks) > 2 or _COUNT.match(text, marks[0] + 1):
                    groups[marks[0]] = marks
    return groups
