# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA's cards as their driver's own tool describes them, and which builds of torch run on them.

A build has code for some compute capabilities, and needs a driver that knows its release of CUDA. Both are known before
a byte is downloaded; afterwards they would show as "no kernel image is available", or as a card that is not there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.sentence import Sentence
from .locks import Lock
from .processes import NO_WINDOW, clean_environ

OWN_PYTHON = "name a Python that has torch and diffusers under Own Python"

# The oldest driver for every release of a major version of CUDA, from NVIDIA's table of minor version compatibility.
OLDEST_DRIVERS = {"12": {"linux": 525, "windows": 528}, "13": {"linux": 580, "windows": 580}}

OLDEST_CAPABILITY = (5, 0)
"""Of Maxwell: no release of torch that is safe with models has code for a card before it."""

QUESTION = "compute_cap,name,driver_version"
OLD_QUESTION = "name,driver_version"  # drivers before 510 do not know the capability


@dataclass(frozen=True)
class Card:
    """One card. capability: (8, 6), or None where the driver does not tell; driver: "580.65.06"."""

    name: str
    capability: tuple[int, int] | None
    driver: str


def look_at_cards() -> tuple[Card, ...]:
    """The cards of this machine, none where NVIDIA's tool is not there or does not answer; takes up to seconds."""
    tool = _find_tool()
    if tool is None:
        return ()
    for question in (QUESTION, OLD_QUESTION):
        answer = _ask(tool, question)
        if answer is not None:
            return tuple(card for line in answer.splitlines() if (card := read_card(line, question)))
    return ()


def read_card(line: str, question: str = QUESTION) -> Card | None:
    """A card from a line of the tool's answer, "8.6, NVIDIA GeForce RTX 3060, 580.65.06"; None for another line."""
    values = [value.strip() for value in line.split(",")]
    if len(values) != len(question.split(",")):
        return None
    *first, name, driver = values
    if not driver[:1].isdigit():
        return None
    try:
        major, minor = (int(number) for number in first[0].split("."))
    except (IndexError, ValueError):  # "[N/A]"
        return Card(name, None, driver)
    return Card(name, (major, minor), driver)


def usable(locks: Sequence[Lock], cards: Sequence[Card]) -> tuple[list[Lock], str]:
    """Those of ``locks``, all for CUDA, that the best of the cards can run, in their order; and why it is none.

    Of cards that nothing is known of, all are taken to run. The reason is a sentence that says what to do, or "".
    """
    if not cards:
        return list(locks), ""
    best_first = sorted(cards, key=lambda card: card.capability or (0, 0), reverse=True)
    for card in best_first:
        if fitting := [lock for lock in locks if has_code_for(lock, card) and knows_cuda_of(card, lock)]:
            return fitting, ""
    return [], old_driver(locks, cards) or _no_code(best_first[0], locks)


def old_driver(locks: Sequence[Lock], cards: Sequence[Card]) -> str:
    """What to say when a card could run one of the builds, were its driver newer; "" when none could."""
    for card in cards:
        waiting = [lock for lock in locks if has_code_for(lock, card) and not knows_cuda_of(card, lock)]
        if waiting:
            oldest = min(map(oldest_driver, waiting))
            return Sentence(
                "The NVIDIA driver {driver} is too old for torch; update it to {oldest} or newer, then "
                "install again to use the {name}.",
                driver=card.driver,
                oldest=oldest,
                name=card.name,
            )
    return ""


def has_code_for(lock: Lock, card: Card) -> bool:
    """Whether the build has code for the card: its own, or that of an older card of the same generation."""
    if card.capability is None:
        return True
    major, minor = card.capability
    return any((major, minor) >= built and built[0] == major for built in map(_capability, lock.cards))


def knows_cuda_of(card: Card, lock: Lock) -> bool:
    """Whether the card's driver knows the build's release of CUDA."""
    return int(card.driver.split(".")[0]) >= oldest_driver(lock)


def oldest_driver(lock: Lock) -> int:
    """The major number of the oldest driver that knows the build's release of CUDA."""
    return OLDEST_DRIVERS[lock.cuda.split(".")[0]][lock.system.split("-")[0]]


def _no_code(card: Card, locks: Sequence[Lock]) -> str:
    capability = card.capability or (0, 0)
    if capability < OLDEST_CAPABILITY:
        return Sentence(
            "The {name} is too old for torch; use another graphics card, or choose Processor as the build.",
            name=card.name,
        )
    if capability > max(_capability(built) for lock in locks for built in lock.cards):
        return Sentence(
            "The {name} is newer than every build of torch that can be installed from here; update "
            "the add-on, or {own_python}.",
            name=card.name,
            own_python=OWN_PYTHON,
        )
    return Sentence(
        "No build of torch that can be installed from here has code for the {name}; "
        "{own_python}, with a build that has, such as one for CUDA 12.6.",
        name=card.name,
        own_python=OWN_PYTHON,
    )


def _capability(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)


def _find_tool() -> str | None:
    """NVIDIA's tool on PATH, or where Windows and its Linux keep it."""
    places = ["/usr/lib/wsl/lib/nvidia-smi"]
    if sys.platform == "win32":
        windows, programs = os.environ.get("SYSTEMROOT", "C:/Windows"), os.environ.get("PROGRAMFILES", "")
        places = [
            str(Path(windows, "System32", "nvidia-smi.exe")),
            str(Path(programs, "NVIDIA Corporation", "NVSMI", "nvidia-smi.exe")),
        ]
    return shutil.which("nvidia-smi") or next((place for place in places if os.path.exists(place)), None)


def _ask(tool: str, question: str) -> str | None:
    try:
        done = subprocess.run(
            [tool, f"--query-gpu={question}", "--format=csv,noheader"], capture_output=True, text=True, timeout=20,
            creationflags=NO_WINDOW, stdin=subprocess.DEVNULL, env=clean_environ(), check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode == 0 else None
