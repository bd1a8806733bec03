# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured on the finished model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from diffusers import AutoencoderKL, StableDiffusionPipeline
from numpy.typing import NDArray
from tqdm import tqdm

from ..export import GUIDANCE, STEPS, generate
from ..textures import MATERIALS, make_sample
from ..textures.captions import Description
from ..textures.colours import COLOURS
from .classifier import NAMES, Classifier, Labelled, classify, round_trip
from .colour_names import name_colour


@dataclass(frozen=True)
class Prompt:
    """text: what is asked. material: an index into NAMES. colour: one of COLOURS."""

    text: str
    material: int
    colour: str


def make_prompts(count: int) -> list[Prompt]:
    """Every material in turn, each time with another colour, so that all pairs come up evenly."""
    colours = list(COLOURS)
    prompts = []
    for i in range(count):
        turn, material = divmod(i, len(NAMES))
        colour = colours[(material + turn * 5) % len(colours)]
        prompts.append(Prompt(f"{colour} {NAMES[material]}", material, colour))
    return prompts


def labelled_textures(
    seed: int, per_material: int, vae: AutoencoderKL | None = None, share: float = 0.5
) -> Labelled:
    """Procedural textures with their material; a `share` of them as the autoencoder renders them."""
    pixels, labels = [], []
    for i in tqdm(range(per_material * len(MATERIALS)), desc="labelled textures", mininterval=2):
        pixels.append(make_sample(seed, i, 128).pixels)
        labels.append(i % len(MATERIALS))
    stack = np.stack(pixels)
    if vae is not None:
        chosen = np.random.default_rng(seed).permutation(len(stack))[: int(share * len(stack))]
        stack[chosen] = round_trip(vae, stack[chosen])
    return Labelled(stack, np.array(labels))


def generate_all(
    pipeline: StableDiffusionPipeline,
    prompts: Sequence[Prompt],
    batch: int = 8,
    steps: int = STEPS,
    guidance: float = GUIDANCE,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """One 128 px picture per prompt, seamless; picture i from seed + i."""
    starts = tqdm(range(0, len(prompts), batch), desc="prompts", mininterval=2)
    parts = [
        generate(pipeline, [p.text for p in prompts[i : i + batch]], 128, seed + i, steps, guidance)
        for i in starts
    ]
    return np.concatenate(parts)


def adherence(
    pixels: NDArray[np.uint8], prompts: Sequence[Prompt], classifier: Classifier
) -> dict[str, object]:
    """Shares of pictures with the material and the colour asked for; `confusion` counts asked x seen materials."""
    seen = classify(classifier, pixels)
    asked = np.array([p.material for p in prompts])
    colours = [name_colour(p) for p in pixels]
    confusion = np.zeros((len(NAMES), len(NAMES)), int)
    np.add.at(confusion, (asked, seen), 1)
    right = seen == asked
    colour_right = np.array([c == p.colour for c, p in zip(colours, prompts, strict=True)])
    by_colour = {
        c: float(np.mean([r for r, p in zip(colour_right, prompts, strict=True) if p.colour == c]))
        for c in COLOURS
        if any(p.colour == c for p in prompts)
    }
    by_material = {n: float(right[asked == i].mean()) for i, n in enumerate(NAMES) if (asked == i).any()}
    return {
        "material": float(right.mean()),
        "colour": float(colour_right.mean()),
        "both": float((right & colour_right).mean()),
        "by_material": by_material,
        "by_colour": by_colour,
        "confusion": confusion,
    }


def colour_rule_accuracy(per_colour: int = 61, seed: int = 77) -> float:
    """How often the colour rules are right on procedural textures, whose colour is known."""
    right = []
    for k, colour in enumerate(COLOURS):
        for i in range(per_colour):
            name = NAMES[i % len(NAMES)]
            pixels = make_sample(seed, 1000 * k + i, 128, Description(name, name, colour)).pixels
            right.append(name_colour(pixels) == colour)
    return float(np.mean(right))


def reconstruction_psnr(vae: AutoencoderKL, pixels: NDArray[np.uint8]) -> dict[str, float]:
    """Peak signal-to-noise ratio in dB of held-out textures, encoded and decoded: mean over pictures, and the worst."""
    error = (round_trip(vae, pixels).astype(np.float64) - pixels) / 255
    psnr = -10 * np.log10((error**2).mean((1, 2, 3)))
    return {"mean": float(psnr.mean()), "worst": float(psnr.min())}


def seam_error(pixels: NDArray[np.uint8]) -> float:
    """Mean absolute step across the wrapped edges over the mean step inside; 1 is perfect. pixels: N x H x W x 3."""
    p = pixels.astype(np.float64)
    across = np.abs(p[:, 0] - p[:, -1]).mean() + np.abs(p[:, :, 0] - p[:, :, -1]).mean()
    return float(across / (np.abs(np.diff(p, axis=1)).mean() + np.abs(np.diff(p, axis=2)).mean()))


def seconds_per_image(
    pipeline: StableDiffusionPipeline,
    sizes: Sequence[int] = (128, 256, 512),
    repeats: int = 2,
    steps: int = STEPS,
    guidance: float = GUIDANCE,
) -> dict[str, float]:
    """Seconds for one seamless picture; the quickest of `repeats`, after a warm-up."""
    generate(pipeline, ["warm up"], 64, steps=2)
    result = {}
    for size in sizes:
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            generate(pipeline, ["red brick wall"], size, steps=steps, guidance=guidance)
            times.append(time.perf_counter() - start)
        result[str(size)] = min(times)
    return result


def shape_of_latents(vae: AutoencoderKL) -> dict[str, int]:
    """factor: pixels per latent and side. channels: numbers per latent."""
    return {
        "factor": 2 ** (len(vae.config.block_out_channels) - 1),
        "channels": vae.config.latent_channels,
    }


def millions_of_parameters(pipeline: StableDiffusionPipeline) -> dict[str, float]:
    """Millions of parameters of each part."""
    parts = {"vae": pipeline.vae, "unet": pipeline.unet, "text_encoder": pipeline.text_encoder}
    return {name: sum(p.numel() for p in m.parameters()) / 1e6 for name, m in parts.items()}
