# SPDX-License-Identifier: GPL-3.0-or-later
"""How this processor is fastest with a network: measured once, and kept.

A half is not half the time on every processor, and a layout may be the slower one with another library of kernels; no
list of processors knows. What was found is kept on disk, since a measurement that is repeated falls this way one day
and that way the next, and the same seed must give the same picture on both.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.nn import functional as F

KEPT_FILE = "precision.json"

CLEARLY = 1.3
"""Times as fast as float32 that bfloat16 must be to be worth its rounding."""

_BARELY = 1.25
"""Times as slow as torch's own layout that channels_last may be measured: other layers gain by it, and machines are
seldom quiet."""

_ROUNDS = 7
_SECONDS = 0.8
"""After which no further round begins; two are always made."""

_OPERATIONS = 2e9
"""Of the convolution that is timed: 10 ms of two cores, 40 where they are busy."""


_WIDEST = 2048
"""Channels that are timed at most, whatever a configuration says."""


@dataclass(frozen=True)
class Way:
    """To compute a convolutional network."""

    dtype: torch.dtype
    layout: torch.memory_format


PLAIN = Way(torch.float32, torch.contiguous_format)
LAST = Way(torch.float32, torch.channels_last)
HALF = Way(torch.bfloat16, torch.channels_last)


@dataclass(frozen=True)
class Found:
    """What is best for networks of certain widths. gain: float32 takes so many times as long as bfloat16; 0 where that
    was not tried."""

    bfloat16: bool
    channels_last: bool
    gain: float

    @property
    def way(self) -> Way:
        if self.bfloat16:
            return HALF
        return LAST if self.channels_last else PLAIN


def bfloat16_units() -> str:
    """The units of this processor that compute in bfloat16, "" without any: torch would emulate it, far slower."""
    units = {"amx": "_is_amx_tile_supported", "avx512_bf16": "_is_avx512_bf16_supported"}
    return ", ".join(name for name, test in units.items() if getattr(torch.cpu, test, lambda: False)())


def seconds(way: Way, width: int) -> Callable[[], float]:
    """A timer of a typical convolution and a typical matrix product of a network of ``width`` channels."""
    side = max(8, round((_OPERATIONS / (18 * width**2)) ** 0.5 / 8) * 8)
    # Constants: nobody's random numbers are drawn, and what is multiplied makes no difference.
    x = torch.full((1, width, side, side), 0.01, dtype=way.dtype).to(memory_format=way.layout)
    kernel = torch.full((width, width, 3, 3), 0.01, dtype=way.dtype).to(memory_format=way.layout)
    tokens = torch.full((side * side, width), 0.01, dtype=way.dtype)
    weight = torch.full((4 * width, width), 0.01, dtype=way.dtype)

    def timed() -> float:
        began = time.perf_counter()
        F.silu(F.group_norm(F.conv2d(x, kernel, padding=1), 1))
        F.linear(tokens, weight)
        return time.perf_counter() - began

    return timed


class ProcessorProbe:
    """kept: the folder of the file that what was found is kept in; None to keep it no longer than this lives.

    units: see :func:`bfloat16_units`. timer: see :func:`seconds`.
    """

    def __init__(
        self,
        kept: Path | None = None,
        units: Callable[[], str] = bfloat16_units,
        timer: Callable[[Way, int], Callable[[], float]] = seconds,
    ) -> None:
        self._path = kept / KEPT_FILE if kept else None
        self.units = units()
        self._timer = timer
        self._found: dict[str, Found] = {}

    def best(self, widths: Sequence[int]) -> Found:
        """For a network whose levels have so many channels; under a second the first time, and kept from then on."""
        key = self._key(widths)
        if key not in self._found:
            found = _read(self._path).get(key)
            if found is None:
                found = self._measured(widths)
                self._keep(key, found)
            self._found[key] = found
        return self._found[key]

    @torch.no_grad()
    def _measured(self, widths: Sequence[int]) -> Found:
        width = min(max(sorted(widths)[(len(widths) - 1) // 2], 1), _WIDEST)
        ways = (PLAIN, LAST, HALF) if self.units else (PLAIN, LAST)
        timers = {way: self._timer(way, width) for way in ways}
        for timed in timers.values():  # what is made at the first call
            timed()
        best = dict.fromkeys(ways, float("inf"))
        began = time.perf_counter()
        for done in range(_ROUNDS):
            if done >= 2 and time.perf_counter() - began > _SECONDS:
                break
            # In turn: whatever else the machine does meets all of them.
            for way, timed in timers.items():
                best[way] = min(best[way], timed())
        exact = min(best[PLAIN], best[LAST])
        gain = exact / best[HALF] if HALF in best else 0.0
        return Found(gain >= CLEARLY, best[LAST] <= _BARELY * best[PLAIN], round(gain, 1))

    def _key(self, widths: Sequence[int]) -> str:
        """All that what was found depends on."""
        return "; ".join(
            (
                _processor(),
                torch.backends.cpu.get_cpu_capability(),
                self.units or "no bfloat16",
                f"torch {torch.__version__}",
                f"{torch.get_num_threads()} threads",
                f"widths {', '.join(map(str, widths))}",
            )
        )

    def _keep(self, key: str, found: Found) -> None:
        if self._path is None:
            return
        kept = {name: asdict(value) for name, value in (_read(self._path) | {key: found}).items()}
        beside = self._path.with_name(f"{KEPT_FILE}.{os.getpid()}")
        with contextlib.suppress(OSError):  # it will be measured again
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
            beside.replace(self._path)


def _read(path: Path | None) -> dict[str, Found]:
    """What was kept; nothing of a file that is not there, and no entry that is none."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError, RecursionError):
        return {}
    found = {}
    for key, value in stored.items() if isinstance(stored, dict) else ():
        match value:
            case {"bfloat16": bool(half), "channels_last": bool(last), "gain": float(gain)}:
                found[key] = Found(half, last, gain)
    return found


def _processor() -> str:
    """The name it gives itself, as far as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
