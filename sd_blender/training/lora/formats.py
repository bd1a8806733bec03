# SPDX-License-Identifier: GPL-3.0-or-later
"""The finished file, as other programs read it, with its story inside.

A LoRA is written twice: with kohya's names of its layers (see :mod:`~...engine.lora.files`), which AUTOMATIC1111,
Forge, ComfyUI and diffusers read, and in a folder beside it with diffusers' own. A textual inversion is one tensor
under its word, or for Stable Diffusion XL one for each text encoder, under the names that those programs share. The
metadata are those that kohya's scripts and the model specification of Stability AI name, where they apply.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ...core.tensor_header import WORD_KEY
from ...core.training_folder import TrainingFolder
from ...core.training_json import training_to_json
from ...core.training_request import Training, TrainLora
from ...core.version import VERSION
from ...engine.families import UNET, Family
from ...engine.fingerprint import UNET_KEY
from .base_model import BaseModel
from .checkpoint import write_tensors
from .images import Source, digest

_ARCHITECTURES = {
    "sd_v1": "stable-diffusion-v1",
    "sd_v1_v": "stable-diffusion-v1",
    "sd_v2": "stable-diffusion-v2-512",
    "sd_v2_v": "stable-diffusion-v2-768-v",
    "sdxl_base_v1-0": "stable-diffusion-xl-v1-base",
}
_MOST_CAPTIONS = 200


def kohya(learned: Mapping[str, Tensor], rank: int, family: Family) -> dict[str, Tensor]:
    """peft's ``unet.X.Y.lora_A.weight`` as ``lora_unet_X_Y.lora_down.weight``, with an alpha for each layer."""
    result: dict[str, Tensor] = {}
    for key, value in learned.items():
        network, module, role = _parts(key)
        prefix = family.lora_prefixes[network] + ("" if network == UNET else "text_model_")
        name = prefix + module.removeprefix("text_model.").replace(".", "_")
        result[f"{name}.lora_{'down' if role == 'A' else 'up'}.weight"] = value.half()
        result[f"{name}.alpha"] = torch.tensor(float(rank), dtype=torch.float16)
    return result


def diffusers(learned: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """peft's names under the networks'; alpha is the rank, which diffusers assumes."""
    result = {}
    for key, value in learned.items():
        network, module, role = _parts(key)
        if network != UNET:
            module = f"text_model.{module.removeprefix('text_model.')}"
        result[f"{network}.{module}.lora_{role}.weight"] = value.half()
    return result


def write_result(
    folder: TrainingFolder,
    request: Training,
    base: BaseModel,
    sources: Sequence[Source],
    learned: Mapping[str, Tensor],
    steps: int,
    loss: float,
) -> None:
    """Write the file or files. Raises CannotSave."""
    told = metadata(folder.output, request, base, sources, steps, loss)
    if isinstance(request, TrainLora):
        write_tensors(folder.diffusers_output, diffusers(learned), {"format": "pt", **told})
        write_tensors(folder.output, kohya(learned, request.rank, base.loaded.files.family), told)
    else:
        write_tensors(folder.output, learned, {**told, WORD_KEY: request.trigger.strip().lower()})


def metadata(
    output: Path, request: Training, base: BaseModel, sources: Sequence[Source], steps: int, loss: float
) -> dict[str, str]:
    """Text by name. Files may be given away: of folders only the last name is told."""
    story = training_to_json(request)
    story |= {name: Path(str(story[name])).name for name in ("images", "output", "model")}
    story["software"] = f"SD Blender {VERSION}"
    story["result"] = {
        "steps": steps,
        "loss": round(loss, 6),
        "images": len(sources),
        "digest": digest(sources),
    }
    captions = {source.path.name: source.caption for source in sources[:_MOST_CAPTIONS]}
    told = {
        "sd_blender": json.dumps(story, ensure_ascii=False, sort_keys=True),
        UNET_KEY: base.fingerprint,
        "sd_blender_captions": json.dumps(captions, ensure_ascii=False),
        "ss_output_name": output.stem,
        "ss_base_model_version": base.family,
        "ss_sd_model_name": base.name,
        "ss_v2": str(base.family.startswith("sd_v2")),
        "ss_num_train_images": str(len(sources)),
        "ss_steps": str(steps),
        "ss_max_train_steps": str(request.steps),
        "ss_learning_rate": str(request.learning_rate),
        "ss_seed": str(request.seed),
        "ss_resolution": f"({request.size}, {request.size})",
        "modelspec.title": output.stem,
        "modelspec.prediction_type": base.prediction_type.removesuffix("_prediction"),
        "modelspec.trigger_phrase": request.trigger.strip(),
    }
    if base.family in _ARCHITECTURES:
        kind = "lora" if isinstance(request, TrainLora) else "textual-inversion"
        told |= {
            "modelspec.sai_model_spec": "1.0.0",
            "modelspec.architecture": f"{_ARCHITECTURES[base.family]}/{kind}",
            "modelspec.implementation": "diffusers",
            "modelspec.resolution": f"{request.size}x{request.size}",
        }
    if isinstance(request, TrainLora):
        told |= {
            "ss_network_module": "networks.lora",
            "ss_network_dim": str(request.rank),
            "ss_network_alpha": str(float(request.rank)),
        }
    return told


def _parts(key: str) -> tuple[str, str, str]:
    """Network, module and "A" or "B" of a key of ``LoraLearner.state``."""
    network, _, rest = key.partition(".")
    module, _, role = rest.rpartition(".lora_")
    return network, module, role[0]
