# SPDX-License-Identifier: GPL-3.0-or-later
"""LoRA files: which layers of a model they change, by the names that tools give those.

Three spellings of one layer, ``attn2.to_k`` of the first block, with the name of its two matrices A (down) and B (up):

* kohya's scripts, which AUTOMATIC1111 and ComfyUI read: dots become underscores, and a scale alpha stands beside them:
  ``lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight``, ``.lora_up.weight``,
  ``.alpha``; the text encoder's begin with ``lora_te_text_model_encoder_layers_0_``, those of the two of Stable
  Diffusion XL with ``lora_te1_`` and ``lora_te2_``, and its U-Net's may be those of :mod:`~.lora_blocks`;
* diffusers with peft: ``unet.down_blocks.0. ... .attn2.to_k.lora_A.weight``, ``.lora_B.weight``;
* diffusers before that: ``unet.down_blocks.0. ... .attn2.processor.to_k_lora.down.weight``.

Nothing here loads a tensor or imports torch, so that a LoRA of another model is refused at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import ModelNotFound, ModelRefused
from ..core.tensor_header import base_of, told_of
from .families import FAMILIES, STABLE_DIFFUSION_XL, TEXT_ENCODER_2, UNET
from .lora_blocks import diffusers_name
from .model_family import named_family
from .weights_file import Shapes, read_shapes

_PREFIXES = {
    prefix: network
    for family in FAMILIES
    for network, kohya in family.lora_prefixes.items()
    for prefix in (kohya, f"{network}.")
}
_ENDINGS = {
    ".lora_down.weight": "down",
    ".lora_up.weight": "up",
    ".lora_A.weight": "down",
    ".lora_B.weight": "up",
    ".lora.down.weight": "down",
    ".lora.up.weight": "up",
    "_lora.down.weight": "down",
    "_lora.up.weight": "up",
    ".lora_linear_layer.down.weight": "down",
    ".lora_linear_layer.up.weight": "up",
    ".alpha": "alpha",
}
_ONLY_XL = ("lora_te1_", "lora_te2_", "text_encoder_2.")
_TRANSFORMERS = (
    "lora_transformer_",
    "transformer.",
    "lora_unet_double_blocks",
    "lora_unet_joint_blocks",
    "diffusion_model.",
)
# Other ways to make a small change, by a word in their names.
_OTHER_KINDS = {
    "hada_": "a LoHa",
    "lokr_": "a LoKr",
    "oft_": "an OFT",
    "dora_scale": "a DoRA",
    "lora_magnitude_vector": "a DoRA",
    "lora_mid": "a LoCon with Tucker decomposition",
    "glora": "a GLoRA",
    "emb_params": "a textual inversion",
    "string_to_param": "a textual inversion",
}
_TEXT_WIDTH = re.compile(r"attn2[._](processor\.)?to_k$")


@dataclass(frozen=True)
class LoraLayer:
    """One layer: the keys of its tensors in the file, and what it reads and writes. alpha: "" for the rank itself."""

    down: str
    up: str
    alpha: str
    inputs: int
    outputs: int


@dataclass(frozen=True)
class LoraFile:
    """A file that passed the checks. layers: by network and flat name, see :func:`flat`. strange: names of neither.

    for_xl: some of the names are only those of a LoRA for Stable Diffusion XL. told: its metadata.
    """

    path: Path
    layers: dict[tuple[str, str], LoraLayer]
    strange: tuple[str, ...]
    for_xl: bool
    told: dict[str, str]


def flat(module: str) -> str:
    """A module's name as all spellings agree on it: kohya's, without the outer name that text encoders may have."""
    return module.removeprefix("text_model.").replace(".processor.", ".").replace(".", "_")


def read_lora(path: Path, layers_per_block: int = 2) -> LoraFile:
    """The layers that a file changes, of a U-Net with so many layers in each block.

    Raises ModelNotFound or ModelRefused with a sentence that names the file.
    """
    if not path.is_file():
        raise ModelNotFound(f"There is no LoRA at {path}; choose another one or put it back there.")
    shapes = read_shapes(path)
    _refuse_others(path, shapes)
    keys: dict[tuple[str, str], dict[str, str]] = {}
    strange = []
    for key in shapes:
        place = _place(key)
        if place is None:
            strange.append(key)
        else:
            network, module, role = place
            module = diffusers_name(module, layers_per_block) if network == UNET else module
            keys.setdefault((network, module), {})[role] = key
    layers = {
        place: _layer(path, place, found, shapes) for place, found in keys.items() if set(found) != {"alpha"}
    }
    if not layers:
        raise ModelRefused(f"{path} holds no LoRA; choose a file that was saved as one.")
    for_xl = any(key.startswith(_ONLY_XL) for key in shapes)
    return LoraFile(path, layers, tuple(strange), for_xl, told_of(path))


def check_base(lora: LoraFile, model: Path, networks: Mapping[str, Shapes]) -> tuple[str, ...]:
    """Raise ModelRefused, naming both, unless the LoRA was made for a model whose networks have such weights.

    Returns the layers of the U-Net that the model lacks, of a LoRA that fits otherwise.
    """
    width = _width(((name, (0, *shape[1:])) for name, shape in _weights(networks[UNET]).items()))
    found = _width(
        (name, (0, layer.inputs)) for (network, name), layer in lora.layers.items() if network == UNET
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
    lacking = []
    for (network, name), layer in lora.layers.items():
        shape = weights.get((network, name))
        if shape is None:
            lacking += [name] if network == UNET else []
        elif (shape[0], _product(shape[1:])) != (layer.outputs, layer.inputs):
            raise _refused(lora, model, f"a model with another {name}", named_family(width))
    changed = sum(network == UNET for network, _ in lora.layers)
    if changed and len(lacking) == changed:
        raise _refused(lora, model, "a model with other layers", named_family(width))
    return tuple(lacking)


def _refused(lora: LoraFile, model: Path, made_for: str, has: str) -> ModelRefused:
    return ModelRefused(
        f"The LoRA {lora.path.name} was made for {made_for}, and {model.name} is {has}; choose a LoRA for this model, "
        "or the model it was made for."
    )


def _refuse_others(path: Path, shapes: Shapes) -> None:
    for key in shapes:
        for word, kind in _OTHER_KINDS.items():
            if word in key:
                raise ModelRefused(f"{path} is {kind}, which cannot be used here; choose a LoRA.")
        if key.startswith(_TRANSFORMERS):
            raise ModelRefused(
                f"{path} is a LoRA for a diffusion transformer (Stable Diffusion 3, Flux or later); choose one for "
                "Stable Diffusion 1.x, 2.x or XL."
            )
    if any(key.startswith("model.diffusion_model.") for key in shapes):
        raise ModelRefused(f"{path} is a whole model and no LoRA; choose another file.")


def _place(key: str) -> tuple[str, str, str] | None:
    """Network, flat name of the module and role of a key, or None for one of no known spelling."""
    network = next((prefix for prefix in _PREFIXES if key.startswith(prefix)), None)
    ending = next((ending for ending in _ENDINGS if key.endswith(ending)), None)
    if network is None or ending is None:
        return None
    module = key.removeprefix(network).removesuffix(ending)
    if ending.startswith("_lora."):  # of the attention processors, which had no index here
        module = module.replace("to_out", "to_out.0") if module.endswith("to_out") else module
    return _PREFIXES[network], flat(module).removeprefix("text_model_"), _ENDINGS[ending]


def _layer(path: Path, place: tuple[str, str], found: dict[str, str], shapes: Shapes) -> LoraLayer:
    down, up = shapes.get(found.get("down", ""), ()), shapes.get(found.get("up", ""), ())
    if len(down) < 2 or len(up) < 2 or down[0] != up[1] or not down[0]:
        raise ModelRefused(f"{path} is damaged at {place[1]}; download the LoRA again.")
    return LoraLayer(found["down"], found["up"], found.get("alpha", ""), _product(down[1:]), up[0])


def _weights(shapes: Shapes) -> Shapes:
    return {name.removesuffix(".weight"): shape for name, shape in shapes.items() if name.endswith(".weight")}


def _width(layers: object) -> int | None:
    """Width of the text that the U-Net reads, by the first projection from text."""
    return next((shape[1] for name, shape in layers if _TEXT_WIDTH.search(name)), None)  # type: ignore[attr-defined]


def _product(sides: tuple[int, ...]) -> int:
    result = 1
    for side in sides:
        result *= side
    return result
