# SPDX-License-Identifier: GPL-3.0-or-later
"""What an artist would type for a sample."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .colours import SYNONYMS
from .materials import MATERIALS

TEMPLATES = (
    "{before}{noun}",
    "{before}{noun}",
    "{before}{noun}",
    "{before}{noun} texture",
    "seamless texture of {before}{noun}",
    "seamless {before}{noun} texture",
    "texture of {before}{noun}",
    "a {before}{noun}",
    "{noun}, {after}",
    "{noun}, {after}",
    "{noun} texture, {after}",
    "tileable {before}{noun}",
    "{before}{noun}, seamless, top view",
)
EXTRA = (", seamless", ", seamless texture", ", high detail", ", tileable", ", 4k", ", pbr", ", close up")
SIZES = {"large": ("large", "big", "huge"), "small": ("small", "fine", "tiny")}
SHADES = {"dark": ("dark", "deep"), "pale": ("pale", "light", "pastel")}

NAMES = {material.name: material.names for material in MATERIALS}


@dataclass(frozen=True)
class Description:
    """What a sample shows. colour, shade and size are None when not asked for; states are weathering words."""

    material: str
    noun: str
    colour: str | None = None
    shade: str | None = None
    size: str | None = None
    states: tuple[str, ...] = ()


def _choice(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    """The first word most of the time, so that the plain one is learned best."""
    return options[0] if rng.random() < 0.6 else options[int(rng.integers(len(options)))]


def write_caption(described: Description, rng: np.random.Generator) -> str:
    """One of many ways to say it; the words are those of the description."""
    words = [_choice(rng, SIZES[described.size])] if described.size else []
    words += list(rng.permutation(described.states)) if described.states else []
    colour = []
    if described.shade:
        colour.append(_choice(rng, SHADES[described.shade]))
    if described.colour:
        colour.append(_choice(rng, SYNONYMS.get(described.colour, (described.colour,))))
    template = TEMPLATES[int(rng.integers(len(TEMPLATES)))]
    if "{after}" in template:
        parts = [*words, *([" ".join(colour)] if colour else [])]
        text = template.format(noun=described.noun, after=", ".join(parts)) if parts else described.noun
    else:
        phrase = [*words, " ".join(colour)] if rng.random() < 0.75 else [" ".join(colour), *words]
        before = " ".join(w for w in phrase if w)
        text = template.format(before=before + " " if before else "", noun=described.noun)
    if rng.random() < 0.15:
        text += EXTRA[int(rng.integers(len(EXTRA)))]
    return text.capitalize() if rng.random() < 0.15 else text


def redraw_caption(described: Description, rng: np.random.Generator) -> str:
    """Other words for the same picture: another name of the material, another template."""
    names = NAMES[described.material]
    noun = names[0] if rng.random() < 0.5 else names[int(rng.integers(len(names)))]
    return write_caption(replace(described, noun=noun), rng)
