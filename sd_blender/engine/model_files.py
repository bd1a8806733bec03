# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a model folder before anything is loaded from it.

A model comes from a stranger. What it may hold is a list of ours: components of known classes, weights in
safetensors, and configurations that name no code. Nothing here imports torch, so a refusal comes at once.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import ModelNotFound, ModelRefused
from ..core.json_files import read_json
from ..core.sentence import Sentence
from .families import FAMILIES, WANTED, Family, tokenizer_of
from .model_family import check_family
from .weights_file import Shapes, read_shapes

SCHEDULER_CLASSES = (
    "DDPMScheduler",
    "DDIMScheduler",
    "PNDMScheduler",
    "LMSDiscreteScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "HeunDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "DPMSolverSDEScheduler",
    "KDPM2DiscreteScheduler",
    "UniPCMultistepScheduler",
    "DEISMultistepScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "LCMScheduler",
    "TCDScheduler",
)
"""Whose configuration says what ours take of it; which sampler runs, the request says."""

_COMPONENTS: dict[str, tuple[tuple[str, str], ...]] = {
    "vae": (("diffusers", "AutoencoderKL"),),
    "unet": (("diffusers", "UNet2DConditionModel"),),
    "scheduler": tuple(("diffusers", name) for name in SCHEDULER_CLASSES),
}
_TOKENIZERS = (("transformers", "CLIPTokenizer"), ("transformers", "CLIPTokenizerFast"))
_NEVER_LOADED = ("safety_checker", "feature_extractor", "image_encoder")
_CODE_KEYS = ("auto_map", "custom_pipeline", "trust_remote_code", "_attn_implementation_internal")
_PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")


@dataclass(frozen=True)
class ModelFiles:
    """A model folder that passed every check.

    unet_channels: that the U-Net takes: as many as ``latent_channels``, or more to inpaint.
    variants: for each component with weights, the part of its file name that diffusers calls the variant
        ("fp16"), or None.
    weights: the files that will be loaded.
    parameters: how many numbers the weights of each component are.
    zeros_for_empty: an empty negative prompt is not read but stands for zeros, as the model was trained.
    """

    folder: Path
    family: Family
    scheduler_class: str
    unet_channels: int
    latent_channels: int
    variants: dict[str, str | None]
    weights: tuple[Path, ...]
    parameters: dict[str, int]
    zeros_for_empty: bool

    @property
    def signature(self) -> tuple[tuple[str, int, int], ...]:
        """Changes when a file that would be loaded changes on disk."""
        stats = [(path, path.stat()) for path in self.weights]
        return tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats)


def check_model(folder: Path) -> ModelFiles:
    """Raise ModelNotFound or ModelRefused, with a sentence that names the file, unless ``folder`` can be loaded."""
    # os.path answers for a name that is too long, too, where pathlib raises.
    if os.path.isfile(folder):
        raise ModelRefused(
            Sentence(
                "{folder} is a single file; choose a folder in the diffusers layout (convert the file "
                "with diffusers).",
                folder=folder,
            )
        )
    if not os.path.isdir(folder):
        raise ModelNotFound(
            Sentence(
                "There is no model at {folder}; choose another model or put it back there.", folder=folder
            )
        )
    if not (folder / "model_index.json").is_file():
        raise ModelRefused(
            Sentence(
                "{folder} has no model_index.json; choose the folder of a model in the diffusers layout.",
                folder=folder,
            )
        )
    refuse_code(folder)
    index = read_json(folder / "model_index.json")
    family = _family(folder, index)
    _check_index(folder, index, _components(family))
    variants, weights, shapes = _check_weights(folder, family)
    channels, latents = check_family(folder, shapes, family)
    zeros = family.zeros_for_empty and bool(index.get("force_zeros_for_empty_prompt", True))
    parameters = {name: sum(map(math.prod, tensors.values())) for name, tensors in shapes.items()}
    return ModelFiles(
        folder, family, index["scheduler"][1], channels, latents, variants, tuple(weights), parameters, zeros
    )


def refuse_code(folder: Path) -> None:
    """Programs, configurations that name some, and adapters, which transformers would fetch from elsewhere."""
    for path in sorted(folder.rglob("*.py*")):
        if path.suffix in (".py", ".pyc", ".pyd", ".pyw"):
            raise ModelRefused(
                Sentence(
                    "{path} is a program and models may not bring any; delete it if you trust the rest of "
                    "the model.",
                    path=path,
                )
            )
    for path in sorted(folder.rglob("adapter_config.json")):
        raise ModelRefused(
            Sentence("{path} makes the model load another one; delete it or choose another model.", path=path)
        )
    named = [path for path in (folder / "model_index.json", folder / "config.json") if path.is_file()]
    for path in [*named, *sorted(folder.glob("*/*config*.json"))]:
        for key in _CODE_KEYS:
            if _has_key(read_json(path), key):
                raise ModelRefused(
                    Sentence(
                        "{path} asks to run code of its own ({key}); get the model elsewhere.",
                        path=path,
                        key=key,
                    )
                )


def _has_key(value: Any, key: str) -> bool:
    rest = [value]
    while rest:  # no recursion: a stranger decides how deep it goes
        item = rest.pop()
        if isinstance(item, dict):
            if key in item:
                return True
            rest += item.values()
        elif isinstance(item, list):
            rest += item
    return False


def _family(folder: Path, index: dict[str, Any]) -> Family:
    kind = index.get("_class_name")
    family = next((family for family in FAMILIES if kind in family.pipelines), None)
    if family is None:
        raise ModelRefused(
            Sentence(
                "{folder} holds a {kind}; {wanted} ({join}).",
                folder=folder,
                kind=kind,
                wanted=WANTED,
                join=", ".join(f.pipelines[0] for f in FAMILIES),
            )
        )
    return family


def _components(family: Family) -> dict[str, tuple[tuple[str, str], ...]]:
    encoders = {name: (("transformers", kind),) for name, kind in family.text_encoders.items()}
    return {**_COMPONENTS, **encoders, **dict.fromkeys(map(tokenizer_of, encoders), _TOKENIZERS)}


def _check_index(
    folder: Path, index: dict[str, Any], components: dict[str, tuple[tuple[str, str], ...]]
) -> None:
    if index.get("requires_aesthetics_score"):
        raise ModelRefused(
            Sentence(
                "{folder} is the refiner of Stable Diffusion XL, which only finishes what another model "
                "began; choose the base model.",
                folder=folder,
            )
        )
    for name, entry in index.items():
        if isinstance(entry, list) and name not in components and name not in _NEVER_LOADED:
            raise ModelRefused(
                Sentence(
                    "{folder} has a component {name} that is not known here; choose another model.",
                    folder=folder,
                    name=name,
                )
            )
    for name, known in components.items():
        entry = index.get(name)
        if not isinstance(entry, list) or tuple(entry) not in known:
            raise ModelRefused(
                Sentence(
                    "{folder} has {entry} as its {name}; only {known} is known here, so choose another model.",
                    folder=folder,
                    entry=entry,
                    name=name,
                    known=known[0][1],
                )
            )


def _check_weights(
    folder: Path, family: Family
) -> tuple[dict[str, str | None], list[Path], dict[str, Shapes]]:
    variants: dict[str, str | None] = {}
    weights: list[Path] = []
    shapes: dict[str, Shapes] = {}
    stems = {"vae": "diffusion_pytorch_model", "unet": "diffusion_pytorch_model"}
    for name, stem in {**stems, **dict.fromkeys(family.text_encoders, "model")}.items():
        variants[name], files = weight_files(folder / name, stem)
        weights += files
        shapes[name] = {}
        for file in files:
            shapes[name].update(read_shapes(file))
    return variants, weights, shapes


def weight_files(folder: Path, stem: str) -> tuple[str | None, list[Path]]:
    """The variant and the safetensors files of one component: a single file, or shards with an index."""
    for variant in (None, "fp16", "bf16"):
        name = f"{stem}.{variant}" if variant else stem
        if (folder / f"{name}.safetensors").is_file():
            return variant, [folder / f"{name}.safetensors"]
    index = folder / f"{stem}.safetensors.index.json"
    if index.is_file():
        shards = read_json(index).get("weight_map")
        names = list(shards.values()) if isinstance(shards, dict) else []
        if not names or not all(isinstance(name, str) for name in names):
            raise ModelRefused(Sentence("{index} names no files; download the model again.", index=index))
        names = sorted(set(names))
        for name in names:
            if Path(name).name != name or not (folder / name).is_file():
                raise ModelRefused(
                    Sentence(
                        "{index} names {name}, which is not beside it; download the model again.",
                        index=index,
                        name=name,
                    )
                )
        return None, [folder / name for name in names]
    pickles = [path for path in sorted(folder.glob("*")) if path.suffix.lower() in _PICKLES]
    if pickles:
        raise ModelRefused(
            Sentence(
                "{pickles} is a pickle, which could run code; get the model as safetensors, or convert it.",
                pickles=pickles[0],
            )
        )
    raise ModelRefused(
        Sentence("{folder} lacks {stem}.safetensors; download the model again.", folder=folder, stem=stem)
    )
