# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scheduler's configuration of a model says of the noise that it was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..json_files import read_json
from .noise_schedule import NoiseSchedule
from .spacing import Options

_OF_THE_MODEL = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "timestep_spacing",
    "rescale_betas_zero_snr",
    "set_alpha_to_one",  # whether the last step leaves no noise; in other schedulers the next one says so
    "final_sigmas_type",
    "original_inference_steps",
    "_use_default_values",  # diffusers: which of these nobody chose, so that each sampler takes its own default
)
"""What of a scheduler's configuration belongs to the model; the rest is the scheduler's own, and chosen by name."""


def read_schedule(model: Path) -> dict[str, Any]:
    """That of the model in a folder, with the two corrections that the pipelines of diffusers make, with a warning.

    Raises ValueError for a noise schedule, a prediction or a spacing that is not known here.
    """
    config = read_json(model / "scheduler" / "scheduler_config.json")
    kept = {name: config[name] for name in _OF_THE_MODEL if name in config}
    NoiseSchedule.of_config(kept)
    Options.of_config(kept)
    return {**kept, "steps_offset": 1, "clip_sample": False}
