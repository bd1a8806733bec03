# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered textures on disk, so that training never waits for them."""

from __future__ import annotations

import json
import multiprocessing
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from .textures import TextureSet

HELD_OUT_SEED = 1_000_003
"""The seed of evaluation; training never uses it."""


@dataclass(frozen=True)
class TextureCache:
    """pixels: N x H x W x 3 uint8, mapped from disk. captions: N texts."""

    pixels: NDArray[np.uint8]
    captions: list[str]


def _render(job: tuple[TextureSet, int]) -> tuple[int, NDArray[np.uint8], str]:
    textures, index = job
    sample = textures[index]
    return index, sample.pixels, sample.caption


def cache_path(folder: Path, textures: TextureSet, count: int) -> Path:
    return folder / f"textures-{textures.size}-seed{textures.seed}-{count}.npy"


def render_cache(folder: Path, textures: TextureSet, count: int, workers: int | None = None) -> TextureCache:
    """The first `count` samples, rendered by worker processes once and read from disk afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    path = cache_path(folder, textures, count)
    words = path.with_suffix(".json")
    if not words.exists():  # written last: its presence means that the pixels are complete
        part = path.with_suffix(".part")
        shape = (count, textures.size, textures.size, 3)
        pixels = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
        captions = [""] * count
        jobs = ((textures, i) for i in range(count))
        # Spawned, not forked: forking a process in which torch has started its threads can hang.
        with multiprocessing.get_context("spawn").Pool(workers or os.cpu_count()) as pool:
            results = pool.imap_unordered(_render, jobs, chunksize=32)
            for index, picture, caption in tqdm(
                results, total=count, desc=f"textures {textures.size} px", mininterval=2
            ):
                pixels[index], captions[index] = picture, caption
        pixels.flush()
        os.replace(part, path)
        words.with_suffix(".tmp").write_text(json.dumps(captions))
        os.replace(words.with_suffix(".tmp"), words)
    return TextureCache(np.load(path, mmap_mode="r"), json.loads(words.read_text()))
