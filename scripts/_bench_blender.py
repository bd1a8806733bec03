# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks of the Blender layer for scripts/bench.py: pixels in and out, and what a job costs the main thread."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import bpy
import numpy as np
from _bench_table import Row, compare, milliseconds

from sd_blender.blender import build_request, pump, session
from sd_blender.blender.encoding import AS_ON_SCREEN
from sd_blender.blender.results import textures
from sd_blender.blender.results.saving import encode
from sd_blender.blender.source import capture
from sd_blender.core.messages import GeneratedImage, Seam
from sd_blender.core.request import Sampling, TextToImage

PROMPT = "red bricks"
SIZES = (512, 1024, 2048, 4096)
NODES = (30, 300)
BLOCK_SIZE = 1024
BLOCK_LIMIT_MS = 50.0


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
            image = textures.new_image(request, picture, AS_ON_SCREEN)
            tuple(image.size)  # decodes it; a pixel asked for would make floats of all of them
            bpy.data.images.remove(image)

        yield compare(
            f"picture to image, {size} px", "pixels[:] =", write, lambda p=picture: naive_write(p), rounds
        )
        image = textures.new_image(request, picture, AS_ON_SCREEN)
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


def node_rows() -> Iterator[Row]:
    """What each drawing of a panel asks: the active texture, at the end of a chain of corrections."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.mesh.primitive_plane_add()
    for length in NODES:
        socket = material_of(length)
        ours = lambda: build_request.active_texture(bpy.context)  # noqa: E731
        naive = lambda socket=socket: naive_texture(socket)  # noqa: E731
        yield compare(f"active texture of {length} nodes", "socket.links", ours, naive, 12)


def material_of(length: int) -> bpy.types.NodeSocket:
    """Give the active object a material with this many corrections after its texture; returns its Base Color."""
    material = bpy.data.materials.new(str(length))
    if material.node_tree is None:
        material.use_nodes = True
    tree = material.node_tree
    last = tree.nodes.new("ShaderNodeTexImage")
    last.image = bpy.data.images.new("Chain", 8, 8)
    for _ in range(length):
        node = tree.nodes.new("ShaderNodeHueSaturation")
        tree.links.new(last.outputs["Color"], node.inputs["Color"])
        last = node
    socket = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED").inputs["Base Color"]
    tree.links.new(last.outputs["Color"], socket)
    bpy.context.object.active_material = material
    return socket


def naive_texture(socket: bpy.types.NodeSocket) -> bpy.types.Image:
    node = socket.links[0].from_node
    while node.type != "TEX_IMAGE":
        node = node.inputs["Color"].links[0].from_node
    return node.image


def main_thread_rows() -> Iterator[Row]:
    """What Blender's main thread does for a job of BLOCK_SIZE pixels that another thread computes."""
    from tests.fakes import FakeEngine

    request, picture = picture_of(BLOCK_SIZE)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.mesh.primitive_plane_add()
    settings = bpy.context.scene.sd_blender
    settings.prompt, settings.width, settings.height, settings.steps = PROMPT, BLOCK_SIZE, BLOCK_SIZE, 8
    settings.source, settings.source_image = "IMAGE", textures.new_image(request, picture, AS_ON_SCREEN)
    settings.mask_image = bpy.data.images.new("Mask", BLOCK_SIZE, BLOCK_SIZE)
    settings.mask_image.pixels.foreach_set(np.repeat(np.float32([0, 1]), BLOCK_SIZE**2 * 2))
    # An image that an editor or the viewport shows is decoded; this one is looked at here for the first time.
    decoding = milliseconds(lambda: tuple(settings.source_image.size))
    session.set_engine_factory(lambda: FakeEngine(pixels=picture.pixels, step_seconds=0.01))
    blocks: dict[str, list[float]] = defaultdict(list)
    naive: list[float] = []
    for _ in range(12):
        for task in ("TEXT_TO_IMAGE", "INPAINT"):
            settings.task = task
            for kind, cost in one_job():
                blocks[kind].append(cost)
        naive.append(milliseconds(lambda: naive_write(picture, keep=True)))
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
        cost = (time.perf_counter() - started) * 1000
        if not ticket.is_open:
            yield "finish", cost
        elif ticket.job.step != step:
            yield "step with preview", cost
