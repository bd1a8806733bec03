# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a LoRA was made for a model, by the shapes of the weights of both. Nothing here imports torch."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ...core.errors import ModelRefused
from ...core.sentence import Sentence
from ...core.tensor_header import base_of
from ..families import STABLE_DIFFUSION_XL, TEXT_ENCODER_2, UNET
from ..model_family import named_family
from ..weights_file import Shapes
from .files import LoraFile, LoraLayer
from .kinds import Shape
from .names import flat

_TEXT_WIDTH = re.compile(r"attn2[._](processor\.)?to_k$")
_TABLES = "embeddings_"
"""Of a text encoder: they have no bias, whatever a file says."""


def check_base(lora: LoraFile, model: Path, networks: Mapping[str, Shapes]) -> tuple[str, ...]:
    """Raise ModelRefused, naming both, unless the LoRA was made for a model whose networks have such weights.

    Returns the layers that the model lacks, of a LoRA that fits otherwise.
    """
    width = _width((name, shape[-1]) for name, shape in _weights(networks[UNET]).items())
    found = _width(
        (name, layer.size[1])
        for (network, name), layer in lora.layers.items()
        if network == UNET and layer.size
    )
    if found != width and found is not None:
        raise _refused(lora, model, named_family(found, base_of(lora.told)), named_family(width))
    if lora.for_xl and TEXT_ENCODER_2 not in networks:
        raise _refused(lora, model, STABLE_DIFFUSION_XL.name, named_family(width))
    weights = {
        (network, flat(name)): shape
        for network, shapes in networks.items()
        for name, shape in _weights(shapes).items()
    }
    lacking = [place for place in lora.layers if place not in weights]
    for place, layer in lora.layers.items():
        if place in weights and not _fits(place[1], layer, weights[place]):
            raise _refused(
                lora, model, Sentence("a model with another {name}", name=place[1]), named_family(width)
            )
    of_unet = [place for place in lora.layers if place[0] == UNET]
    if len(lacking) == len(lora.layers) or (of_unet and set(of_unet) <= set(lacking)):
        raise _refused(lora, model, "a model with other layers", named_family(width))
    return tuple(name for _, name in lacking)


def _fits(name: str, layer: LoraLayer, weight: Shape) -> bool:
    """Whether the layer's tensors can be added to those of a layer of the model with a weight of this shape."""
    sizes = {role: math.prod(shape) for role, shape in layer.shapes.items()}
    lengths = {weight[0]} if "magnitude" in sizes else set(weight[:2])
    return (
        layer.size in (None, (weight[0], math.prod(weight[1:])))
        and all(sizes[role] in lengths for role in ("magnitude", "dora_scale") if role in sizes)
        and all(
            sizes[role] == weight[0] and not name.startswith(_TABLES)
            for role in ("diff_b", "up_bias")
            if role in sizes
        )
    )


def _refused(lora: LoraFile, model: Path, made_for: str, has: str) -> ModelRefused:
    return ModelRefused(
        Sentence(
            "The LoRA {name} was made for {made_for}, and {name2} is {has}; choose a LoRA for this "
            "model, or the model it was made for.",
            name=lora.path.name,
            made_for=made_for,
            name2=model.name,
            has=has,
        )
    )


def _weights(shapes: Shapes) -> Shapes:
    return {
        name.removesuffix(".weight"): shape
        for name, shape in shapes.items()
        if name.endswith(".weight") and shape
    }


def _width(layers: Iterable[tuple[str, int]]) -> int | None:
    """Width of the text that the U-Net reads, by the first projection from text."""
    return next((inputs for name, inputs in layers if _TEXT_WIDTH.search(name)), None)
