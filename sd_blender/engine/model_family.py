# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kind of model the weights are, by the names and shapes of their tensors: configurations can be mixed up."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import ModelRefused
from .json_files import read_json
from .weights_file import Shapes

# The width of the text that the U-Net reads.
_FAMILIES = {768: "Stable Diffusion 1.x", 1024: "Stable Diffusion 2.x", 2048: "Stable Diffusion XL"}
_WANTED = "choose a Stable Diffusion 1.x or 2.x model"


def check_family(folder: Path, shapes: dict[str, Shapes]) -> int:
    """Input channels of the U-Net (4 or 9), once the three networks are known to fit each other.

    shapes: of the tensors of each component. Raises ModelRefused with a sentence that names both what was found and
    what was expected.
    """
    config = read_json(folder / "unet" / "config.json")
    text = read_json(folder / "text_encoder" / "config.json")
    vae = read_json(folder / "vae" / "config.json")
    unet = shapes["unet"]
    _refuse_other_weights(folder / "unet", unet)
    channels = _input_channels(folder, unet, config.get("in_channels"))
    # "text" is made from the prompt by the U-Net itself; the others want what only the SDXL pipelines hand over.
    if config.get("addition_embed_type") not in (None, "text") or config.get("class_embed_type"):
        raise ModelRefused(f"{folder} is of the SDXL family; {_WANTED}.")
    found = _text_width(unet)
    if found is not None and found != config.get("cross_attention_dim"):
        raise ModelRefused(
            f"The weights in {folder / 'unet'} are of {named_family(found)} and their config.json is of "
            f"{named_family(config.get('cross_attention_dim'))}; {_WANTED}."
        )
    _check_autoencoder(folder, shapes["vae"], vae.get("latent_channels", 4))
    width, hidden = config.get("cross_attention_dim"), text.get("hidden_size")
    if width != hidden:
        raise ModelRefused(
            f"In {folder} the U-Net reads text of width {width} and the text encoder writes {hidden}; they belong "
            "to different models, so download the model again."
        )
    return channels


def _refuse_other_weights(folder: Path, unet: Shapes) -> None:
    """Weights that are no U-Net of this kind at all."""
    kind = None
    if any("lora" in name.lower() for name in unet):
        kind = "a LoRA, which changes a model and is none"
    elif any(name.startswith(("model.diffusion_model.", "first_stage_model.")) for name in unet):
        kind = "a whole checkpoint in one file; convert it with diffusers"
    elif any(name.startswith(("double_blocks.", "joint_blocks.", "transformer_blocks.")) for name in unet):
        kind = "a diffusion transformer (Stable Diffusion 3 or Flux)"
    elif "add_embedding.linear_1.weight" in unet and _text_width(unet) == 2048:
        kind = "Stable Diffusion XL"
    if kind is not None:
        raise ModelRefused(
            f"The weights in {folder} are {kind}, not the U-Net of Stable Diffusion 1.x or 2.x; choose another model."
        )


def _input_channels(folder: Path, unet: Shapes, configured: object) -> int:
    first = unet.get("conv_in.weight", ())
    if len(first) != 4 or first[1] != configured:
        found = f"{first[1]} input channels" if len(first) == 4 else "no first layer"
        raise ModelRefused(
            f"The weights in {folder / 'unet'} have {found} and their config.json says {configured}; they are of "
            "another kind of model, so choose another."
        )
    if first[1] not in (4, 9):
        raise ModelRefused(
            f"The U-Net in {folder} takes {first[1]} channels; choose a text-to-image model (4) or an inpaint "
            "model (9)."
        )
    return int(first[1])


def _check_autoencoder(folder: Path, vae: Shapes, configured: object) -> None:
    first = vae.get("decoder.conv_in.weight", ())
    found = first[1] if len(first) == 4 else configured
    if found != 4 or configured != 4:
        wrong = found if found != 4 else configured
        raise ModelRefused(
            f"The autoencoder in {folder} has {wrong} latent channels and Stable Diffusion 1.x and 2.x have 4; "
            "choose another model."
        )


def _text_width(unet: Shapes) -> int | None:
    """Columns of the first projection from text, or None for a U-Net that reads none."""
    for name, shape in unet.items():
        if name.endswith("attn2.to_k.weight") and len(shape) == 2:
            return shape[1]
    return None


def named_family(width: object) -> str:
    family = _FAMILIES.get(width) if isinstance(width, int) else None
    return f"{family} (text of width {width})" if family else f"a model that reads text of width {width}"
