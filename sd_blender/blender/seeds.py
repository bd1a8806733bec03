# SPDX-License-Identifier: GPL-3.0-or-later
"""The seed of a scene, which may be longer than a number of Blender's.

``seed`` of the settings holds 31 bits, which is all that Blender keeps in a number, and ``long_seed`` the digits of a
longer one. They belong together while ``seed`` is the lowest 31 bits of it: a script, a driver or an older version that
sets ``seed`` alone is heard, and nothing has to be told of it.
"""

from __future__ import annotations

import re
from typing import Any

from ..core.choices import SEED_LIMIT

NUMBERS = 2**31
"""Seeds that fit into ``seed``."""

_DIGITS = re.compile(r"\s*[0-9]{1,20}\s*")


def parse(digits: str) -> int | None:
    """The seed that somebody wrote, 0 to 2**64 - 1, or None for what is none."""
    seed = int(digits) if len(digits) < 100 and _DIGITS.fullmatch(digits) else SEED_LIMIT
    return seed if seed < SEED_LIMIT else None


def read(settings: Any) -> int:
    """The seed of the settings, 0 to 2**64 - 1; a stranger's file may hold anything as a long one."""
    short = int(settings.seed)
    seed = parse(settings.long_seed)
    return seed if seed is not None and seed % NUMBERS == short else short


def write(settings: Any, seed: int) -> None:
    """seed: 0 to 2**64 - 1."""
    settings.seed = seed % NUMBERS
    settings.long_seed = str(seed) if seed >= NUMBERS else ""
