# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of a result that was written back, and said of it."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.sentence import Sentence


@dataclass(frozen=True)
class Delivery:
    """What became of a result.

    images: the names of the new ones, the one on the material first. note: what the artist should know, or "". place:
    where the texture is, when that is on nothing, or "".
    """

    images: tuple[str, ...]
    note: str
    place: str = ""

    @property
    def message(self) -> str:
        return Sentence.joined(" ", filter(None, (self.note, self.place)))
