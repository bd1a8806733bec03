# SPDX-License-Identifier: GPL-3.0-or-later
"""Wood and what grows on it."""

from __future__ import annotations

import numpy as np

from ..canvas import Canvas, Field, ramp
from ..patterns import Cells, bricks, columns, voronoi, weave
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
    "scratched",
    "rough",
    "dark",
    "pale",
)


def _rings(c: Canvas, cells: Cells, turn: float, across_period: float = 9.0) -> Field:
    """Wood grain along `turn` (radians), different in every board; about -1 .. 1."""
    fibre = c.streaks(turn, 80, across_period) + 0.6 * c.streaks(turn, 50, 2.8)
    return np.sin(2.2 * fibre + 40 * cells.value)


def planks(c: Canvas) -> Surface:
    cells = columns(c, c.count(5), c.count(1))
    body = ramp(0.4, 1.8, cells.edge)
    rings = _rings(c, cells, np.pi / 2)
    return Surface(
        2.4 * body + 0.3 * rings,
        0.5 + 0.25 * rings,
        1 - body,
        0.24 * (cells.value - 0.5) + 0.06 * rings,
        gloss=0.08,
    )


def parquet(c: Canvas) -> Surface:
    n = c.count(4, 2)
    x, y = c.grid
    blocks = bricks(c, n, n, shift=0.0)
    turned = (np.floor(x * n) + np.floor(y * n)) % 2 == 0
    strip_axis, strips = np.where(turned, blocks.u, blocks.v) + 0.5, 4
    k = np.minimum(np.floor(strip_axis * strips), strips - 1)
    local = strip_axis * strips - k
    edge = np.minimum(blocks.edge, np.minimum(local, 1 - local) * c.size / n / strips)
    value = (blocks.value * 7 + 0.37 * k) % 1
    body = ramp(0.2, 1.1, edge)
    fibre = np.where(turned, c.streaks(np.pi / 2, 40, 3), c.streaks(0.0, 40, 3))
    return Surface(
        0.9 * body,
        np.clip(value + 0.2 * fibre, 0, 1),
        0.85 * (1 - body),
        0.26 * (value - 0.5) + 0.035 * fibre,
        gloss=0.3,
    )


def wood_grain(c: Canvas) -> Surface:
    x, _ = c.grid
    bands = c.count(5)
    bend = 1.2 * c.streaks(np.pi / 2, 70, 26)
    rings = np.sin(2 * np.pi * bands * x + 2.6 * bend)
    fibre = c.streaks(np.pi / 2, 40, 2.4)
    return Surface(
        0.3 * rings + 0.2 * fibre,
        0.5 + 0.4 * rings,
        0.30 * ramp(0.55, 1.0, rings),
        0.08 * rings + 0.04 * fibre,
        gloss=0.25,
    )


def bark(c: Canvas) -> Surface:
    cells = voronoi(c, c.count(9), c.count(3), 1.0, warp=c.warp(22, 3.2))
    plate = ramp(0.4, 4.0, cells.edge)
    fibre = c.streaks(np.pi / 2, 20, 4)
    return Surface(
        6.0 * plate + 1.0 * fibre,
        np.clip(0.5 + 0.3 * fibre, 0, 1),
        0.9 * (1 - ramp(0.2, 2.0, cells.edge)),
        0.16 * (cells.value - 0.5) + 0.08 * fibre,
    )


def cork(c: Canvas) -> Surface:
    n = c.count(15)
    cells = voronoi(c, n, n, 1.0, warp=c.warp(8, 0.8))
    dark = (cells.value > 0.84) * ramp(0.0, 1.0, cells.edge)
    return Surface(
        0.7 * ramp(0, 2, cells.edge), cells.value, 0.75 * dark, 0.24 * (cells.value - 0.5), gloss=0.0
    )


def wicker(c: Canvas) -> Surface:
    rows, posts = c.count(12, 2), c.count(6, 2)
    x, y = c.grid
    iy, v = np.floor(y * rows), (y * rows) % 1 - 0.5
    side = np.cos(np.pi * (x * posts + iy))
    strand = np.cos(np.pi * v)
    value = c.rng.random(rows, dtype=np.float32)[iy.astype(int) % rows]
    height = 3.4 * strand * (0.55 + 0.45 * side)
    return Surface(
        height,
        np.clip(0.5 + 0.4 * side, 0, 1),
        0.9 * (1 - ramp(0.2, 1.6, height)),
        0.14 * (value - 0.5) + 0.10 * side,
        gloss=0.15,
    )


def basket(c: Canvas) -> Surface:
    cloth = weave(c, c.count(8, 2))
    strip = ramp(0.12, 0.34, cloth.height)
    fibre = np.where(cloth.across, c.streaks(0.0, 30, 2.2), c.streaks(np.pi / 2, 30, 2.2))
    return Surface(
        3.6 * cloth.height,
        cloth.thread,
        0.9 * (1 - strip),
        0.2 * (cloth.thread - 0.5) + 0.04 * fibre,
        gloss=0.12,
    )


MATERIALS = (
    Material(
        ("wood planks", "wooden boards", "wooden floor", "planks"),
        planks,
        (palette("9a6c42", "7c5230", "2c1c10"), palette("b48c5c", "94704a", "382818")),
        0.28,
        0.4,
        STATES,
    ),
    Material(
        ("parquet", "parquet floor", "wooden tiles"),
        parquet,
        (palette("a8743f", "8a5a2f", "2f1d10"), palette("c0925c", "a07444", "38261a")),
        0.3,
        0.5,
        ("polished", "wet", "dirty", "dusty", "worn", "scratched", "dark", "pale"),
    ),
    Material(
        ("wood grain", "wood veneer", "polished wood"),
        wood_grain,
        (palette("a8703c", "8a5628", "4c2c14"), palette("c49a68", "a67c4c", "6c4a2c")),
        0.5,
        0.4,
        ("wet", "cracked", "dirty", "dusty", "worn", "scratched", "dark", "pale"),
    ),
    Material(
        ("tree bark", "bark"),
        bark,
        (palette("6c5442", "54402f", "1e150f"), palette("847668", "645a50", "27211c")),
        0.25,
        0.4,
        ("mossy", "wet", "snowy", "dusty", "rough", "dark", "pale"),
    ),
    Material(
        ("cork", "cork board"),
        cork,
        (palette("b88a5c", "a0724a", "4c301c"), palette("c49c70", "ac845a", "5a3c26")),
        0.4,
        0.4,
        ("dirty", "wet", "worn", "dark", "pale"),
    ),
    Material(
        ("wicker", "rattan"),
        wicker,
        (palette("b88c54", "9c7040", "34220f"), palette("a57c4c", "88622f", "2c1c10")),
        0.22,
        0.4,
        ("dirty", "dusty", "wet", "worn", "dark", "pale"),
    ),
    Material(
        ("basket weave", "woven straw"),
        basket,
        (palette("c8a468", "b08c54", "3f2e18"), palette("b89868", "98784c", "38280f")),
        0.22,
        0.4,
        ("dirty", "dusty", "wet", "worn", "dark", "pale"),
    ),
)
