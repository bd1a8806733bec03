# SPDX-License-Identifier: GPL-3.0-or-later
"""What one walks on outdoors."""

from __future__ import annotations

import numpy as np

from ..canvas import Canvas, ramp
from ..patterns import voronoi
from ..surface import Material, Surface, full, palette

LOOSE = ("wet", "dirty", "dusty", "snowy", "rough", "smooth", "dark", "pale")


def sand(c: Canvas) -> Surface:
    x, y = c.grid
    waves, tilt = c.count(7), int(c.rng.integers(-2, 3)) * c.count(1)
    phase = 2 * np.pi * (waves * y + tilt * x) + 1.1 * c.fractal(70, 3) + 0.25 * c.fractal(24, 3)
    ripples = np.sin(phase) + 0.3 * np.sin(2 * phase + 1)
    grain = c.fractal(3, 1.0)
    return Surface(1.6 * ripples + 0.18 * grain, 0.5 + 0.25 * ripples, 0.0, 0.05 * ripples + 0.03 * grain)


def gravel(c: Canvas) -> Surface:
    n = c.count(13)
    cells = voronoi(c, n, n, 1.0, warp=c.warp(8, 0.7))
    dome = ramp(0.0, 3.6, cells.edge)
    return Surface(
        3.4 * dome + 1.2 * cells.value,
        cells.value,
        0.9 * (1 - ramp(0.2, 1.3, cells.edge)),
        0.42 * (cells.value - 0.5),
    )


def pebbles(c: Canvas) -> Surface:
    n = c.count(6)
    cells = voronoi(c, n, n, 0.85)
    reach = np.sqrt(np.maximum(1 - np.minimum((cells.u**2 + cells.v**2) / 0.30, 1), 0))
    dome = reach * ramp(0.3, 2.5, cells.edge)
    stripes = c.fractal(12, 2)
    return Surface(
        6.5 * dome,
        cells.value,
        1 - ramp(0.15, 0.4, dome),
        0.42 * (cells.value - 0.5) + 0.03 * stripes,
        gloss=0.3,
    )


def soil(c: Canvas) -> Surface:
    clods = c.fractal(16, 1.4)
    n = c.count(9)
    cells = voronoi(c, n, n, 1.0, warp=c.warp(10, 1.5))
    stone = ramp(1.2, 2.4, cells.edge) * (cells.value > 0.86)
    return Surface(
        1.7 * clods + 2.0 * stone,
        0.5 + 0.3 * clods,
        0.55 * ramp(0.5, 1.6, -clods),
        0.08 * clods + 0.22 * stone,
    )


def grass(c: Canvas) -> Surface:
    blades = full(c, -3.0)
    for _ in range(5):
        blades = np.maximum(blades, c.streaks(np.pi / 2 + c.pick(-0.6, 0.6), 15, 2.6))
    lift = np.clip((blades - 0.2) / 2.2, 0, 1)
    patch = c.fractal(48, 2.2)
    return Surface(
        3.0 * lift,
        np.clip(lift * 0.8 + 0.15 * patch, 0, 1),
        0.85 * (1 - ramp(0.1, 0.45, lift)),
        0.25 * (lift - 0.4) + 0.03 * patch,
    )


def leaves(c: Canvas) -> Surface:
    height, blend = full(c, 0.0), full(c, 0.5)
    tone, gap = full(c, -0.3), full(c, 1.0)
    for layer in range(4):
        n = c.count(5)
        cells = voronoi(c, n, n, 0.8)
        angle = cells.value * 2 * np.pi
        along = cells.u * np.cos(angle) + cells.v * np.sin(angle)
        across = np.abs(-cells.u * np.sin(angle) + cells.v * np.cos(angle))
        width = 0.26 * np.sqrt(np.maximum(1 - (along / 0.52) ** 2, 0)) * (1 - 0.5 * along)
        inside = ((across < width) & (cells.edge > 0.4)).astype(np.float32)
        fold = across / 0.26
        vein = np.exp(-((across / 0.025) ** 2)) + 0.35 * (np.sin(50 * (along - across)) > 0.5)
        shade = 0.30 * ((cells.value * 7.3) % 1 - 0.5) + 0.09 * layer - 0.15 + 0.10 * vein
        height = np.where(inside > 0, 1.8 * layer + 2.0 * (1 - fold), height)
        blend, tone = np.where(inside > 0, (cells.value * 3.7) % 1, blend), np.where(inside > 0, shade, tone)
        gap = np.where(inside > 0, 0.0, gap)
    return Surface(height.astype(np.float32), blend, gap, tone.astype(np.float32), gloss=0.12)


def moss(c: Canvas) -> Surface:
    tufts = c.band(12, 0.35) + 0.7 * c.fractal(40, 2)
    fuzz = c.band(4, 0.3)
    return Surface(
        1.7 * tufts + 0.5 * fuzz,
        0.5 + 0.3 * tufts,
        0.35 * ramp(0.6, 1.8, -tufts),
        0.06 * tufts + 0.05 * fuzz,
        gloss=0.0,
    )


def snow(c: Canvas) -> Surface:
    drifts, soft = c.fractal(64, 3.0), c.band(22, 0.5)
    glitter = ramp(2.3, 3.0, c.fractal(3, 1.0))
    return Surface(
        2.4 * drifts + 0.7 * soft, 0.4 - 0.2 * drifts, 0.0, 0.03 * drifts + 0.1 * glitter, gloss=0.15
    )


def asphalt(c: Canvas) -> Surface:
    n = c.count(24)
    cells = voronoi(c, n, n, 1.0)
    bit = ramp(0.2, 1.4, cells.edge)
    patch = c.fractal(60, 2)
    bright = (cells.value > 0.75).astype(np.float32)
    return Surface(
        1.2 * bit * cells.value,
        cells.value,
        0.65 * (1 - bit),
        0.22 * bright * bit - 0.05 + 0.04 * patch,
        gloss=0.08,
    )


MATERIALS = (
    Material(
        ("sand", "beach sand", "desert sand"),
        sand,
        (palette("d2b684", "c4a470", "a08458"), palette("dcc8a0", "ccb68c", "ac946c")),
        0.7,
        0.3,
        LOOSE,
    ),
    Material(
        ("gravel", "crushed stone", "grit"),
        gravel,
        (palette("8c8883", "6c665e", "2e2b28"), palette("9c8e7c", "786a5a", "342c24")),
        0.3,
        0.5,
        (*LOOSE, "mossy"),
    ),
    Material(
        ("pebbles", "river stones", "beach pebbles"),
        pebbles,
        (palette("93908a", "a28c74", "2f2a25"), palette("a59a8a", "70706f", "332e29")),
        (0.17, 0.15, 0.13),
        0.5,
        (*LOOSE, "mossy", "polished"),
    ),
    Material(
        ("soil", "dirt", "earth ground"),
        soil,
        (palette("6a4a33", "543a28", "2c1d14"), palette("7a5c42", "624732", "35251a")),
        0.45,
        0.35,
        (*LOOSE, "mossy"),
    ),
    Material(
        ("grass", "lawn", "meadow"),
        grass,
        (palette("4c7a2c", "86a848", "1c3010"), palette("6c8434", "a4ac58", "2a3414")),
        0.28,
        0.6,
        ("wet", "snowy", "dusty", "dark", "pale"),
    ),
    Material(
        ("leaves", "fallen leaves", "foliage"),
        leaves,
        (palette("b06a24", "d8a23c", "2c1c10"), palette("4f7c34", "7c9c48", "16240e")),
        (0.13, 0.10, 0.07),
        0.6,
        ("wet", "dirty", "dusty", "snowy"),
    ),
    Material(
        ("moss", "mossy ground", "lichen"),
        moss,
        (palette("5c7a2c", "86983c", "26340f"), palette("486c30", "6c8840", "1c2c12")),
        0.35,
        0.5,
        ("wet", "dark", "pale", "snowy", "dirty"),
    ),
    Material(
        ("snow", "fresh snow", "snowy ground"),
        snow,
        (palette("eef2f6", "d6e0ec", "b8c8dc"),),
        0.8,
        0.25,
        ("dirty", "smooth", "rough"),
    ),
    Material(
        ("asphalt", "road surface", "tarmac"),
        asphalt,
        (palette("555457", "444346", "28272a"), palette("636160", "504e4d", "302e2e")),
        0.5,
        0.35,
        ("wet", "cracked", "dirty", "dusty", "worn", "snowy"),
    ),
)
