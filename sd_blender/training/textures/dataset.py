# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples by number: the same (seed, index, size) always gives the same picture and caption."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas
from .captions import Description, write_caption
from .colours import COLOURS, SHADES, named_palette, natural_palette
from .materials import MATERIALS
from .shading import albedo, shade_surface
from .surface import Material
from .weathering import WEATHERING

ZOOM = {"large": 0.66, None: 1.0, "small": 1.5}


@dataclass(frozen=True)
class Sample:
    """pixels: H x W x 3 uint8, sRGB, seamless on both axes. caption: what it shows, in words."""

    pixels: NDArray[np.uint8]
    caption: str
    description: Description


@dataclass(frozen=True)
class TextureSet:
    """An endless list of samples of one size (a multiple of 128 px), reproducible from its seed."""

    seed: int
    size: int = 128

    def __getitem__(self, index: int) -> Sample:
        return make_sample(self.seed, index, self.size)


def describe(material: Material, rng: np.random.Generator) -> Description:
    """Draw what a sample of this material shows."""
    noun = material.names[0] if rng.random() < 0.5 else material.names[int(rng.integers(len(material.names)))]
    colour = str(rng.choice(list(COLOURS))) if rng.random() < 0.72 else None
    size = ("large", "small")[int(rng.integers(2))] if rng.random() < 0.2 else None
    options = [s for s in material.states if s in WEATHERING]
    number = min(int(rng.choice(3, p=(0.5, 0.42, 0.08))), len(options))
    states = tuple(str(s) for s in rng.choice(options, number, replace=False)) if number else ()
    if {"rough", "smooth"} <= set(states):
        states = states[:1]
    shade = None
    if rng.random() < 0.2:
        shades = [s for s in SHADES if (colour in SHADES[s] if colour else s in material.states)]
        shade = str(rng.choice(shades)) if shades else None
    return Description(material.name, noun, colour, shade, size, states)


def render(
    material: Material, described: Description, rng: np.random.Generator, size: int
) -> NDArray[np.uint8]:
    """Paint what is described. Returns size x size x 3 uint8."""
    c = Canvas(size, rng, ZOOM[described.size] * float(rng.uniform(0.9, 1.1)))
    surface = material.recipe(c)
    if described.colour:
        colours = named_palette(material, described.colour, described.shade, rng)
    else:
        colours = natural_palette(material, described.shade, rng)
    coated = surface, albedo(surface, colours)
    for state in described.states:
        coated = WEATHERING[state](c, coated)
    return shade_surface(*coated)


def describe_sample(seed: int, index: int, size: int = 128) -> Description:
    """What `make_sample` of the same numbers shows, without painting it."""
    return describe(MATERIALS[index % len(MATERIALS)], np.random.default_rng((seed, index, size)))


def make_sample(seed: int, index: int, size: int = 128, described: Description | None = None) -> Sample:
    """Sample `index` of the set `seed`; `described` overrides what is drawn at random (for tests and evaluation)."""
    rng = np.random.default_rng((seed, index, size))
    if described is None:
        described = describe(MATERIALS[index % len(MATERIALS)], rng)
    material = next(m for m in MATERIALS if m.name == described.material)
    caption = write_caption(described, rng)
    return Sample(render(material, described, rng, size), caption, described)
