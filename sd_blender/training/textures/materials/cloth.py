# SPDX-License-Identifier: GPL-3.0-or-later
"""Woven, knitted, stitched and printed."""

from __future__ import annotations

import numpy as np

from ..canvas import Canvas, Field, ramp
from ..patterns import weave
from ..surface import Material, Surface, palette

STATES = ("wet", "dirty", "dusty", "worn", "dark", "pale", "rough", "smooth")


def fabric(c: Canvas) -> Surface:
    cloth = weave(c, c.count(20, 2), warp=c.warp(40, 0.8))
    return Surface(
        2.0 * cloth.height,
        cloth.thread,
        0.75 * (1 - ramp(0.0, 0.5, cloth.height)),
        0.16 * (cloth.thread - 0.5),
        gloss=0.0,
    )


def denim(c: Canvas) -> Surface:
    cloth = weave(c, c.count(24, 4), 2, warp=c.warp(40, 0.6))
    fade = c.fractal(40, 1.8)
    pale = np.where(cloth.across, 0.8, 0.0) * ramp(0.3, 0.9, cloth.height)
    return Surface(1.5 * cloth.height, np.clip(0.4 + 0.2 * fade, 0, 1), 0.55 * pale, 0.04 * fade, gloss=0.0)


def knit(c: Canvas) -> Surface:
    nx, ny = c.count(8), c.count(11)
    x, y = c.grid
    u = (x * nx) % 1 - 0.5
    lean = np.abs(u) * 1.3  # the two legs of a stitch make a V
    v = (y * ny + lean) % 1 - 0.5
    leg = np.maximum(np.cos(np.pi * np.clip((np.abs(u) - 0.25) / 0.48, -0.5, 0.5)), 0)
    height = np.sqrt(leg * np.maximum(np.cos(np.pi * v), 0))
    yarn = c.fractal(4, 1.2)
    return Surface(
        4.2 * height + 0.2 * yarn,
        np.clip(0.5 + 0.1 * yarn, 0, 1),
        0.75 * (1 - ramp(0.1, 0.7, height)),
        0.03 * yarn,
        gloss=0.0,
    )


def quilt(c: Canvas) -> Surface:
    n = c.count(4)
    x, y = c.grid
    a, b = ((x + y) * n) % 1 - 0.5, ((x - y) * n) % 1 - 0.5
    puff = np.sqrt(np.maximum(np.cos(np.pi * a) * np.cos(np.pi * b), 0))
    wrinkle = c.fractal(14, 2)
    return Surface(
        7.0 * puff + 0.5 * wrinkle, 0.4, 0.6 * (1 - ramp(0.1, 0.4, puff)), 0.02 * wrinkle, gloss=0.3
    )


def plaid(c: Canvas) -> Surface:
    n = c.count(3)
    x, y = c.grid

    def stripe(t: Field) -> Field:
        return 0.55 * ((t > 0.1) & (t < 0.5)) + 0.45 * ((t > 0.72) & (t < 0.8))

    rib = ((x - y) * c.count(30)) % 1 > 0.5
    across, down = stripe((x * n) % 1), stripe((y * n) % 1)
    amount = np.where(rib, across, down) * 0.35 + 0.33 * (across + down)
    cloth = weave(c, c.count(24, 4), 2)
    return Surface(0.9 * cloth.height, 0.1, np.clip(amount, 0, 0.85).astype(np.float32), 0.0, gloss=0.0)


def stripes(c: Canvas) -> Surface:
    n = c.count(5)
    x, _ = c.grid
    band = (((x * n) % 1) < 0.5).astype(np.float32)
    cloth = weave(c, c.count(28, 2))
    return Surface(0.8 * cloth.height, 0.1, 0.92 * band, 0.03 * (cloth.height - 0.5), gloss=0.0)


def carpet(c: Canvas) -> Surface:
    tufts, patch = c.band(5.5, 0.25), c.fractal(50, 2)
    return Surface(
        2.2 * tufts + 1.0 * patch,
        np.clip(0.5 + 0.25 * tufts, 0, 1),
        0.4 * ramp(0.6, 1.8, -tufts),
        0.07 * tufts + 0.04 * patch,
        gloss=0.0,
    )


def camouflage(c: Canvas) -> Surface:
    first, second, third = c.fractal(46, 3), c.fractal(40, 3), c.fractal(40, 3)
    light, dark = ramp(0.25, 0.33, first), ramp(0.5, 0.58, second) * 0.85
    tone = -0.22 * ramp(0.35, 0.43, third)
    cloth = weave(c, c.count(32, 2))
    return Surface(0.5 * cloth.height, light, dark, tone, gloss=0.0)


WHITE = (0.90, 0.89, 0.86)
MATERIALS = (
    Material(
        ("woven fabric", "fabric", "linen", "canvas cloth"),
        fabric,
        (palette("b8ac94", "a0947c", "5c5444"), palette("8c8478", "746c60", "3c382f")),
        0.35,
        0.35,
        STATES,
    ),
    Material(
        ("denim", "jeans cloth"),
        denim,
        (palette("3c5880", "2f4668", "a8b4c4"),),
        (0.80, 0.80, 0.80),
        0.3,
        STATES,
    ),
    Material(
        ("knitted wool", "knit", "wool sweater", "knitted fabric"),
        knit,
        (palette("d0c4ac", "bcae94", "5c503c"), palette("8c5c54", "7a4c46", "38201c")),
        0.38,
        0.25,
        STATES,
    ),
    Material(
        ("quilted fabric", "padded fabric", "upholstery"),
        quilt,
        (palette("a08c74", "8c7860", "443828"), palette("c8c0b4", "b4ac9f", "605a50")),
        0.35,
        0.3,
        STATES,
    ),
    Material(
        ("plaid fabric", "tartan", "plaid"),
        plaid,
        (palette("a83430", "962824", "18241c"), palette("d4c8ac", "c4b69a", "6c3c30")),
        0.22,
        0.3,
        STATES,
    ),
    Material(
        ("striped fabric", "stripes", "striped cloth"),
        stripes,
        (palette("b03c38", "a03430", "eae4d8"), palette("3c5c8c", "345080", "ece8dc")),
        WHITE,
        0.2,
        STATES,
    ),
    Material(
        ("carpet", "rug", "carpet floor"),
        carpet,
        (palette("8c3c38", "74302c", "381614"), palette("a09484", "8c8070", "4a4234")),
        0.4,
        0.4,
        STATES,
    ),
    Material(
        ("camouflage", "camo", "military camouflage"),
        camouflage,
        (palette("6c7048", "a09468", "33321f"), palette("b09c70", "8c7850", "4c3f2a")),
        0.3,
        0.7,
        STATES,
    ),
)
