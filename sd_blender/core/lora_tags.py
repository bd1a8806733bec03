# SPDX-License-Identifier: GPL-3.0-or-later
"""LoRAs that a prompt calls, in the notation that artists know: ``<lora:wall_style:0.8>``.

The name is that of the file without its ending, the number the weight, 1 where there is none. AUTOMATIC1111 has a
second number for the U-Net alone, and extensions have more: a LoRA here has one weight, so that these are told apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TAG = re.compile(r"<(?:lora|lyco):([^<>:\n]{1,200})((?::[^<>:\n]{0,60}){0,8})>", re.IGNORECASE)
_MARK = re.compile(r"<(?:lora|lyco):", re.IGNORECASE)
_NAMED = re.compile(r"\s*(te|unet)\s*=(.*)", re.IGNORECASE)


@dataclass(frozen=True)
class Call:
    """A file that is called by its name. weight: of a LoRA, None where it has no single one. digest: the beginning of a
    checksum of it as hexadecimal digits, or "". is_word: it is an embedding.
    """

    name: str
    weight: float | None = 1.0
    digest: str = ""
    is_word: bool = False

    @property
    def label(self) -> str:
        return f"{'embedding' if self.is_word else 'LoRA'} {self.name}"


def may_call(prompt: str) -> bool:
    """Whether there is a tag, or the beginning of one: wildcards may draw the rest."""
    return "__" in prompt or bool(_MARK.search(prompt))


def split(prompt: str) -> tuple[str, tuple[Call, ...]]:
    """The prompt without its tags, and the LoRAs that they call, in order."""
    if not _MARK.search(prompt):
        return prompt, ()
    calls = tuple(Call(tag[1].strip(), _weight(tag[2].split(":")[1:])) for tag in _TAG.finditer(prompt))
    return _TAG.sub("", prompt), calls


def _weight(given: list[str]) -> float | None:
    """The one number that stands for all that is given, or None."""
    numbers: set[float] = set()
    for value in given:
        named = _NAMED.fullmatch(value)
        try:
            numbers.add(float(named[2] if named else value))
        except ValueError:
            return None
    return 1.0 if not numbers else numbers.pop() if len(numbers) == 1 else None
