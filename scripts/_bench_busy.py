# SPDX-License-Identifier: GPL-3.0-or-later
"""What a busy neighbour costs the worker, such as Blender drawing or rendering beside it: for scripts/bench.py.

torch's threads wait for one another after every layer. Threads that spin while they wait take the processor from the
one that is waited for; the worker's sleep.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from _bench_table import Row, milliseconds, row

from sd_blender.worker.child import worker_environ

BESIDE_LIMIT = 2.0
CALLS = 3
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


class Caller:
    """Another process, with the starter model's U-Net; :meth:`call` has it make some steps of 256 px."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.call()

    def call(self) -> None:
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        self._process.stdout.readline()

    def end(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)


@contextmanager
def busy() -> Iterator[None]:
    """Inside, one process computes without a pause."""
    process = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE
    )
    process.stdout.readline()
    try:
        yield
    finally:
        process.kill()
        process.wait()


def busy_rows(rounds: int) -> Iterator[Row]:
    """The worker beside a busy process and alone, and torch as it is by itself in the same two places."""
    others = {name: value for name, value in os.environ.items() if name not in WAITING}
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    worker, plain = Caller(worker_environ() | path), Caller(others | path)
    try:
        alone = [(milliseconds(worker.call), milliseconds(plain.call)) for _ in range(rounds)]
        beside = []
        for _ in range(rounds):
            with busy():
                beside.append((milliseconds(worker.call), milliseconds(plain.call)))
    finally:
        worker.end()
        plain.end()
    what = f"{CALLS} steps of 256 px"
    over = [(b, a) for (b, _), (a, _) in zip(beside, alone, strict=True)]
    yield row(f"{what} in the worker, beside a busy process", "alone", over, BESIDE_LIMIT)
    yield row(f"{what} beside a busy process", "threads that spin", beside)
    yield row(f"{what} alone", "threads that spin", alone)


def serve() -> None:
    """The other process of :class:`Caller`: an answer for every line."""
    import torch
    from diffusers import UNet2DConditionModel

    folder = Path(__file__).resolve().parent.parent / "sd_blender" / "starter_model"
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet").eval()
    latents, text = torch.ones(2, 4, 64, 64), torch.ones(2, 24, 128)
    with torch.no_grad():
        for _ in sys.stdin:
            for _ in range(CALLS):
                unet(latents, torch.tensor(500), encoder_hidden_states=text, return_dict=False)
            print(flush=True)


if __name__ == "__main__":
    serve()
