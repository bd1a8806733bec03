# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks of the engine of NumPy for scripts/bench.py, against the one of torch in float32."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator

from _bench_table import Row, compare, milliseconds
from _environment import ROOT

from sd_blender.core.engine_protocol import Engine
from sd_blender.core.request import Sampling, TextToImage
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.numpy_engine.engine import NumpyEngine

STEPS = 8
LIMIT = 2.0
START_LIMIT_MS = 1500.0
_FRESH = """
import sys
sys.path.insert(0, sys.argv[1])
from sd_blender.core.request import Sampling, TextToImage
from sd_blender.numpy_engine.engine import NumpyEngine
request = TextToImage(prompt="red brick", sampling=Sampling(width=256, height=256, steps=8))
NumpyEngine().generate("bench", request, lambda message: None, lambda: False)
"""


def numpy_rows(rounds: int) -> Iterator[Row]:
    """Pictures of both engines in turn, and what a fresh process adds to the first one."""
    ours, theirs = NumpyEngine(), DiffusersEngine(device="cpu", dtype="float32")
    for size in (256, 512):
        what = f"text to image, {size} px, {STEPS} steps, by NumPy"
        request = asked(size)
        yield compare(
            what, "by torch, float32", call(ours, request), call(theirs, request), rounds, limit=LIMIT
        )
    warm, pairs = call(ours, asked(256)), []
    for _ in range(rounds):
        pairs.append((milliseconds(fresh), milliseconds(warm)))
    first, next_one = (statistics.median(times) for times in zip(*pairs, strict=True))
    yield Row(
        "first picture of a process, 256 px, by NumPy",
        "the next one",
        round(first, 2),
        round(next_one, 2),
        round(first / next_one, 4),
        rounds,
        f"at most {START_LIMIT_MS:.0f} ms more",
        first - next_one <= START_LIMIT_MS,
    )


def asked(size: int) -> TextToImage:
    return TextToImage(prompt="red brick", sampling=Sampling(width=size, height=size, steps=STEPS, seed=1))


def call(engine: Engine, request: TextToImage) -> Callable[[], object]:
    return lambda: engine.generate("bench", request, lambda message: None, lambda: False)


def fresh() -> None:
    """A picture by a Python that has nothing imported yet."""
    subprocess.run([sys.executable, "-c", _FRESH, str(ROOT)], check=True)
