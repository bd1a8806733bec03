# SPDX-License-Identifier: GPL-3.0-or-later
"""Laid by hand: walls, floors, roofs."""

from __future__ import annotations

import numpy as np

from ..canvas import Canvas, ramp
from ..patterns import bricks, scales, voronoi
from ..surface import Material, Surface, palette

STONE_STATES = ("mossy", "wet", "cracked", "polished", "dirty", "dusty", "worn", "snowy", "rough", "smooth")
TILE_STATES = ("wet", "cracked", "polished", "dirty", "dusty", "worn", "scratched")


def brick_wall(c: Canvas) -> Surface:
    cells = bricks(c, c.count(4), c.count(8, 2), warp=c.warp(24, 0.7))
    body = ramp(0.6, 2.6, cells.edge)
    grain = c.fractal(8, 1.6)
    return Surface(
        height=2.6 * body + 0.35 * grain,
        blend=np.clip(cells.value + 0.15 * grain, 0, 1),
        gap=1 - body,
        tone=0.16 * (cells.value - 0.5) + 0.035 * grain,
    )


def stone_blocks(c: Canvas) -> Surface:
    cells = bricks(c, c.count(2), c.count(4, 2), shift=c.pick(0.3, 0.5), warp=c.warp(30, 1.2))
    body = ramp(0.5, 4.5, cells.edge)
    rough = c.fractal(24, 1.7)
    return Surface(
        3.2 * body + 1.1 * rough * body,
        0.5 + 0.3 * rough,
        1 - ramp(0.5, 2.2, cells.edge),
        0.2 * (cells.value - 0.5) + 0.05 * rough,
    )


def cobblestone(c: Canvas) -> Surface:
    n = c.count(6)
    cells = voronoi(c, n, n, 0.75, warp=c.warp(20, 0.8))
    dome = ramp(0.5, 8, cells.edge)
    grain = c.fractal(10, 1.6)
    return Surface(
        5.5 * dome + 0.4 * grain,
        cells.value,
        1 - ramp(0.6, 2.6, cells.edge),
        0.3 * (cells.value - 0.5) + 0.04 * grain,
        gloss=0.12,
    )


def flagstone(c: Canvas) -> Surface:
    n = c.count(3)
    cells = voronoi(c, n, n, 0.95, warp=c.warp(36, 2.0))
    body = ramp(1.0, 2.8, cells.edge)
    slab = c.fractal(20, 1.8)
    return Surface(2.4 * body + 0.6 * slab, cells.value, 1 - body, 0.24 * (cells.value - 0.5) + 0.045 * slab)


def herringbone(c: Canvas) -> Surface:
    n = c.count(
        8, 4
    )  # cells of a square lattice; a plank covers 1 x 4 of them, turned on every fourth diagonal
    x, y = c.grid
    ix, iy = np.floor(x * n).astype(int), np.floor(y * n).astype(int)
    u, v = x * n - ix, y * n - iy
    phase = (ix - iy) % 4
    flat = phase < 2
    first = (phase % 2) == 0
    along_u, along_v = np.where(first, u, u + 1) / 2, np.where(first, 1 - v, 2 - v) / 2
    long_side = np.where(flat, np.minimum(along_u, 1 - along_u), np.minimum(along_v, 1 - along_v)) * 2
    short_side = np.where(flat, np.minimum(v, 1 - v), np.minimum(u, 1 - u))
    edge = np.minimum(long_side, short_side) * c.size / n
    table = c.rng.random((n, n), dtype=np.float32)
    start_x = np.where(flat & ~first, ix - 1, ix) % n
    start_y = np.where(~flat & ~first, iy + 1, iy) % n
    value = table[start_y, start_x]
    body = ramp(0.4, 2.0, edge)
    grain = c.fractal(8, 1.7)
    return Surface(2.2 * body + 0.3 * grain, value, 1 - body, 0.22 * (value - 0.5) + 0.03 * grain)


def ceramic_tiles(c: Canvas) -> Surface:
    n = c.count(4)
    cells = bricks(c, n, n, shift=0.0)
    body = ramp(1.0, 2.6, cells.edge)
    return Surface(
        2.0 * body + 0.15 * c.fractal(30, 3),
        cells.value * 0.6,
        1 - ramp(0.8, 1.8, cells.edge),
        0.10 * (cells.value - 0.5),
        gloss=0.5,
    )


def hexagonal_tiles(c: Canvas) -> Surface:
    cells = voronoi(c, c.count(5), c.count(6, 2), 0.0, stagger=0.5)
    body = ramp(1.0, 2.6, cells.edge)
    return Surface(
        2.0 * body + 0.15 * c.fractal(30, 3),
        cells.value,
        1 - ramp(0.8, 1.8, cells.edge),
        0.16 * (cells.value - 0.5),
        gloss=0.4,
    )


def checkerboard(c: Canvas) -> Surface:
    n = c.count(4, 2)
    x, y = c.grid
    cells = bricks(c, n, n, shift=0.0)
    dark = ((np.floor(x * n) + np.floor(y * n)) % 2).astype(np.float32)
    veins = c.fractal(30, 1.8)
    return Surface(0.9 * ramp(0.3, 1.5, cells.edge), 0.1, 0.96 * dark, 0.03 * veins, gloss=0.35)


def mosaic(c: Canvas) -> Surface:
    n = c.count(11)
    cells = voronoi(c, n, n, 0.38)
    body = ramp(0.5, 1.6, cells.edge)
    return Surface(1.6 * body, cells.value, 1 - body, 0.55 * (cells.value - 0.5), gloss=0.35)


def roof_shingles(c: Canvas) -> Surface:
    cells = scales(c, c.count(5), c.count(6, 2), roundness=0.0)
    slope = cells.v
    shadow = ramp(0.2, 2.4, cells.edge)
    grain = c.fractal(6, 1.4)
    return Surface(
        3.5 * slope * shadow + 0.25 * grain,
        cells.value,
        0.85 * (1 - shadow),
        0.26 * (cells.value - 0.5) + 0.04 * grain + 0.12 * (slope - 0.5),
    )


def roof_tiles(c: Canvas) -> Surface:
    cells = scales(c, c.count(5), c.count(5, 2), roundness=1.0)
    arch = np.cos(np.pi * cells.u) - 0.6
    rim = ramp(0.3, 2.5, cells.edge)
    grain = c.fractal(10, 1.6)
    return Surface(
        2.2 * cells.v + 2.4 * arch + 0.2 * grain,
        cells.value,
        0.8 * (1 - rim),
        0.18 * (cells.value - 0.5) + 0.03 * grain,
        gloss=0.1,
    )


MORTAR = (0.66, 0.63, 0.58)
DARK_JOINT = (0.20, 0.18, 0.16)
MATERIALS = (
    Material(
        ("brick wall", "bricks", "brickwork"),
        brick_wall,
        (palette("9c4a34", "7d3528", "b4a898"), palette("b4644a", "8a4535", "9d9488")),
        MORTAR,
        0.5,
        (*STONE_STATES, "pale", "dark"),
    ),
    Material(
        ("stone blocks", "block wall", "castle wall"),
        stone_blocks,
        (palette("8e887c", "76705f", "4e483e"), palette("a89c82", "8f836c", "5c5244")),
        0.45,
        0.35,
        STONE_STATES,
    ),
    Material(
        ("cobblestone", "cobbles", "cobbled street"),
        cobblestone,
        (palette("7c7a78", "5f5c58", "2c2823"), palette("8c7f70", "635a50", "2e2720")),
        DARK_JOINT,
        0.5,
        STONE_STATES,
    ),
    Material(
        ("flagstone", "stone paving", "crazy paving"),
        flagstone,
        (palette("a09684", "837a6c", "5a5346"), palette("8f8f8a", "75716a", "494640")),
        0.38,
        0.5,
        STONE_STATES,
    ),
    Material(
        ("herringbone pavement", "herringbone"),
        herringbone,
        (palette("9a5a40", "84695a", "4b4038"), palette("8d8880", "6f6a63", "3f3b37")),
        DARK_JOINT,
        0.5,
        STONE_STATES,
    ),
    Material(
        ("ceramic tiles", "bathroom tiles", "square tiles", "tiles"),
        ceramic_tiles,
        (palette("d9dcdc", "c7cccd", "8c8f90"), palette("86b3bd", "6f9fab", "d8d8d2")),
        (0.80, 0.79, 0.76),
        0.3,
        TILE_STATES,
    ),
    Material(
        ("hexagonal tiles", "hexagon tiles", "honeycomb tiles"),
        hexagonal_tiles,
        (palette("c9c4b8", "a79f90", "6a655c"), palette("c98a5c", "b06f45", "e0d8c8")),
        (0.80, 0.79, 0.76),
        0.5,
        TILE_STATES,
    ),
    Material(
        ("checkerboard floor", "chequered tiles", "checkerboard"),
        checkerboard,
        (palette("dedad0", "d2cec4", "262524"),),
        0.14,
        0.2,
        TILE_STATES,
    ),
    Material(
        ("mosaic", "mosaic tiles"),
        mosaic,
        (palette("3f8f98", "c0a060", "d0ccc0"), palette("b07048", "6f8f98", "ccc4b4")),
        (0.78, 0.76, 0.72),
        0.7,
        TILE_STATES,
    ),
    Material(
        ("roof shingles", "shingles", "slate roof"),
        roof_shingles,
        (palette("5e5a58", "494a50", "1e1c1c"), palette("7c5a44", "5f4636", "241b16")),
        0.25,
        0.5,
        STONE_STATES,
    ),
    Material(
        ("roof tiles", "terracotta roof", "clay roof tiles"),
        roof_tiles,
        (palette("b5613c", "96492c", "40201a"), palette("a8583c", "7f4636", "391d18")),
        0.3,
        0.5,
        STONE_STATES,
    ),
)
