# SPDX-License-Identifier: GPL-3.0-or-later
"""The CLIP that judges and guides: which folder it is in, and whether it can be loaded.

Either all that transformers saves of a CLIPModel and its tokenizer, or, beside the text encoder and the tokenizer of a
Stable Diffusion model, a CLIP that shares them: its weights then lack the text tower, which would be there twice.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

from ..core.errors import InvalidRequest, ModelNotFound, ModelRefused
from ..core.json_files import read_json
from ..core.known_models import STARTER_FOLDER
from ..core.request import Request
from ..core.sentence import Sentence
from .guards import is_out_of_memory
from .libraries import offline, quiet
from .model_files import refuse_code, weight_files
from .weights_file import read_shapes

CLIP_FOLDER = "clip"
"""The subfolder of a Stable Diffusion model in which a CLIP may lie; diffusers takes no notice of it."""

TEXT_TOWER = "text_model."
_OTHER_PARTS = ("vision_model.", "text_projection.", "visual_projection.")


@dataclass(frozen=True)
class ClipFiles:
    """variant: of the weights' names, "fp16" or None. text_encoder: the folder that holds the text tower if the CLIP's
    own weights do not; tokenizer: that of the tokenizer."""

    folder: Path
    variant: str | None
    text_encoder: Path | None
    tokenizer: Path


def find_clip(model: Path) -> Path | None:
    """The CLIP folder for a model: the model's own subfolder, the folder itself if it is a CLIP, or None."""
    for folder in (model / CLIP_FOLDER, model):
        config = folder / "config.json"
        if config.is_file() and read_json(config).get("model_type") == "clip":
            return folder
    return None


def check_clip(folder: Path) -> ClipFiles:
    """The files of a CLIP in safetensors. Raises ModelNotFound or ModelRefused for anything else."""
    if not (folder / "config.json").is_file():
        raise ModelNotFound(
            Sentence(
                "There is no CLIP model at {folder}; choose the folder that holds its config.json.",
                folder=folder,
            )
        )
    config = read_json(folder / "config.json")
    if config.get("model_type") != "clip":
        raise ModelRefused(
            Sentence(
                "{folder} holds a model of the kind {get}; choose a CLIP model of transformers.",
                folder=folder,
                get=config.get("model_type"),
            )
        )
    refuse_code(folder)
    variant, files = weight_files(folder, "model")
    names = [name for file in files for name in read_shapes(file)]
    beside = folder.parent / "text_encoder"
    shares = not any(name.startswith(TEXT_TOWER) for name in names) and beside.is_dir()
    wanted = _OTHER_PARTS if shares else (TEXT_TOWER, *_OTHER_PARTS)
    if not all(any(name.startswith(part) for name in names) for part in wanted):
        raise ModelRefused(
            Sentence("The weights in {folder} are no whole CLIP; download the model again.", folder=folder)
        )
    if shares:
        refuse_code(folder.parent)
        weight_files(beside, "model")
    tokenizer = folder.parent / "tokenizer" if shares else folder
    if not any((tokenizer / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        raise ModelRefused(
            Sentence(
                "{tokenizer} has no tokenizer.json or vocab.json; download the model again.",
                tokenizer=tokenizer,
            )
        )
    return ClipFiles(folder, variant, beside if shares else None, tokenizer)


def needs_clip(request: Request) -> bool:
    return bool(request.keep or request.sampling.clip_guidance_scale)


def clip_of(request: Request, model: Path) -> Path:
    """The folder of the CLIP for ``request``: the one it names, that of the model, or the starter model's.

    Raises InvalidRequest, ModelNotFound or ModelRefused; reads no weights.
    """
    named = Path(os.path.expanduser(request.clip)) if request.clip else None
    folder = named or find_clip(model) or find_clip(STARTER_FOLDER)
    if folder is None:
        field, label = ("keep", "Keep Best") if request.keep else ("clip_guidance_scale", "CLIP Guidance")
        raise InvalidRequest(
            field,
            Sentence(
                "There is no CLIP that could judge; choose a CLIP Folder in the preferences, or set "
                "{label} to 0.",
                label=label,
            ),
        )
    check_clip(folder)
    return folder


def load_clip(folder: Path) -> tuple[CLIPModel, CLIPTokenizer]:
    """The CLIP of a folder in float32. Nothing is fetched from the network.

    Raises ModelNotFound or ModelRefused, with a sentence that names the folder.
    """
    files = check_clip(folder)
    with offline(), quiet():
        try:
            clip = CLIPModel.from_pretrained(
                folder, use_safetensors=True, dtype=torch.float32, variant=files.variant
            )
            if files.text_encoder:
                variant, _ = weight_files(files.text_encoder, "model")
                text = CLIPTextModel.from_pretrained(
                    files.text_encoder, use_safetensors=True, dtype=torch.float32, variant=variant
                )
                clip.text_model.load_state_dict(tower_of(text))
            return clip, CLIPTokenizer.from_pretrained(files.tokenizer)
        except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            if is_out_of_memory(error):
                raise
            raise ModelRefused(
                Sentence("The CLIP in {folder} cannot be loaded; download it again.", folder=folder),
                details=str(error),
            ) from error


def tower_of(encoder: CLIPTextModel) -> dict[str, torch.Tensor]:
    """The weights of a text encoder by the names that they have in a CLIP's text tower, in any version of
    transformers."""
    return {name.removeprefix(TEXT_TOWER): tensor for name, tensor in encoder.state_dict().items()}
