# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kind of model the weights are, by the names and shapes of their tensors: configurations can be mixed up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.errors import ModelRefused
from ..core.json_files import read_json
from ..core.sentence import Sentence
from .families import FAMILIES, STABLE_DIFFUSION_XL, WANTED, Family
from .weights_file import Shapes

# The width of the text that the U-Net reads.
_NAMES = {768: "Stable Diffusion 1.x", 1024: "Stable Diffusion 2.x", 2048: "Stable Diffusion XL"}
_SIZES = 6
"""Numbers that Stable Diffusion XL is told of a picture; its refiner is told five."""

_ADDED = "add_embedding.linear_1.weight"

# Of a convolution (out, in, 3, 3): whose it is, its name, the axis that is counted, and what is counted there.
_TAKEN = ("unet", "conv_in.weight", 1, "input channels")
_GIVEN = ("unet", "conv_out.weight", 0, "output channels")
_LATENT = ("vae", "decoder.conv_in.weight", 1, "latent channels")
_LABELS = {"unet": "U-Net", "vae": "autoencoder"}


def check_family(folder: Path, shapes: dict[str, Shapes], family: Family) -> tuple[int, int]:
    """Input channels of the U-Net and latent channels, once the networks are of ``family`` and fit each other.

    shapes: of the tensors of each component. Raises ModelRefused with a sentence that names both what was found and
    what was expected.
    """
    config = read_json(folder / "unet" / "config.json")
    texts = {name: read_json(folder / name / "config.json") for name in family.text_encoders}
    unet = shapes["unet"]
    _refuse_other_weights(folder / "unet", unet, family)
    taken = _agreed(folder, shapes, _TAKEN, config.get("in_channels"))
    _check_addition(folder, config, family)
    found = _text_width(unet)
    if found is not None and found != config.get("cross_attention_dim"):
        raise ModelRefused(
            Sentence(
                "The weights in {folder} are of {named_family} and their config.json is of "
                "{named_family2}; {wanted}.",
                folder=folder / "unet",
                named_family=named_family(found),
                named_family2=named_family(config.get("cross_attention_dim")),
                wanted=WANTED,
            )
        )
    given = _agreed(folder, shapes, _GIVEN, config.get("out_channels", 4))
    vae = read_json(folder / "vae" / "config.json")
    latents = _agreed(folder, shapes, _LATENT, vae.get("latent_channels", 4))
    _check_autoencoder(folder, vae, latents, family)
    _check_channels(folder, taken, given, latents)
    width, hidden = config.get("cross_attention_dim"), _sum([t.get("hidden_size") for t in texts.values()])
    if width != hidden:
        raise ModelRefused(
            Sentence(
                "In {folder} the U-Net reads text of width {width} and the text encoder writes {hidden}; "
                "they belong to different models, so download the model again.",
                folder=folder,
                width=width,
                hidden=hidden,
            )
        )
    if _ADDED in unet:
        _check_added(folder, unet, config, list(texts.values())[-1].get("projection_dim"))
    return taken, latents


def _refuse_other_weights(folder: Path, unet: Shapes, family: Family) -> None:
    """Weights that are no U-Net of this kind at all."""
    kind = None
    if any("lora" in name.lower() for name in unet):
        kind = "a LoRA, which changes a model and is none"
    elif any(name.startswith(("model.diffusion_model.", "first_stage_model.")) for name in unet):
        kind = "a whole checkpoint in one file; convert it with diffusers"
    elif any(name.startswith(("double_blocks.", "joint_blocks.", "transformer_blocks.")) for name in unet):
        kind = "a diffusion transformer (Stable Diffusion 3 or Flux)"
    elif (_ADDED in unet) != (family is STABLE_DIFFUSION_XL):
        kind = "Stable Diffusion XL" if _ADDED in unet else named_family(_text_width(unet))
    if kind is not None:
        raise ModelRefused(
            Sentence(
                "The weights in {folder} are {kind}, not the U-Net of {name}; choose another model.",
                folder=folder,
                kind=kind,
                name=family.name,
            )
        )


def _check_addition(folder: Path, config: dict[str, Any], family: Family) -> None:
    addition, classes = config.get("addition_embed_type"), config.get("class_embed_type")
    if addition in family.additions and not classes:
        return
    others = (other.name for other in FAMILIES if addition in other.additions and not classes)
    found = next(others, Sentence("a model that is told of {addition}", addition=classes or addition))
    raise ModelRefused(
        Sentence(
            "The U-Net in {folder} is of {found}, not of {name}; {wanted}.",
            folder=folder,
            found=found,
            name=family.name,
            wanted=WANTED,
        )
    )


def _check_added(folder: Path, unet: Shapes, config: dict[str, Any], pooled: object) -> None:
    """Whether the U-Net takes the pooled text and the sizes that Stable Diffusion XL has."""
    each, taken = config.get("addition_time_embed_dim"), sum(unet[_ADDED][1:])
    if taken == _sum([pooled, *[each] * (_SIZES - 1)]):
        raise ModelRefused(
            Sentence(
                "The U-Net in {folder} is that of the refiner of Stable Diffusion XL, which only "
                "finishes what another model began; choose the base model.",
                folder=folder,
            )
        )
    if taken != _sum([pooled, *[each] * _SIZES]):
        raise ModelRefused(
            Sentence(
                "In {folder} the U-Net takes {taken} numbers beside the text, and the text encoder does "
                "not fit them; they belong to different models, so download the model again.",
                folder=folder,
                taken=taken,
            )
        )


def _sum(numbers: Sequence[object]) -> int | None:
    """None unless all are numbers: configurations come from strangers."""
    return sum(numbers) if all(type(n) is int for n in numbers) else None  # type: ignore[arg-type]


def _agreed(
    folder: Path, shapes: dict[str, Shapes], counted: tuple[str, str, int, str], configured: object
) -> int:
    """How many channels the weights of a component have, which its configuration must say too."""
    component, layer, axis, what = counted
    shape, label = shapes[component].get(layer, ()), _LABELS[component]
    if len(shape) != 4:
        raise ModelRefused(
            Sentence(
                "The weights of the {label} in {folder} have no {layer}; download the model again or "
                "choose another.",
                label=label,
                folder=folder,
                layer=layer,
            )
        )
    found = shape[axis]
    if type(configured) is not int or not 0 < found == configured:
        raise ModelRefused(
            Sentence(
                "The weights in {folder} have {found} {what} and their config.json says {configured}; "
                "they are of another kind of model, so choose another.",
                folder=folder / component,
                found=found,
                what=what,
                configured=configured,
            )
        )
    return found


def _check_autoencoder(folder: Path, config: dict[str, Any], latents: int, family: Family) -> None:
    if family.latent_channels not in (None, latents):
        raise ModelRefused(
            Sentence(
                "The autoencoder in {folder} has {latents} latent channels and those of {name} have "
                "{latent_channels}; choose another model.",
                folder=folder,
                latents=latents,
                name=family.name,
                latent_channels=family.latent_channels,
            )
        )
    if config.get("latents_mean") or config.get("latents_std") or config.get("shift_factor"):
        raise ModelRefused(
            Sentence(
                "The autoencoder in {folder} moves its latents by amounts of its own, which is not known "
                "here; choose another model.",
                folder=folder,
            )
        )


def _check_channels(folder: Path, taken: int, given: int, latents: int) -> None:
    """Whether the U-Net takes the latents, alone or with a mask and a masked image beside them, and gives as many."""
    native = native_inpaint_channels(latents)
    if taken not in (latents, native) or given != latents:
        raise ModelRefused(
            Sentence(
                "The U-Net in {folder} takes {taken} channels and gives {given}; with an autoencoder of "
                "{latents} latent channels it must take {latents2}, or {native} to inpaint, and give "
                "{latents3}, so choose another model.",
                folder=folder,
                taken=taken,
                given=given,
                latents=latents,
                latents2=latents,
                native=native,
                latents3=latents,
            )
        )
    if taken == native and latents != 4:
        raise ModelRefused(
            Sentence(
                "The U-Net in {folder} takes a mask and a masked image beside {latents} latent channels, "
                "which can be run with 4 only; choose a text-to-image model, which inpaints too.",
                folder=folder,
                latents=latents,
            )
        )


def native_inpaint_channels(latents: int) -> int:
    """What a U-Net takes that was trained to inpaint: the latents, a mask, and the latents of the masked image."""
    return 2 * latents + 1


def _text_width(unet: Shapes) -> int | None:
    """Columns of the first projection from text, or None for a U-Net that reads none."""
    for name, shape in unet.items():
        if name.endswith("attn2.to_k.weight") and len(shape) == 2:
            return shape[1]
    return None


def named_family(width: object, name: str = "") -> str:
    """name: of a model that reads text of ``width``, told where its family has none."""
    family = _NAMES.get(width, name) if isinstance(width, int) else None
    return (
        Sentence("{family} (text of width {width})", family=family, width=width)
        if family
        else Sentence("a model that reads text of width {width}", width=width)
    )
