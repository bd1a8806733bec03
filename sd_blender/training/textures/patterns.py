# SPDX-License-Identifier: GPL-3.0-or-later
"""Lattices and cells on the torus: bricks, hexagons, Voronoi cells, overlapping scales, weaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .canvas import Canvas, Field

Warp = tuple[Field | float, Field | float]
"""A displacement (dx, dy) of the coordinates, such as `Canvas.warp` gives."""
NO_WARP: Warp = (0.0, 0.0)


@dataclass(frozen=True)
class Cells:
    """A partition of the square. All fields H x W.

    edge: distance to the nearest border in pixels. value: one random number in [0, 1) per cell.
    u, v: position from the cell's centre, in cells (about -0.5 .. 0.5).
    """

    edge: Field
    value: Field
    u: Field
    v: Field


def voronoi(
    c: Canvas, nx: int, ny: int, jitter: float = 0.9, warp: Warp = NO_WARP, stagger: float = 0.0
) -> Cells:
    """Voronoi cells of a jittered nx x ny grid; `stagger` shifts every other row (0.5 and no jitter: hexagons)."""
    x, y = c.grid
    px, py = (x + warp[0]) * nx, (y + warp[1]) * ny
    ix, iy = np.floor(px).astype(int), np.floor(py).astype(int)
    ox = 0.5 + jitter * (c.rng.random((ny, nx), dtype=np.float32) - 0.5)
    oy = 0.5 + jitter * (c.rng.random((ny, nx), dtype=np.float32) - 0.5)
    values = c.rng.random((ny, nx), dtype=np.float32)
    aspect_x, aspect_y = c.size / nx, c.size / ny
    shape = x.shape
    best = [np.full(shape, 1e9, np.float32) for _ in range(2)]
    dx = [np.zeros(shape, np.float32) for _ in range(2)]
    dy = [np.zeros(shape, np.float32) for _ in range(2)]
    value = np.zeros(shape, np.float32)
    for j in (-1, 0, 1):
        row = (iy + j) % ny
        shift = stagger * (row % 2)
        for i in (-1, 0, 1):
            column = (ix + i) % nx
            vx = (ix + i + ox[row, column] + shift - stagger / 2 - px) * aspect_x
            vy = (iy + j + oy[row, column] - py) * aspect_y
            distance = vx * vx + vy * vy
            first, second = distance < best[0], distance < best[1]
            for kept, new in ((best, distance), (dx, vx), (dy, vy)):
                kept[1] = np.where(first, kept[0], np.where(second, new, kept[1]))
                kept[0] = np.where(first, new, kept[0])
            value = np.where(first, values[row, column], value)
    apart = np.maximum(np.hypot(dx[1] - dx[0], dy[1] - dy[0]), 1e-3)
    edge = (best[1] - best[0]) / (2 * apart)
    return Cells(
        edge.astype(np.float32),
        value,
        (-dx[0] / aspect_x).astype(np.float32),
        (-dy[0] / aspect_y).astype(np.float32),
    )


def bricks(c: Canvas, nx: int, ny: int, shift: float = 0.5, warp: Warp = NO_WARP) -> Cells:
    """Rows of rectangles, each row moved by `shift` bricks; ny must be even unless shift is 0."""
    x, y = c.grid
    py = (y + warp[1]) * ny
    row = np.floor(py)
    px = (x + warp[0]) * nx + shift * (row % 2)
    u, v = px - np.floor(px), py - row
    edge = np.minimum(np.minimum(u, 1 - u) * c.size / nx, np.minimum(v, 1 - v) * c.size / ny)
    values = c.rng.random((ny, nx), dtype=np.float32)
    value = values[row.astype(int) % ny, np.floor(px).astype(int) % nx]
    return Cells(edge.astype(np.float32), value, (u - 0.5).astype(np.float32), (v - 0.5).astype(np.float32))


def columns(c: Canvas, nx: int, ny: int, warp: Warp = NO_WARP) -> Cells:
    """Vertical boards with joints at random heights: every column of cells is moved by its own amount."""
    x, y = c.grid
    px = (x + warp[0]) * nx
    column = np.floor(px).astype(int) % nx
    py = (y + warp[1]) * ny + c.rng.random(nx, dtype=np.float32)[column]
    u, v = px - np.floor(px), py - np.floor(py)
    edge = np.minimum(np.minimum(u, 1 - u) * c.size / nx, np.minimum(v, 1 - v) * c.size / ny)
    values = c.rng.random((ny, nx), dtype=np.float32)
    value = values[np.floor(py).astype(int) % ny, column]
    return Cells(edge.astype(np.float32), value, (u - 0.5).astype(np.float32), (v - 0.5).astype(np.float32))


def scales(c: Canvas, nx: int, ny: int, roundness: float = 1.0) -> Cells:
    """Rows of overlapping tongues (fish scales, roof shingles); each row lies over the one below; ny even.

    u, v run from the centre of a tongue's top; `edge` is the distance to its rim in pixels.
    """
    x, y = c.grid
    px, py = x * nx, y * ny
    row = np.floor(py).astype(int)
    values = c.rng.random((ny, nx), dtype=np.float32)
    out: list[Field] = [np.zeros_like(x) for _ in range(4)]
    for back in (0, 1):  # the tongue that hangs down from the row above covers this row's own
        r = row - back
        qx = px + 0.5 * (r % 2)
        u, v = qx - np.floor(qx) - 0.5, py - r
        rim = 1.0 + roundness * np.sqrt(np.maximum(0.25 - u * u, 0))
        inside = v < rim
        edge = np.minimum((rim - v) * c.size / ny, (0.5 - np.abs(u)) * c.size / nx if not roundness else 1e9)
        value = values[r % ny, np.floor(qx).astype(int) % nx]
        for index, new in enumerate((edge, value, u, v)):
            out[index] = np.where(inside, new, out[index]) if back else np.asarray(new, np.float32)
    return Cells(*(field.astype(np.float32) for field in out))


@dataclass(frozen=True)
class Weave:
    """Threads over and under. height: 0 .. 1. across: the horizontal one is on top. thread: one random number each."""

    height: Field
    across: Field
    thread: Field


def weave(c: Canvas, n: int, float_length: int = 1, warp: Warp = NO_WARP) -> Weave:
    """An n x n weave; float_length 1 is plain weave, 2 is twill (diagonal ribs); n divisible by 2 float_length."""
    x, y = c.grid
    px, py = (x + warp[0]) * n, (y + warp[1]) * n
    ix, iy = np.floor(px).astype(int), np.floor(py).astype(int)
    u, v = px - ix - 0.5, py - iy - 0.5
    across = ((ix + iy) // float_length) % 2 == 0
    round_x, round_y = np.cos(np.pi * u), np.cos(np.pi * v)
    height = np.where(across, round_y * (0.45 + 0.55 * round_x), round_x * (0.45 + 0.55 * round_y))
    rows, cols = c.rng.random(n, dtype=np.float32), c.rng.random(n, dtype=np.float32)
    thread = np.where(across, rows[iy % n], cols[ix % n])
    return Weave(height.astype(np.float32), across.astype(np.float32), thread.astype(np.float32))
