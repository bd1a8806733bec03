# SPDX-License-Identifier: GPL-3.0-or-later
"""The twelve colour words and how a named colour becomes a palette."""

from __future__ import annotations

import colorsys

import numpy as np

from .surface import Material, Palette, Rgb, rgb

COLOURS: dict[str, Rgb] = {
    "red": rgb("b4231f"),
    "orange": rgb("e27a1e"),
    "yellow": rgb("e3c534"),
    "green": rgb("3c8634"),
    "teal": rgb("1d8886"),
    "blue": rgb("2a55b4"),
    "purple": rgb("74399a"),
    "pink": rgb("e384ab"),
    "brown": rgb("6c4428"),
    "black": rgb("242426"),
    "white": rgb("e8e7e2"),
    "grey": rgb("808080"),
}
NEUTRAL = frozenset({"black", "white", "grey"})
SYNONYMS = {"grey": ("grey", "gray"), "purple": ("purple", "violet"), "teal": ("teal", "turquoise")}
SHADES = {
    "dark": frozenset({"red", "green", "teal", "blue", "purple", "grey"}),
    "pale": frozenset({"orange", "yellow", "green", "teal", "blue", "purple", "grey", "brown"}),
}
"""Colours that keep their name when darkened or paled (dark orange is brown, pale red is pink)."""


def jitter(colour: Rgb, rng: np.random.Generator, hue: float, saturation: float, value: float) -> Rgb:
    """A nearby colour: hue in turns, saturation and value as fractions, each uniform within +- the amount."""
    h, s, v = colorsys.rgb_to_hsv(*colour)
    s = min(s * (1 + rng.uniform(-saturation, saturation)), 1.0)
    v = min(v * (1 + rng.uniform(-value, value)), 1.0)
    return colorsys.hsv_to_rgb((h + rng.uniform(-hue, hue)) % 1.0, s, v)


def shade(colour: Rgb, word: str | None) -> Rgb:
    """`dark` and `pale` versions of a colour."""
    if word == "dark":
        return tuple(0.58 * x for x in colour)  # type: ignore[return-value]
    if word == "pale":
        return tuple(0.52 * x + 0.48 * 0.93 for x in colour)  # type: ignore[return-value]
    return colour


def named_palette(material: Material, name: str, word: str | None, rng: np.random.Generator) -> Palette:
    """The palette of a material in one of the COLOURS; `word` is dark, pale or None."""
    main = shade(jitter(COLOURS[name], rng, 0.012, 0.12, 0.08), word)
    spread = material.contrast
    # The variation stays within the hue: mostly darker or lighter, a little to the side.
    lift = rng.uniform(0.15, 0.45) * spread * rng.choice((-1.0, 1.0))
    if name == "black":
        lift = abs(lift) * 1.2
    if name in ("white", "pink", "yellow"):
        lift = -abs(lift) * 0.6
    turned = jitter(main, rng, 0.0 if name in NEUTRAL else 0.014 * spread * 2, 0.1, 0.0)
    other: Rgb = tuple(float(np.clip(x * (1 + lift), 0, 1)) for x in turned)  # type: ignore[assignment]
    gap = material.gap
    if isinstance(gap, tuple):
        return Palette(main, other, jitter(gap, rng, 0.01, 0.2, 0.08))
    return Palette(main, other, tuple(gap * x for x in main))  # type: ignore[arg-type]


def natural_palette(material: Material, word: str | None, rng: np.random.Generator) -> Palette:
    """One of the material's own palettes, varied a little."""
    chosen = material.natural[int(rng.integers(len(material.natural)))]
    main, other, gap = (
        shade(jitter(x, rng, 0.012, 0.15, 0.08), word) for x in (chosen.main, chosen.other, chosen.gap)
    )
    return Palette(main, other, gap)
