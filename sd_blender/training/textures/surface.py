# SPDX-License-Identifier: GPL-3.0-or-later
"""What a recipe hands over, and what a material is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .canvas import Canvas, Field

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Surface:
    """A material before colour. Fields are H x W or plain numbers.

    height: pixels above the mean plane. blend: 0 main colour .. 1 its variation. gap: 0 .. 1 the secondary colour
    (mortar, cracks). tone: lightness added, about -0.5 .. 0.5. gloss: 0 dull .. 1 mirror. glow: 0 .. 1, its own light.
    """

    height: Field
    blend: Field | float = 0.0
    gap: Field | float = 0.0
    tone: Field | float = 0.0
    gloss: Field | float = 0.05
    glow: Field | float = 0.0


@dataclass(frozen=True)
class Palette:
    """Colours in sRGB 0 .. 1: main, its variation, and the secondary one of the gaps."""

    main: Rgb
    other: Rgb
    gap: Rgb


@dataclass(frozen=True)
class Material:
    """names: what artists call it, the first is canonical. natural: palettes used when no colour is asked for.

    gap: the secondary colour under a named colour; a number darkens the main colour, a colour stands as it is.
    contrast: how far the variation may lie from the main colour, 0 .. 1. states: the adjectives that suit it.
    """

    names: tuple[str, ...]
    recipe: Callable[[Canvas], Surface]
    natural: tuple[Palette, ...]
    gap: float | Rgb = 0.4
    contrast: float = 0.5
    states: tuple[str, ...] = field(default_factory=tuple)

    @property
    def name(self) -> str:
        return self.names[0]


def palette(main: str, other: str, gap: str) -> Palette:
    """A palette from hexadecimal colours such as "b0563c"."""
    return Palette(rgb(main), rgb(other), rgb(gap))


def rgb(code: str) -> Rgb:
    return int(code[:2], 16) / 255, int(code[2:4], 16) / 255, int(code[4:], 16) / 255


def full(c: Canvas, value: float) -> Field:
    return np.full((c.size, c.size), value, np.float32)
