# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures what the add-on costs: a table, and the same as JSON in build/bench.json.

Each row compares two ways that ran in turn (A, B, A, B, ...), so that whatever else the machine does meets both. The
ratio is the median of the ratios of neighbours; the times are medians.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator

from _environment import ROOT, enter

if __name__ == "__main__":
    enter("main")

import _bench_worker
import bpy
from _bench_blender import PROMPT, SIZES, main_thread_rows, node_rows, pixel_rows
from _bench_busy import busy_rows
from _bench_networks import network_rows
from _bench_table import Row, compare, show, write

import sd_blender
from sd_blender.core.request import Sampling, TextToImage

OVERHEAD_LIMIT = 1.03
LATENESS_LIMIT_MS = 5.0
STARTUP_LIMIT_MS = 50.0


def engine_rows(options: argparse.Namespace) -> Iterator[Row]:
    """Our engine against a plain call of the same pipeline, weights, scheduler, seed, steps and size."""
    import torch
    from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline

    from sd_blender.engine import create_engine
    from sd_blender.engine.diffusers_engine import STARTER_FOLDER

    folder = options.model or str(STARTER_FOLDER)
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, dtype=torch.float32)
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    engine = create_engine("cpu", "float32")
    for size in options.sizes:
        sampling = Sampling(width=size, height=size, steps=options.steps, seed=1)
        request = TextToImage(prompt=PROMPT, model=folder, sampling=sampling)

        def ours(request: TextToImage = request) -> None:
            engine.generate("bench", request, lambda message: None, lambda: False)

        def plain(sampling: Sampling = sampling) -> None:
            pipeline(
                PROMPT,
                width=sampling.width,
                height=sampling.height,
                num_inference_steps=sampling.steps,
                guidance_scale=sampling.guidance_scale,
                generator=torch.Generator("cpu").manual_seed(sampling.seed),
            )

        what = f"text to image, {size} px, {options.steps} steps, on the processor"
        yield compare(what, "plain diffusers", ours, plain, options.rounds, OVERHEAD_LIMIT)


def transport_rows() -> Iterator[Row]:
    """A finished picture from another process into an array here, by our pipe and by what others use."""
    for size in SIZES:
        ended: list[Callable[[], None]] = []
        ways = _bench_worker.transports(size, ended)
        rounds = max(5, 12 * 512 // size)
        try:
            for name, other in (("pickle", "pickled"), ("file", "a PNG file")):
                yield compare(f"picture from the worker, {size} px", other, ways["pipe"], ways[name], rounds)
        finally:
            for end in ended:
                end()


def window_rows() -> Iterator[Row]:
    """What an artist's window feels: lateness of its ticks while a texture is made, and a slower start."""
    for size in (256, 512):
        ours, other = _bench_worker.lateness_of_both(size)
        yield Row(
            f"lateness of a 60 Hz tick while generating {size} px, 99th percentile",
            "torch in a thread",
            round(ours, 2),
            round(other, 2),
            round(ours / other, 4),
            3,
            f"under {LATENESS_LIMIT_MS:.0f} ms",
            ours < LATENESS_LIMIT_MS,
        )
    if blender := os.environ.get("SD_BLENDER_REAL_BLENDER"):
        ours, other = _bench_worker.startup(blender)
        yield Row(
            "start of Blender with the add-on enabled",
            "without",
            round(ours, 1),
            round(other, 1),
            round(ours / other, 4),
            15,
            f"at most {STARTUP_LIMIT_MS:.0f} ms more",
            ours - other < STARTUP_LIMIT_MS,
        )


def lora_rows(options: argparse.Namespace) -> Iterator[Row]:
    from _bench_lora import lora_rows

    yield from lora_rows(options.rounds)


def numpy_rows(options: argparse.Namespace) -> Iterator[Row]:
    from _bench_numpy import numpy_rows

    yield from numpy_rows(options.rounds)


def speed_rows(options: argparse.Namespace) -> Iterator[Row]:
    from _bench_speed import speed_rows

    from sd_blender.core.request import STARTER_MODEL

    for size in options.sizes:
        yield from speed_rows(options.model or STARTER_MODEL, size, options.steps, options.rounds)


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
    "engine": engine_rows,
    "speed": speed_rows,
    "numpy": numpy_rows,
    "loras": lora_rows,
    "pixels": lambda _: pixel_rows(),
    "nodes": lambda _: node_rows(),
    "main-thread": lambda _: main_thread_rows(),
    "transport": lambda _: transport_rows(),
    "window": lambda _: window_rows(),
    "networks": lambda options: network_rows(options.network_size, options.rounds),
    "busy": lambda options: busy_rows(options.rounds),
}


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--model", default="", help="model folder; default: the one that ships with the add-on"
    )
    parser.add_argument("--steps", type=int, default=20, help="denoising steps; default %(default)s")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256], help="of the pictures; default 256")
    parser.add_argument(
        "--network-size", type=int, default=512, help="px, of the rows of networks of real size; default 512"
    )
    parser.add_argument("--rounds", type=int, default=7, help="of the engine's rows; default %(default)s")
    parser.add_argument("--only", choices=list(PARTS), help="one part of the table")
    parser.add_argument("--save", action="store_true", help="keep the result as docs/bench.json too")
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    load = os.getloadavg() if hasattr(os, "getloadavg") else ()
    rows: list[Row] = []
    for name, part in PARTS.items():
        if options.only in (None, name):
            for row in part(options):
                rows.append(row)
                print(f"measured {row.what}: {row.ratio:.3f}", flush=True)
    show(rows)
    machine = {
        "cores": os.cpu_count(),
        "load average before and after": [load, os.getloadavg()] if load else [],
        "python": platform.python_version(),
        "blender": bpy.app.version_string,
        "system": platform.system(),
    }
    print(f"load average before {load}, after {machine['load average before and after'][-1:]}")
    (ROOT / "build").mkdir(exist_ok=True)
    write(ROOT / "build" / "bench.json", rows, machine)
    if options.save:
        write(ROOT / "docs" / "bench.json", rows, machine, keep=options.only is not None)


if __name__ == "__main__":
    sd_blender.register()
    main()
    sd_blender.unregister()
    sys.stdout.flush()
    os._exit(0)  # Blender's own exit may hang or crash where Python classes were once registered
