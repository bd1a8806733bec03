# SPDX-License-Identifier: GPL-3.0-or-later
"""A loss curve as a picture: every point pale, and over them a moving mean, since single losses jump about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .request import ImageArray

BACKGROUND, GRID, POINT, LINE = (29, 29, 29), (60, 60, 60), (90, 110, 140), (102, 170, 255)
_MARGIN = 6


def moving_mean(losses: Sequence[float], window: int) -> list[float]:
    """The mean of each value with those before it, at most ``window`` of them."""
    sums = np.concatenate([[0.0], np.cumsum(np.asarray(losses, np.float64))])
    ends = np.arange(1, len(sums))
    starts = np.maximum(0, ends - window)
    return [float(v) for v in (sums[ends] - sums[starts]) / (ends - starts)]


def draw_curve(
    points: Sequence[tuple[int, float]], steps: int, width: int = 320, height: int = 120
) -> ImageArray:
    """height x width x 3. points: (step, loss), steps ascending. steps: of the whole training, the right edge."""
    picture = np.full((height, width, 3), BACKGROUND, np.uint8)
    for quarter in range(5):
        picture[_MARGIN + round(quarter * (height - 2 * _MARGIN - 1) / 4)] = GRID
    if not points:
        return picture
    values = np.array([loss for _, loss in points], np.float64)
    means = np.array(moving_mean(values.tolist(), max(1, len(values) // 20)))
    low, high = float(means.min()), float(np.quantile(values, 0.98))
    span = max(high - low, 1e-9)
    x = np.array([_MARGIN + step / max(steps, 1) * (width - 2 * _MARGIN - 1) for step, _ in points])

    def rows(of: NDArray[np.float64]) -> NDArray[np.int64]:
        places = (high - of) / span * (height - 2 * _MARGIN - 1) + _MARGIN
        clipped: NDArray[np.int64] = np.clip(np.rint(places), 0, height - 1).astype(np.int64)
        return clipped

    columns = np.clip(np.rint(x), 0, width - 1).astype(int)
    picture[rows(values), columns] = POINT
    every = np.arange(columns[0], columns[-1] + 1)
    line = rows(np.interp(every, columns, means))
    for column, start, end in zip(every, line, np.append(line[1:], line[-1]), strict=True):
        picture[min(start, end) : max(start, end) + 1, column] = LINE
    return picture
