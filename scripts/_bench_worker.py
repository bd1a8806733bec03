# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks of the worker process for scripts/bench.py: how pixels cross, and what Blender's window feels of it."""

from __future__ import annotations

import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _environment import ROOT
from PIL import Image

from sd_blender.core.generation_thread import GenerationThread
from sd_blender.core.messages import Finished
from sd_blender.core.request import Sampling, TextToImage
from sd_blender.worker.child import same_python, worker_command
from sd_blender.worker.process_engine import ProcessEngine

SENDER = Path(__file__).with_name("_bench_sender.py")
TICKS = 300
RATE = 60.0


def picture(side: int) -> np.ndarray:
    """Smooth with a little noise, as pictures are: it can be compressed, and not for nothing."""
    random = np.random.default_rng(side)
    coarse = random.integers(0, 255, (side // 8, side // 8, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    return np.clip(coarse.astype(np.int16) + random.integers(-2, 3, coarse.shape, np.int16), 0, 255).astype(
        np.uint8
    )


PICTURES: dict[int, np.ndarray] = {}


def ready_picture(side: int) -> np.ndarray:
    """One that is there already, from the second time on: to make it takes longer than to send it."""
    if side not in PICTURES:
        PICTURES[side] = picture(side)
    return PICTURES[side]


class Peer:
    """Another process that answers a size with a picture of it, by pickling it or as the name of a PNG file."""

    def __init__(self, how: str) -> None:
        command = [sys.executable, str(SENDER), how]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def fetch(self, side: int) -> np.ndarray:
        self.process.stdin.write(f"{side}\n".encode())
        self.process.stdin.flush()
        answer = pickle.load(self.process.stdout)  # noqa: S301 - what we measure against, from our own process
        if not isinstance(answer, str):
            return answer
        pixels = np.asarray(Image.open(answer).convert("RGB"))
        os.unlink(answer)
        return pixels

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait(10)


def answer(how: str) -> None:
    """The other process of :class:`Peer`."""
    for line in sys.stdin.buffer:
        pixels = ready_picture(int(line))
        if how == "file":
            with tempfile.NamedTemporaryFile(suffix=".png", delete=False) as file:
                Image.fromarray(pixels).save(file, compress_level=1)
        pickle.dump(file.name if how == "file" else pixels, sys.stdout.buffer, protocol=5)
        sys.stdout.flush()


def transports(side: int, ends: list[Callable[[], None]]) -> dict[str, Callable[[], object]]:
    """Ways to get a picture of side x side that another process holds as an array here; `ends` end them."""
    engine = ProcessEngine([sys.executable, str(SENDER)])
    request = TextToImage(prompt="any", sampling=Sampling(width=side, height=side, steps=1))
    peers = {how: Peer(how) for how in ("pickle", "file")}
    ends += [engine.unload, *(peer.end for peer in peers.values())]
    ways = {how: lambda peer=peer: peer.fetch(side) for how, peer in peers.items()}
    return ways | {"pipe": lambda: engine.generate("bench", request, lambda message: None, lambda: False)}


def lateness(run: Callable[[], bool]) -> list[float]:
    """Milliseconds by which ticks of 60 Hz came late on this thread while `run` said that there is work."""
    late, due = [], time.perf_counter()
    while run() and len(late) < TICKS:
        due = max(due + 1 / RATE, time.perf_counter())
        time.sleep(max(0.0, due - time.perf_counter()))
        late.append((time.perf_counter() - due) * 1000)
    return late


def lateness_while_generating(make_engine: Callable, side: int, rounds: int = 3) -> list[float]:
    """The lateness over some jobs of the shipped model, once it is loaded."""
    thread = GenerationThread(make_engine)
    late: list[float] = []
    try:
        for round_ in range(rounds + 1):
            done = threading.Event()
            sampling = Sampling(width=side, height=side, steps=20, seed=round_)
            thread.submit(TextToImage(prompt="red bricks", sampling=sampling))

            def busy(done: threading.Event = done) -> bool:
                while (message := thread.poll()) is not None:
                    if isinstance(message, Finished):
                        done.set()
                return not done.is_set()

            ticks = lateness(busy)
            while busy():
                time.sleep(0.01)
            late += ticks if round_ else []
    finally:
        thread.stop()
    return late


def lateness_of_both(side: int) -> tuple[float, float]:
    """The 99th percentile of a window's lateness: engine in a process, and torch in a thread."""
    from sd_blender.engine import create_engine

    process = lateness_while_generating(lambda: ProcessEngine(worker_command(same_python())), side)
    thread = lateness_while_generating(lambda: create_engine("cpu"), side)
    return float(np.percentile(process, 99)), float(np.percentile(thread, 99))


def startup(blender: str, rounds: int = 15) -> tuple[float, float]:
    """Milliseconds of a start of Blender without window: with the extension enabled and without, medians of pairs."""
    from tests.gui.conftest import in_background, numpy_for

    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, ROOT / "scripts" / "build_extension.py", "--output", folder],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (package,) = Path(folder).glob("*.zip")
        plain = {"BLENDER_USER_RESOURCES": str(Path(folder, "plain"))}
        plain |= numpy_for(blender, plain)
        ours = plain | {"BLENDER_USER_RESOURCES": str(Path(folder, "ours"))}
        install = [
            "--command",
            "extension",
            "install-file",
            "--repo",
            "user_default",
            "--enable",
            str(package),
        ]
        in_background(blender, ours, *install)
        in_background(blender, plain, "--python-expr", "import bpy; bpy.ops.wm.save_userpref()")
        pairs = [[_start(blender, v) for v in (ours, plain)] for _ in range(rounds + 1)][1:]
    growth = statistics.median(a - b for a, b in pairs)
    other = statistics.median(b for _, b in pairs)
    return other + growth, other


def _start(blender: str, variables: dict[str, str]) -> float:
    began = time.perf_counter()
    command = [blender, "--python-use-system-env", "--background", "--python-expr", "pass"]
    # Byte code is kept from the first start on, as it is for everyone who has not forbidden it.
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | variables
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000
