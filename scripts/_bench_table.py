# SPDX-License-Identifier: GPL-3.0-or-later
"""What scripts/bench.py compares, and how it is told: rows of two ways that ran in turn."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One comparison: milliseconds of ours and of the other way, and ours / other."""

    what: str
    other: str
    ours_ms: float
    other_ms: float
    ratio: float
    rounds: int
    limit: str = ""
    within: bool | None = None


def compare(what: str, other: str, ours: Callable, theirs: Callable, rounds: int, limit: float = 0.0) -> Row:
    """Run both in turn, once more beforehand to warm up. limit: of the ratio, when it has one."""
    return row(
        what, other, [(milliseconds(ours), milliseconds(theirs)) for _ in range(rounds + 1)][1:], limit
    )


def row(what: str, other: str, pairs: list[tuple[float, float]], limit: float = 0.0) -> Row:
    """Of neighbours in time: milliseconds of ours and of the other way. limit: of the ratio, when it has one."""
    ratio = statistics.median(a / b for a, b in pairs)
    a, b = (statistics.median(times) for times in zip(*pairs, strict=True))
    bound = {"limit": f"ratio at most {limit}", "within": ratio <= limit} if limit else {}
    return Row(what, other, round(a, 2), round(b, 2), round(ratio, 4), len(pairs), **bound)


def milliseconds(call: Callable) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def show(rows: list[Row]) -> None:
    width = max(len(row.what) for row in rows)
    print(f"\n{'milliseconds':{width}}      ours     other   ratio")
    for row in rows:
        verdict = "" if row.within is None else f" ({row.limit}: {'yes' if row.within else 'NO'})"
        print(
            f"{row.what:{width}}  {row.ours_ms:8.1f}  {row.other_ms:8.1f}  {row.ratio:6.3f}"
            f"  {row.other}{verdict}"
        )


def write(path: Path, rows: list[Row], machine: dict[str, Any], keep: bool = False) -> None:
    """keep: comparisons of the file that were not made this time stay."""
    old = json.loads(path.read_text())["rows"] if keep and path.exists() else []
    table = {(row["what"], row["other"]): row for row in [*old, *map(asdict, rows)]}
    text = json.dumps({"machine": machine, "rows": list(table.values())}, indent=2) + "\n"
    path.write_text(text, encoding="utf-8")
