# SPDX-License-Identifier: GPL-3.0-or-later
"""LoRA files: which layers of a model they change and how, from their headers alone.

Every tensor of a file is one of a layer, one of a word that it brings with it, or strange, which is told. Nothing here
loads a tensor or imports torch, so that a LoRA of another model is refused at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import ModelNotFound, ModelRefused
from ...core.sentence import Sentence
from ...core.tensor_header import bundled_word, told_of
from ..families import FAMILIES, TEXT_ENCODER
from ..weights_file import Shapes, read_shapes
from .kinds import KINDS, Shape, Size, kinds_in, size_of
from .names import place_of
from .others import refuse_others, refuse_without_layers
from .strength import Strengths, read_strengths

_ENCODERS = {key: name for family in FAMILIES for name, key in family.embedding_keys.items()}
_ONLY_XL = ("lora_te1_", "lora_te2_", "text_encoder_2.")


@dataclass(frozen=True)
class LoraLayer:
    """One layer: the keys of its tensors in the file and their shapes, by role.

    size: outputs and inputs of the change of its weight, None where its bias alone is changed.
    """

    keys: Mapping[str, str]
    shapes: Mapping[str, Shape]
    size: Size | None

    @property
    def rank(self) -> int | None:
        """What alpha is divided by, None where alpha means nothing."""
        ranks = (KINDS[kind].rank(self.shapes) for kind in kinds_in(self.keys))
        return next((rank for rank in ranks if rank is not None), None)


@dataclass(frozen=True)
class LoraFile:
    """A file that passed the checks. layers: by network and flat name, see :func:`~.names.flat`.

    words: that it brings with it, the keys of their vectors by text encoder. strange: tensors of no known meaning.
    doubled: those whose meaning another one has, in another spelling.
    for_xl: some of the names are only those of a LoRA for Stable Diffusion XL. told: its metadata.
    """

    path: Path
    layers: dict[tuple[str, str], LoraLayer]
    words: dict[str, dict[str, str]]
    strange: tuple[str, ...]
    for_xl: bool
    told: dict[str, str]
    strengths: Strengths
    doubled: tuple[str, ...] = ()


def read_lora(path: Path, layers_per_block: int = 2) -> LoraFile:
    """The layers that a file changes, of a U-Net with so many layers in each block.

    Raises ModelNotFound or ModelRefused with a sentence that names the file.
    """
    if not path.is_file():
        raise ModelNotFound(
            Sentence("There is no LoRA at {path}; choose another one or put it back there.", path=path)
        )
    shapes = read_shapes(path)
    refuse_others(path, shapes)
    found: dict[tuple[str, str], dict[str, str]] = {}
    words: dict[str, dict[str, str]] = {}
    strange, doubled = [], []
    for key in shapes:
        place, word = place_of(key, layers_per_block), bundled_word(key)
        if word is not None:
            words.setdefault(word[0], {})[_ENCODERS.get(word[1], TEXT_ENCODER)] = key
        elif place is None:
            strange.append(key)
        elif place.role in (keys := found.setdefault((place.network, place.layer), {})):
            doubled.append(key)  # it would be lost behind the first
        else:
            keys[place.role] = key
    strange += [keys.pop("alpha") for keys in found.values() if keys.keys() == {"alpha"}]
    layers = {place: _layer(path, place[1], keys, shapes) for place, keys in found.items() if keys}
    if not layers:
        refuse_without_layers(path, shapes)
    told = told_of(path)
    for_xl = any(key.startswith(_ONLY_XL) for key in shapes)
    strengths = read_strengths(path, told)
    return LoraFile(path, layers, words, tuple(strange), for_xl, told, strengths, tuple(doubled))


def _layer(path: Path, name: str, keys: Mapping[str, str], shapes: Shapes) -> LoraLayer:
    own = {role: shapes[key] for role, key in keys.items()}
    changes_weight = bool(kinds_in(keys))
    size = size_of(own) if changes_weight else None
    lengths = keys.keys() & {"magnitude", "dora_scale"}
    complete = (
        (size is not None and 0 not in size if changes_weight else keys.keys() <= {"diff_b", "alpha"})
        and (not lengths or changes_weight)
        and len(lengths) < 2
        and ("up_bias" not in keys or "up" in keys)
        and math.prod(own.get("alpha", ())) == 1
    )
    if not complete:
        raise ModelRefused(
            Sentence("{path} is damaged at {name}; download the LoRA again.", path=path, name=name)
        )
    return LoraLayer(keys, own, size)
