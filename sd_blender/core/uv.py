# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces of a mesh on its texture: which texels they cover, and which faces lie in one piece.

UV coordinates are in texture widths and heights from the lower left corner; a texture repeats outside of 0..1.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

CHUNK = 2**18
"""Rows of triangles looked at together; bounds the memory to some 30 MB."""

TALLEST = 64.0
"""Texture heights. A triangle that is taller, as a broken UV map may have, is taken to cover every texel."""

THINNEST = 1e-9
"""Texels of area, twice; what is less is a line or a point."""

SLACK = 1e-6
"""Texels by which a triangle is taken wider, so that no centre on its edge falls between it and its neighbour."""


def rasterize(triangles: NDArray[np.float32] | Doubles, width: int, height: int) -> NDArray[np.bool_]:
    """Which texels of a texture have their centre in one of the triangles, or on an edge of it.

    triangles: count x 3 x 2, UV coordinates of the corners in any order; those without an area, or with a corner
    that is no finite number, cover nothing. The result is height x width, row 0 at the top.
    """
    corners = _in_texels(np.asarray(triangles, np.float64), width, height)
    heights = corners[:, 2, 1] - corners[:, 0, 1]
    if (heights > TALLEST * height).any():
        return np.ones((height, width), np.bool_)
    # Counts of intervals that begin and end: a texel is covered while more have begun than ended.
    changes = np.zeros(height * (width + 1), np.int64)
    for which, row in _rows_of(corners, CHUNK):
        _add_intervals(changes, row, *_crossed(corners[which], row + 0.5), width, height)
    covered: NDArray[np.bool_] = np.cumsum(changes.reshape(height, width + 1), axis=1)[:, :width] > 0
    return covered


def _in_texels(triangles: Doubles, width: int, height: int) -> Doubles:
    """The triangles that have an area, in texels from the upper left, each with its corners from top to bottom."""
    triangles = triangles[np.isfinite(triangles).all(axis=(1, 2))]
    texels = np.stack([triangles[..., 0] * width, (1.0 - triangles[..., 1]) * height], axis=-1)
    a, b = texels[:, 1] - texels[:, 0], texels[:, 2] - texels[:, 0]
    texels = texels[np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) > THINNEST]
    order = np.argsort(texels[..., 1], axis=1)
    return np.take_along_axis(texels, order[..., None], axis=1)


def _rows_of(corners: Doubles, chunk: int) -> Iterator[tuple[Integers, Integers]]:
    """Indices of triangles and numbers of texel rows whose centre line they cross, in pairs, a chunk at a time."""
    first = np.ceil(corners[:, 0, 1] - 0.5 - SLACK).astype(np.int64)
    last = np.floor(corners[:, 2, 1] - 0.5 + SLACK).astype(np.int64)
    counts = np.maximum(last - first + 1, 0)
    ends = np.cumsum(counts)
    start = 0
    while start < len(corners):
        begun = ends[start] - counts[start]
        stop = max(start + 1, int(np.searchsorted(ends, begun + chunk, side="right")))
        these = counts[start:stop]
        which = np.repeat(np.arange(start, stop), these)
        within = np.arange(these.sum()) - np.repeat(ends[start:stop] - these - begun, these)
        yield which, first[which] + within
        start = stop


def _crossed(corners: Doubles, y: Doubles) -> tuple[Integers, Integers]:
    """The first and the last column whose centres lie between two edges of a triangle, for each height ``y``."""
    (x0, y0), (x1, y1), (x2, y2) = corners.transpose(1, 2, 0)
    y = np.clip(y, y0, y2)
    long = x0 + (x2 - x0) * (y - y0) / (y2 - y0)
    above = y < y1
    from_x, from_y = np.where(above, x0, x1), np.where(above, y0, y1)
    to_x, to_y = np.where(above, x1, x2), np.where(above, y1, y2)
    drop = to_y - from_y  # 0 where the lower edge lies in the row
    short = from_x + (to_x - from_x) * (y - from_y) / np.where(drop > 0, drop, 1.0)
    left, right = np.minimum(long, short), np.maximum(long, short)
    return (
        np.ceil(left - 0.5 - SLACK).astype(np.int64),
        np.floor(right - 0.5 + SLACK).astype(np.int64),
    )


def _add_intervals(
    changes: Integers, row: Integers, first: Integers, last: Integers, width: int, height: int
) -> None:
    """Count where the intervals ``first``..``last`` begin and end on their rows, wrapped around the texture."""
    used = last >= first
    base = (row[used] % height) * (width + 1)
    length = last[used] - first[used] + 1
    whole = length >= width
    begin = np.where(whole, 0, first[used] % width)
    end = begin + np.minimum(length, width)
    over = end > width
    np.add.at(changes, base + begin, 1)
    np.add.at(changes, base + np.minimum(end, width), -1)
    np.add.at(changes, base[over], 1)
    np.add.at(changes, base[over] + end[over] - width, -1)


def whole_islands(
    selected: NDArray[np.bool_], starts: Integers, vertices: Integers, uv: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """The faces of all UV islands that hold a selected face.

    selected: for each face. starts: the number of each face's first corner, rising from 0; vertices, uv: of each
    corner (count, and count x 2). Faces are of one island when they share a vertex that has the same UV in both.
    """
    if not selected.any():
        return selected.copy()
    points = np.column_stack([vertices, uv.astype(np.float64) + 0.0])  # + 0: there are two zeros
    order = np.lexsort(points.T)
    begins = np.r_[True, (np.diff(points[order], axis=0) != 0).any(axis=1)]
    point_of = np.empty(len(order), np.int64)
    point_of[order] = np.cumsum(begins) - 1
    groups = np.flatnonzero(begins)
    face_of = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(vertices)))
    # Each face is named after the lowest face that it is known to be joined with; taking over the name of that one
    # as well doubles what is known, so that a long strip takes few rounds.
    names = np.arange(len(starts))
    while True:
        lowest = np.minimum.reduceat(names[face_of][order], groups)
        better = np.minimum.reduceat(lowest[point_of], starts)
        better = better[better]
        if (better == names).all():
            break
        names = better
    chosen = np.zeros(len(starts), np.bool_)
    chosen[names[selected]] = True
    whole: NDArray[np.bool_] = chosen[names]
    return whole
