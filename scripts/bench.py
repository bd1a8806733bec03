# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures what the add-on costs: a table, and the same as JSON in build/bench.json.

Each row compares two ways that ran in turn (A, B, A, B, ...), so that whatever else the machine does meets both. The
ratio is the median of the ratios of neighbours; the times are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from _environment import ROOT, enter

if __name__ == "__main__":
    enter("main")

import _bench_worker
import bpy
import numpy as np

import sd_blender
from sd_blender.blender import build_request, pump, session
from sd_blender.blender.results import textures
from sd_blender.blender.results.saving import encode
from sd_blender.blender.source import capture
from sd_blender.core.messages import GeneratedImage, Seam
from sd_blender.core.request import Sampling, TextToImage

PROMPT = "red bricks"
SIZES = (512, 1024, 2048, 4096)
BLOCK_SIZE = 1024
BLOCK_LIMIT_MS = 50.0
OVERHEAD_LIMIT = 1.03
LATENESS_LIMIT_MS = 5.0
STARTUP_LIMIT_MS = 50.0


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
    pairs = [(_milliseconds(ours), _milliseconds(theirs)) for _ in range(rounds + 1)][1:]
    ratio = statistics.median(a / b for a, b in pairs)
    a, b = (statistics.median(times) for times in zip(*pairs, strict=True))
    bound = {"limit": f"ratio at most {limit}", "within": ratio <= limit} if limit else {}
    return Row(what, other, round(a, 2), round(b, 2), round(ratio, 4), rounds, **bound)


def _milliseconds(call: Callable) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


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


def picture_of(size: int) -> tuple[TextToImage, GeneratedImage]:
    """A request and its result, encoded as the generation thread leaves it."""
    request = TextToImage(prompt=PROMPT, sampling=Sampling(width=size, height=size))
    coarse = np.random.default_rng(size).integers(0, 255, (size // 8, size // 8, 3), np.uint8)
    pixels = coarse.repeat(8, axis=0).repeat(8, axis=1)
    picture = GeneratedImage(pixels, 0, Seam(1.0, 1.0))
    return request, GeneratedImage(pixels, 0, Seam(1.0, 1.0), (), encode(request, picture))


def pixel_rows() -> Iterator[Row]:
    """A finished picture into an image datablock until Blender can draw it, and the pixels back."""
    for size in SIZES:
        request, picture = picture_of(size)
        rounds = max(3, 12 * 512 // size)

        def write(request: TextToImage = request, picture: GeneratedImage = picture) -> None:
            image = textures.new_image(request, picture, None)
            image.pixels[0]  # decodes it
            bpy.data.images.remove(image)

        yield compare(
            f"picture to image, {size} px", "pixels[:] =", write, lambda p=picture: naive_write(p), rounds
        )
        image = textures.new_image(request, picture, None)
        image.pixels[0]
        what = f"image to array, {size} px"
        read = lambda image=image: capture.stored_bytes(image)  # noqa: E731
        yield compare(what, "pixels[:]", read, lambda image=image: naive_read(image), rounds)
        bpy.data.images.remove(image)


def naive_write(picture: GeneratedImage, keep: bool = False) -> None:
    height, width = picture.pixels.shape[:2]
    image = bpy.data.images.new("naive", width, height)
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :3] = picture.pixels[::-1] / 255
    image.pixels[:] = rgba.ravel()
    if keep:
        image.pack()
    bpy.data.images.remove(image)


def naive_read(image: bpy.types.Image) -> np.ndarray:
    width, height = image.size
    return (np.array(image.pixels[:]).reshape(height, width, 4)[::-1] * 255).round().astype(np.uint8)


def main_thread_rows() -> Iterator[Row]:
    """What Blender's main thread does for a job of BLOCK_SIZE pixels that another thread computes."""
    from tests.fakes import FakeEngine

    request, picture = picture_of(BLOCK_SIZE)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.mesh.primitive_plane_add()
    settings = bpy.context.scene.sd_blender
    settings.prompt, settings.width, settings.height, settings.steps = PROMPT, BLOCK_SIZE, BLOCK_SIZE, 8
    settings.source, settings.source_image = "IMAGE", textures.new_image(request, picture, None)
    settings.mask_image = bpy.data.images.new("Mask", BLOCK_SIZE, BLOCK_SIZE)
    settings.mask_image.pixels.foreach_set(np.repeat(np.float32([0, 1]), BLOCK_SIZE**2 * 2))
    # An image that an editor or the viewport shows is decoded; this one is looked at here for the first time.
    decoding = _milliseconds(lambda: tuple(settings.source_image.size))
    session.set_engine_factory(lambda: FakeEngine(pixels=picture.pixels, step_seconds=0.01))
    blocks: dict[str, list[float]] = defaultdict(list)
    naive: list[float] = []
    for _ in range(12):
        for task in ("TEXT_TO_IMAGE", "INPAINT"):
            settings.task = task
            for kind, milliseconds in one_job():
                blocks[kind].append(milliseconds)
        naive.append(_milliseconds(lambda: naive_write(picture, keep=True)))
    session.set_engine_factory(None)
    for kind, times in blocks.items():
        yield _main_thread_row(kind, statistics.median(times), statistics.median(naive), len(times))
    yield _main_thread_row("Blender decodes a packed source", decoding, statistics.median(naive), 1)
    row = _main_thread_row("the longest block of all", max(map(max, blocks.values())), max(naive), len(naive))
    yield replace(row, limit=f"under {BLOCK_LIMIT_MS:.0f} ms", within=row.ours_ms < BLOCK_LIMIT_MS)


def _main_thread_row(what: str, ours: float, other: float, rounds: int) -> Row:
    what = f"main thread, {BLOCK_SIZE} px: {what}"
    return Row(
        what, "pixels[:] = and pack()", round(ours, 2), round(other, 2), round(ours / other, 4), rounds
    )


def one_job() -> Iterator[tuple[str, float]]:
    """Submit a job and drain it as the timer does; what each look at the queue cost the main thread."""
    started = time.perf_counter()
    job = build_request.build(bpy.context)
    ticket = session.submit(job.request, job.target)
    yield f"submit {type(job.request).__name__}", (time.perf_counter() - started) * 1000
    while ticket.is_open:
        time.sleep(0.002)
        step = ticket.job.step
        started = time.perf_counter()
        pump.drain()
        milliseconds = (time.perf_counter() - started) * 1000
        if not ticket.is_open:
            yield "finish", milliseconds
        elif ticket.job.step != step:
            yield "step with preview", milliseconds


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


def show(rows: list[Row]) -> None:
    width = max(len(row.what) for row in rows)
    print(f"\n{'milliseconds':{width}}      ours     other   ratio")
    for row in rows:
        verdict = "" if row.within is None else f" ({row.limit}: {'yes' if row.within else 'NO'})"
        print(
            f"{row.what:{width}}  {row.ours_ms:8.1f}  {row.other_ms:8.1f}  {row.ratio:6.3f}"
            f"  {row.other}{verdict}"
        )


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
    "engine": engine_rows,
    "pixels": lambda _: pixel_rows(),
    "main-thread": lambda _: main_thread_rows(),
    "transport": lambda _: transport_rows(),
    "window": lambda _: window_rows(),
}


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--model", default="", help="model folder; default: the one that ships with the add-on"
    )
    parser.add_argument("--steps", type=int, default=20, help="denoising steps; default %(default)s")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256], help="of the pictures; default 256")
    parser.add_argument("--rounds", type=int, default=7, help="of the engine's rows; default %(default)s")
    parser.add_argument("--only", choices=list(PARTS), help="one part of the table")
    parser.add_argument("--save", action="store_true", help="keep the result as docs/bench.json too")
    return parser.parse_args()


def write(path: Path, rows: list[Row], machine: dict[str, Any], keep: bool = False) -> None:
    """keep: comparisons of the file that were not made this time stay."""
    old = json.loads(path.read_text())["rows"] if keep and path.exists() else []
    table = {(row["what"], row["other"]): row for row in [*old, *map(asdict, rows)]}
    text = json.dumps({"machine": machine, "rows": list(table.values())}, indent=2) + "\n"
    path.write_text(text, encoding="utf-8")


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
