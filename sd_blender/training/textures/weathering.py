# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened to a material: each adjective changes the surface, the colour, or both, without hiding the hue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .canvas import Canvas, Field, blur, ramp
from .patterns import voronoi
from .shading import lerp
from .surface import Rgb, Surface, rgb

Coated = tuple[Surface, Field]
"""A surface and its albedo (H x W x 3)."""


def _cover(
    c: Canvas, coated: Coated, amount: Field, colour: Rgb, thickness: float, grain: float, gloss: float
) -> Coated:
    """Lay a coat over the surface where `amount` (0 .. 1) says so."""
    surface, albedo = coated
    rough = c.fractal(6, 1.4)
    coat = np.asarray(colour, np.float32) * (1 + grain * rough)[..., None]
    return replace(
        surface,
        height=surface.height * (1 - 0.35 * amount) + amount * (thickness + thickness * 0.25 * rough),
        gloss=np.asarray(surface.gloss) * (1 - amount) + gloss * amount,
    ), lerp(albedo, coat, amount)


def _low(surface: Surface) -> Field:
    """Where dirt gathers: about -2 .. 2, positive in hollows."""
    hollow = blur(surface.height, 5.0) - surface.height
    return hollow / max(float(hollow.std()), 0.3)


def mossy(c: Canvas, coated: Coated) -> Coated:
    where = ramp(0.35, 0.9, c.fractal(44, 1.9) + 0.35 * _low(coated[0]))
    return _cover(c, coated, 0.92 * where, rgb("5a7a28"), 1.6, 0.22, 0.0)


def rusty(c: Canvas, coated: Coated) -> Coated:
    field = c.fractal(44, 1.5) + 0.25 * _low(coated[0])
    coated = _cover(c, coated, 0.45 * ramp(-0.1, 0.5, field), rgb("8a5a3a"), 0.1, 0.1, 0.0)
    return _cover(c, coated, 0.9 * ramp(0.35, 0.85, field), rgb("8f4219"), 0.3, 0.25, 0.0)


def wet(c: Canvas, coated: Coated) -> Coated:
    surface, albedo = coated
    puddle = ramp(0.0, 0.7, c.fractal(54, 2.4) + 0.4 * _low(surface))
    sheen = ramp(0.6, 1.8, c.fractal(26, 2.6))
    height = surface.height * (1 - 0.45 * puddle) + 0.5 * puddle * c.band(26, 0.4)
    gloss = np.asarray(surface.gloss) + 0.45 + 0.5 * puddle
    return replace(surface, height=height, gloss=gloss), albedo * (0.80 - 0.18 * puddle)[..., None] + (
        0.16 * sheen
    )[..., None]


def cracked(c: Canvas, coated: Coated) -> Coated:
    surface, albedo = coated
    n = c.count(2.4)
    cells = voronoi(c, n, n, 1.0, warp=c.warp(20, 3.2))
    crack = (1 - ramp(0.4, 1.5, cells.edge)) * ramp(-1.1, -0.5, c.fractal(40, 2))
    return replace(surface, height=surface.height - 3.5 * crack), lerp(
        albedo, tuple(0.22 * albedo.mean((0, 1))), 0.92 * crack
    )


def polished(c: Canvas, coated: Coated) -> Coated:
    surface, albedo = coated
    reflection = ramp(0.2, 1.6, c.streaks(2.2, 90, 22))
    return replace(
        surface, height=surface.height * 0.55, gloss=np.asarray(surface.gloss) + 0.5
    ), albedo * 0.95 + (0.20 * reflection)[..., None]


def dirty(c: Canvas, coated: Coated) -> Coated:
    where = ramp(-0.2, 1.3, c.fractal(46, 1.6) + 0.7 * _low(coated[0]))
    return _cover(c, coated, 0.68 * where, rgb("34291c"), 0.1, 0.12, 0.0)


def dusty(c: Canvas, coated: Coated) -> Coated:
    where = 0.28 + 0.42 * ramp(-0.8, 1.2, c.fractal(50, 1.8) - 0.3 * _low(coated[0]))
    return _cover(c, coated, where, rgb("bcae98"), 0.3, 0.05, 0.0)


def worn(c: Canvas, coated: Coated) -> Coated:
    surface, albedo = coated
    patch = ramp(0.15, 0.6, c.fractal(36, 1.5) - 0.3 * _low(surface))
    faded = albedo * 0.55 + 0.45 * np.float32([0.66, 0.63, 0.58])
    return replace(surface, height=surface.height * (1 - 0.4 * patch)), lerp(albedo, faded, 0.85 * patch)


def scratched(c: Canvas, coated: Coated) -> Coated:
    surface, albedo = coated
    marks = np.zeros_like(surface.height)
    for _ in range(3):
        marks = np.maximum(marks, ramp(2.3, 2.9, c.streaks(c.pick(0, np.pi), 60, 1.3)))
    return replace(surface, height=surface.height - marks), lerp(
        albedo, np.float32([0.80, 0.79, 0.77]), 0.7 * marks
    )


def snowy(c: Canvas, coated: Coated) -> Coated:
    where = ramp(0.15, 0.55, c.fractal(40, 2.2) - 0.25 * _low(coated[0]))
    return _cover(c, coated, 0.95 * where, rgb("eef2f7"), 2.4, 0.015, 0.1)


def rough(c: Canvas, coated: Coated) -> Coated:
    surface, albedo = coated
    bumps = c.fractal(10, 1.3)
    return replace(surface, height=surface.height * 1.25 + 1.1 * bumps), albedo * (1 + 0.04 * bumps)[
        ..., None
    ]


def smooth(c: Canvas, coated: Coated) -> Coated:
    surface, albedo = coated
    return replace(surface, height=0.5 * blur(surface.height, 1.2)), 0.5 * albedo + 0.5 * _blur_colour(
        albedo, 1.0
    )


def _blur_colour(albedo: Field, radius: float) -> Field:
    return np.stack([blur(albedo[..., k], radius) for k in range(3)], axis=-1)


WEATHERING: dict[str, Callable[[Canvas, Coated], Coated]] = {
    "mossy": mossy,
    "rusty": rusty,
    "wet": wet,
    "cracked": cracked,
    "polished": polished,
    "dirty": dirty,
    "dusty": dusty,
    "worn": worn,
    "scratched": scratched,
    "snowy": snowy,
    "rough": rough,
    "smooth": smooth,
}
