# SPDX-License-Identifier: GPL-3.0-or-later
"""Samplers and their schedules of noise levels, by the names that other programs have for them."""

from __future__ import annotations

import re
from typing import Any

from ..choices import KARRAS
from ..request import SCHEDULERS, SPACINGS
from ..validation import spacing_refusal

AUTO = SPACINGS[0]

SCHEDULES = {
    "karras": "karras",
    "k": "karras",
    "exponential": "exponential",
    "polyexponential": "exponential",  # to the power of 1, which nobody changes
    "sgm_uniform": "trailing",
    "simple": "trailing",
    "uniform": "linspace",
    "normal": "linspace",
    "linspace": "linspace",
    "ddim_uniform": "leading",
    "ddim": "leading",
    "leading": "leading",
    "trailing": "trailing",
    "beta": "beta",
    "align_your_steps": "ays",
    "ays": "ays",
    **dict.fromkeys(("", "automatic", "default", "discrete", "none"), AUTO),
}
"""Our spacing, by the names of schedules."""

NOT_OURS = ("kl_optimal", "turbo")
"""Schedules that we lack, which end names of samplers all the same."""

# What "Automatic" is in AUTOMATIC1111, where it is not plain.
AUTOMATIC = {
    "DPM++ 2M": "karras",
    "DPM++ 2M SDE": "exponential",
    "DPM++ SDE": "karras",
    "DPM2": "karras",
}

_OTHERS = {
    "euler_ancestral": "Euler a",
    "dpmpp_2m_sde_gpu": "DPM++ 2M SDE",
    "dpmpp_sde_gpu": "DPM++ SDE",
    "dpm_2": "DPM2",
    "kdpm_2": "DPM2",
    "plms": "PNDM",
    "uni_pc": "UniPC",
}


def _key(name: str) -> str:
    """The same for DPM++ 2M SDE and dpmpp_2m_sde."""
    return re.sub(r"[\s_-]+", "_", name.strip().lower()).replace("dpm++", "dpmpp")


_KNOWN = {_key(name): name for name in SCHEDULERS} | _OTHERS


def scheduler(sampler: str, schedule: str = "") -> tuple[dict[str, Any], list[str]]:
    """What we call a sampler with its schedule of noise levels: scheduler and spacing, by the names of their settings.

    Neither is there for a sampler that we lack. And what of both we do not have, by name.
    """
    name, noise = _key(sampler).removeprefix("sample_"), _key(schedule)
    if name.startswith("k_"):  # of k-diffusion
        name = name.removeprefix("k_")
    if name not in _KNOWN and not noise:
        for ending in filter(None, (*SCHEDULES, *NOT_OURS)):
            stem = name.removesuffix(f"_{ending}")
            if stem != name and stem in _KNOWN:
                name, noise = stem, ending
                break
    ours = _KNOWN.get(name, "")
    if not ours:
        return {}, [f'sampler "{sampler.strip()}"']
    if noise == "automatic":
        noise = AUTOMATIC.get(ours, "")
    spacing = SCHEDULES.get(noise, "")
    if spacing == "karras" and (ours + KARRAS in SCHEDULERS or ours.endswith(KARRAS)):
        ours, spacing = ours.removesuffix(KARRAS) + KARRAS, AUTO
    if not spacing or spacing_refusal(ours, spacing):
        return {"scheduler": ours, "spacing": AUTO}, [f'schedule type "{noise.replace("_", " ")}"']
    return {"scheduler": ours, "spacing": spacing}, []
