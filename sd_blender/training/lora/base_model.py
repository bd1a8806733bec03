# SPDX-License-Identifier: GPL-3.0-or-later
"""The model that learns: loaded as the engine loads it, with what training needs to know of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import DDPMScheduler

from ...core.engine_protocol import IsCancelled
from ...core.errors import ModelRefused
from ...core.request import STARTER_MODEL
from ...core.sentence import Sentence
from ...engine.diffusers_engine import STARTER_FOLDER
from ...engine.fingerprint import unet_fingerprint
from ...engine.models import Announce, LoadedModel, ModelStore
from ..forward_process import ForwardProcess

FAMILIES = {768: "sd_v1", 1024: "sd_v2", 2048: "sdxl_base_v1-0"}
"""kohya's names of the base models, by the width of the text that the U-Net reads."""

VELOCITY = {"sd_v1_v", "sd_v2_v"}
"""What it calls those of them that predict velocity, if it has a name of its own for that."""


@dataclass(frozen=True)
class BaseModel:
    """loaded: frozen networks on the device. process: the noise that the U-Net was trained on. prediction_type: what
    it says of it. name: of the folder. fingerprint: of the U-Net's weights.
    """

    loaded: LoadedModel
    process: ForwardProcess
    prediction_type: str
    name: str
    fingerprint: str

    @property
    def family(self) -> str:
        """kohya's name of the kind of model, "other" for one of no known width."""
        family = FAMILIES.get(self.loaded.unet.config.cross_attention_dim, "other")
        return f"{family}_v" if f"{family}_v" in VELOCITY and self.prediction_type != "epsilon" else family


def load_base(
    model: str, device: torch.device, dtype: torch.dtype, announce: Announce, is_cancelled: IsCancelled
) -> BaseModel:
    """Raises ModelNotFound, ModelRefused or JobCancelled."""
    folder = STARTER_FOLDER if model == STARTER_MODEL else Path(os.path.expanduser(model))
    loaded = ModelStore(device, dtype).get(folder, announce, is_cancelled)
    if loaded.natively_inpaints:
        raise ModelRefused(
            Sentence(
                "{folder} is an inpaint model, which cannot be trained here; train with its "
                "text-to-image model, the result works with both.",
                folder=folder,
            )
        )
    scheduler = DDPMScheduler.from_config(loaded.scheduler_config)
    kind = str(scheduler.config.prediction_type)
    if kind not in ("epsilon", "v_prediction"):
        raise ModelRefused(
            Sentence(
                "{folder} predicts {kind}, for which there is no training here; choose another model.",
                folder=folder,
                kind=kind,
            )
        )
    name = "SD Blender starter model" if model == STARTER_MODEL else folder.name
    process = ForwardProcess(scheduler.betas.double())
    return BaseModel(loaded, process, kind, name, unet_fingerprint(loaded.files))
