# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of settings that could not be restored, the most important first, and those of one feature as one."""

from __future__ import annotations

from collections.abc import Iterable

FEATURES = {
    "ADetailer": ("adetailer",),
    "hires fix": ("hires", "hr ", "hrf ", "second pass"),
    "ControlNet": ("controlnet", "control "),
    "IP-Adapter": ("ip adapter", "ipadapter", "ip-adapter"),
    "refiner": ("refiner",),
    "regional prompts": ("rp ", "regional prompt", "forge couple"),
    "variation seed": ("variation seed", "seed resize", "subseed", "variationseed"),
    "tiled diffusion": ("tiled diffusion", "multidiffusion", "tile "),
    "dynamic thresholding": ("dynamic thresholding", "mimic", "cfg mode", "threshold percentile"),
    "FreeU": ("freeu",),
    "Ultimate SD Upscale": ("ultimate sd upscale", "sd upscale"),
    "ReActor": ("reactor", "face restoration", "roop"),
}
"""By the beginnings of what extensions call their settings."""

ORDER = (
    *(
        "seed",
        "prompt",
        "negative prompt",
        "model",
        "width",
        "height",
        "size",
        "sampler",
        "scheduler",
        "lora",
        "weight of",
    ),
    *("embedding", "strength", "source image", "mask", "hires fix", "controlnet", "ip-adapter", "refiner"),
    *("regional prompts", "variation seed", "second sampler", "reference image", "styles", "prompt editing"),
    *("hypernetwork", "clip skip", "schedule type", "steps", "guidance scale", "vae", "adetailer"),
)
"""What changes a picture much, the most first."""


def feature_of(name: str) -> str:
    """The feature that a setting belongs to, or the name itself."""
    lower = name.casefold()
    return next((feature for feature, starts in FEATURES.items() if lower.startswith(starts)), name)


def rank(name: str) -> int:
    lower = name.casefold()
    return next((place for place, start in enumerate(ORDER) if lower.startswith(start)), len(ORDER))


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Each once, the most important first."""
    return tuple(sorted(dict.fromkeys(map(feature_of, names)), key=rank))


def shown(names: Iterable[str], most: int) -> tuple[str, ...]:
    """The first ``most``, and whatever changes a picture much."""
    ordered = in_order(names)
    important = sum(rank(name) < len(ORDER) for name in ordered)
    return ordered[: max(most, important)]
