# SPDX-License-Identifier: GPL-3.0-or-later
"""Stone, plaster, concrete and other minerals without a lattice; liquids and ice."""

from __future__ import annotations

import numpy as np

from ..canvas import Canvas, ramp
from ..patterns import voronoi
from ..surface import Material, Surface, palette

STATES = (
    "mossy",
    "wet",
    "cracked",
    "polished",
    "dirty",
    "dusty",
    "worn",
    "snowy",
    "rough",
    "smooth",
    "scratched",
)


def rock(c: Canvas) -> Surface:
    n = c.count(3)
    cells = voronoi(c, n, n, 1.0, warp=c.warp(40, 5))
    base = c.fractal(70, 1.9)
    ridges = 1 - 2 * np.abs(np.clip(c.fractal(40, 1.9), -1.5, 1.5)) / 1.5
    tilt = (cells.value - 0.5) * 6 * (cells.u + cells.v)
    return Surface(
        2.6 * base + 2.2 * ridges + tilt, 0.5 + 0.35 * base, 0.5 * ramp(0.55, 1.0, -ridges), 0.09 * base
    )


def marble(c: Canvas) -> Surface:
    flow = c.fractal(80, 2.1)
    veins = np.exp(-((flow / 0.09) ** 2))
    fine = 0.6 * np.exp(-((c.fractal(48, 2.0) / 0.05) ** 2))
    cloud = c.fractal(50, 2.0)
    return Surface(
        0.1 * cloud, 0.5 + 0.3 * cloud, np.clip(0.8 * veins + 0.6 * fine, 0, 0.9), 0.05 * cloud, gloss=0.5
    )


def granite(c: Canvas) -> Surface:
    coarse, mid = c.band(6, 0.35), c.band(5, 0.35)
    dark = ramp(0.7, 1.3, coarse)
    return Surface(0.15 * mid, ramp(0.3, 1.1, mid), 0.9 * dark, 0.09 * np.clip(mid, -2, 2), gloss=0.35)


def terrazzo(c: Canvas) -> Surface:
    n = c.count(10)
    cells = voronoi(c, n, n, 1.0, warp=c.warp(12, 1.2))
    chip = ramp(1.6, 2.4, cells.edge) * (cells.value > 0.4)
    shade = (cells.value - 0.4) / 0.6
    return Surface(
        0.1 * chip, 0.15, chip * (0.35 + 0.65 * (shade > 0.45)), 0.35 * chip * (shade - 0.5), gloss=0.4
    )


def concrete(c: Canvas) -> Surface:
    cloud, grain = c.fractal(60, 1.7), c.fractal(5, 1.2)
    pits = ramp(2.0, 2.6, c.band(7, 0.4))
    return Surface(
        0.5 * cloud + 0.25 * grain - 2.0 * pits, 0.5 + 0.3 * cloud, 0.6 * pits, 0.06 * cloud + 0.02 * grain
    )


def plaster(c: Canvas) -> Surface:
    strokes = c.streaks(c.pick(0, 3.1), 26, 6) + c.streaks(c.pick(0, 3.1), 26, 6) + 0.7 * c.fractal(16, 2)
    return Surface(1.7 * strokes, 0.4 + 0.2 * c.fractal(60, 2), 0.0, 0.02 * strokes)


def sandstone(c: Canvas) -> Surface:
    _, y = c.grid
    bend = c.fractal(90, 2.5) * 0.05 / c.size * 128
    layers = c.rng.random(c.count(14), dtype=np.float32)
    position = ((y + bend) * len(layers)) % len(layers)
    index = position.astype(int) % len(layers)
    mix = ramp(0.6, 1.0, position - index)
    band = layers[index] * (1 - mix) + layers[(index + 1) % len(layers)] * mix
    grain = c.streaks(0.0, 14, 2.5)
    return Surface(
        2.2 * band + 0.4 * grain, band, 0.35 * ramp(0.8, 1.0, band), 0.22 * (band - 0.5) + 0.035 * grain
    )


def cracked_earth(c: Canvas) -> Surface:
    n = c.count(4)
    cells = voronoi(c, n, n, 1.0, warp=c.warp(16, 1.6))
    body = ramp(0.8, 2.4, cells.edge)
    curl = ramp(1, 9, cells.edge)
    dust = c.fractal(14, 1.7)
    return Surface(
        5 * body - 1.6 * curl + 0.5 * dust,
        0.5 + 0.3 * dust,
        1 - body,
        0.05 * dust + 0.12 * (cells.value - 0.5),
    )


def lava(c: Canvas) -> Surface:
    n = c.count(4)
    cells = voronoi(c, n, n, 1.0, warp=c.warp(28, 4.0))
    heat = 1 - ramp(0.8, 5.5, cells.edge)
    crust = c.fractal(14, 1.7)
    return Surface(
        3.0 * (1 - heat) + 0.9 * crust * (1 - heat),
        ramp(0.45, 1.0, heat),
        1 - ramp(0.1, 0.55, heat),
        0.03 * crust,
        glow=ramp(0.1, 0.6, heat),
    )


def water(c: Canvas) -> Surface:
    waves = c.band(34, 0.35) + 0.45 * c.band(15, 0.35)
    crests = ramp(1.0, 2.2, -np.abs(c.band(30, 0.3)) * 3 + 2.2)
    return Surface(
        2.6 * waves, np.clip(0.5 + 0.35 * waves, 0, 1), 0.0, 0.08 * waves + 0.22 * crests**3, gloss=0.9
    )


def ice(c: Canvas) -> Surface:
    n = c.count(3)
    cells = voronoi(c, n, n, 1.0, warp=c.warp(30, 3))
    crack = np.exp(-cells.edge / 0.9)
    depth = c.fractal(50, 2.2)
    fine = np.exp(-((c.fractal(60, 2.2) / 0.035) ** 2))
    return Surface(
        0.4 * depth,
        0.5 + 0.35 * depth,
        np.clip(0.85 * crack + 0.4 * fine, 0, 1),
        0.14 * depth + 0.1 * (cells.value - 0.5),
        gloss=0.7,
    )


MATERIALS = (
    Material(
        ("rock", "cliff", "rock face"),
        rock,
        (palette("837a70", "655d55", "332e2a"), palette("9a8468", "7a654e", "3c3024")),
        0.4,
        0.4,
        STATES,
    ),
    Material(
        ("marble", "marble slab"),
        marble,
        (palette("e6e2dc", "d5d0c8", "6c6862"), palette("2c2f2e", "222524", "c8c2b4")),
        0.45,
        0.25,
        ("polished", "cracked", "dirty", "worn", "scratched", "wet"),
    ),
    Material(
        ("granite", "granite countertop"),
        granite,
        (palette("b5a79e", "d0c6be", "33302e"), palette("8b8a8c", "b9b8b8", "222224")),
        0.15,
        0.6,
        ("polished", "wet", "dirty", "dusty", "scratched"),
    ),
    Material(
        ("terrazzo", "terrazzo floor"),
        terrazzo,
        (palette("dcd6ca", "cdc6b8", "a0604c"), palette("c8c8c4", "b8b8b4", "5c6c74")),
        (0.93, 0.91, 0.87),
        0.2,
        ("polished", "dirty", "scratched", "wet"),
    ),
    Material(
        ("concrete", "concrete wall", "cement"),
        concrete,
        (palette("9a9892", "84827c", "52504c"), palette("aaa69c", "949086", "5e5a52")),
        0.5,
        0.25,
        STATES,
    ),
    Material(
        ("plaster", "stucco", "plaster wall"),
        plaster,
        (palette("ddd2bc", "cfc2a8", "a09680"), palette("d8d4cc", "c8c4bc", "98948c")),
        0.6,
        0.25,
        STATES,
    ),
    Material(
        ("sandstone", "layered rock", "sedimentary rock"),
        sandstone,
        (palette("c0946a", "a06c48", "e0c8a0"), palette("b0987c", "8c7058", "d4c4a8")),
        (0.88, 0.80, 0.66),
        0.6,
        STATES,
    ),
    Material(
        ("cracked earth", "dry mud", "desert ground"),
        cracked_earth,
        (palette("a5876a", "8f7256", "3c2c20"), palette("b39a7e", "9a8064", "44362a")),
        0.25,
        0.35,
        ("dusty", "dirty", "wet", "rough", "snowy"),
    ),
    Material(
        ("lava", "molten rock", "magma"),
        lava,
        (palette("ff6a10", "ffd840", "241c1a"),),
        (0.10, 0.085, 0.085),
        0.6,
        (),
    ),
    Material(
        ("water", "sea water", "water surface"),
        water,
        (palette("2f7488", "1d566c", "d8ecf0"), palette("2a64a0", "1c4a80", "d8e8f4")),
        0.5,
        0.4,
        ("dark", "pale", "dirty", "smooth"),
    ),
    Material(
        ("ice", "frozen lake", "cracked ice"),
        ice,
        (palette("a8d0e0", "84b8d0", "f0f8fa"), palette("c0dce4", "98c0d0", "f4fafc")),
        (0.95, 0.97, 0.98),
        0.4,
        ("snowy", "dirty", "polished", "scratched", "smooth"),
    ),
)
