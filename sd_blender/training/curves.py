# SPDX-License-Identifier: GPL-3.0-or-later
"""Loss curves as a picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path


def draw_curves(log: Path, picture: Path, names: Sequence[str]) -> bool:
    """One panel per logged quantity over minutes of training. Needs matplotlib, an extra of training only: returns
    False, and draws nothing, where that is missing or the log is empty.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    if not rows:
        return False
    figure = Figure(figsize=(5 * len(names), 3.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        values = [row[name] for row in rows]
        window = max(1, len(values) // 60)
        means = [
            sum(values[max(0, i - window) : i + 1]) / len(values[max(0, i - window) : i + 1])
            for i in range(len(values))
        ]
        minutes = [row["seconds"] / 60 for row in rows]
        axes.plot(minutes, values, color="0.8", linewidth=0.8)
        axes.plot(minutes, means, color="tab:blue")
        if name == "loss":
            axes.set_yscale("log")
        axes.set(xlabel="minutes", title=f"{log.stem}: {name}")
        axes.grid(alpha=0.3)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=90)
    return True
