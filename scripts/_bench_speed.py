# SPDX-License-Identifier: GPL-3.0-or-later
"""What the speed Fast saves on the processor, and how far its pictures are from those of Exact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from _bench_table import Row, compare

from sd_blender.core.request import Sampling, TextToImage
from sd_blender.engine.diffusers_engine import DiffusersEngine

PROMPTS = ("red brick wall", "old oak planks", "grey cobblestone", "rusty metal")
GUIDANCE = (1.0, 4.0)
"""Of the starter model, whose guidance is built in, and with more of it, where half of a step is guidance."""


def speed_rows(model: str, size: int, steps: int, rounds: int) -> Iterator[Row]:
    """One row for each guidance; the difference is over all ``PROMPTS``, in 255ths."""
    engine = DiffusersEngine("cpu", "float32")
    for guidance in GUIDANCE:
        sampling = Sampling(width=size, height=size, steps=steps, guidance_scale=guidance, seed=1)
        exact = [TextToImage(prompt=prompt, model=model, sampling=sampling) for prompt in PROMPTS]
        fast = [replace(request, sampling=replace(sampling, speed="fast")) for request in exact]

        def made(request: TextToImage) -> np.ndarray:
            result = engine.generate("bench", request, lambda message: None, lambda: False)
            return result.images[0].pixels.astype(float)

        off = [np.abs(made(a) - made(b)).mean() for a, b in zip(fast, exact, strict=True)]
        what = (
            f"Fast, {size} px, {steps} steps, guidance {guidance:g}; off by {np.mean(off):.1f} of 255 "
            f"(worst {max(off):.1f})"
        )
        yield compare(
            what,
            "Exact",
            lambda request=fast[0], made=made: made(request),
            lambda request=exact[0], made=made: made(request),
            rounds,
        )
