# SPDX-License-Identifier: GPL-3.0-or-later
"""The LoRAs of a request: read and checked before their model is loaded, and kept until others are wanted."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ...core.errors import ModelRefused
from ...core.json_files import read_json
from ...core.request import Lora
from ...core.sentence import Sentence
from ..embeddings import Word
from ..families import UNET
from ..fingerprint import UNET_KEY, unet_fingerprint
from ..guards import is_out_of_memory
from ..model_files import ModelFiles
from ..weights_file import Shapes, read_shapes
from .apply import Changes
from .deltas import Change
from .files import LoraFile, LoraLayer, read_lora
from .fit import check_base
from .words import read_bundled


@dataclass(frozen=True)
class LoadedLora:
    """key: equal for the same file. changes: by network and flat name of the layer. lacking: layers of it that the
    model does not have.

    words: that it brings with it. unfit: those of them that the model cannot read. estranged: the model has other
    weights than those that it says it was trained on.
    """

    lora: Lora
    file: LoraFile
    key: Hashable
    changes: Changes
    lacking: tuple[str, ...]
    words: tuple[Word, ...]
    unfit: tuple[str, ...]
    estranged: bool

    @property
    def warnings(self) -> list[str]:
        """Sentences on what it may not do."""
        name = Path(self.lora.path).name
        told = [
            Sentence(sentence, name=name, count=len(items), example=items[0])
            for sentence, items in (
                (_LACKING, self.lacking),
                (_STRANGE, self.file.strange),
                (_DOUBLED, self.file.doubled),
                (_UNFIT, self.unfit),
                (_UNREAD, self.file.strengths.unread),
            )
            if items
        ]
        if self.estranged:
            told.append(
                Sentence(
                    "The LoRA {name} was trained on other weights than this model has; train it again if it "
                    "no longer works as it did.",
                    name=name,
                )
            )
        return told


_LACKING = "The LoRA {name} changes {count} layers that this model lacks ({example}), which were left out."
_STRANGE = "The LoRA {name} holds {count} tensors of no known meaning ({example}), which were left out."
_DOUBLED = (
    "The LoRA {name} holds {count} tensors for layers that others of it change already ({example}), which were left "
    "out."
)
_UNFIT = "The LoRA {name} brings {count} words for another text encoder ({example}), which were left out."
_UNREAD = (
    "The LoRA {name} tells its strength in {count} ways that are not known here ({example}); if it is too strong or "
    "too weak, change its weight."
)


class LoraStore:
    """Keeps the LoRAs of the last request in memory, so that the next one with them starts at once."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._kept: dict[Hashable, Changes] = {}

    def get(self, loras: Sequence[Lora], files: ModelFiles) -> list[LoadedLora]:
        """Load what is to be used with the model of ``files``, of which only headers are read: call it before loading.

        Raises ModelNotFound or ModelRefused with a sentence that names the LoRA.
        """
        wanted = [lora for lora in loras if lora.weight != 0]
        if not wanted:
            self.unload()
            return []
        networks, layers = network_shapes(files), layers_per_block(files)
        checked = [(lora, read_lora(Path(lora.path).expanduser(), layers)) for lora in wanted]
        lacking = [check_base(file, files.folder, networks) for _, file in checked]
        keys = [_key(file) for _, file in checked]
        self._kept = {
            key: self._kept.get(key) or self._load(file) for key, (_, file) in zip(keys, checked, strict=True)
        }
        widths = text_widths(files)
        loaded = []
        for (lora, file), key, names in zip(checked, keys, lacking, strict=True):
            words, unfit = read_bundled(file, widths)
            estranged = is_estranged(file, files)
            loaded.append(
                LoadedLora(lora, file, key, self._kept[key], names, tuple(words), tuple(unfit), estranged)
            )
        return loaded

    def unload(self) -> None:
        self._kept = {}

    def _load(self, file: LoraFile) -> Changes:
        try:
            with safe_open(file.path, framework="pt") as tensors:
                read = {
                    place: {role: tensors.get_tensor(key).clone() for role, key in layer.keys.items()}
                    for place, layer in file.layers.items()
                }
        except (OSError, SafetensorError, ValueError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise
            raise ModelRefused(
                Sentence("The LoRA {path} cannot be read; download it again.", path=file.path),
                details=str(error),
            ) from error
        _refuse_no_numbers(file, read)
        return {place: self._change(file, place, file.layers[place], own) for place, own in read.items()}

    def _change(
        self, file: LoraFile, place: tuple[str, str], layer: LoraLayer, tensors: dict[str, Tensor]
    ) -> Change:
        alpha = tensors.pop("alpha", None)
        scale = file.strengths.scale(*place, layer.rank, None if alpha is None else float(alpha))
        change = Change(tensors, scale)
        if not change.is_low_rank:  # merged once, and as large as the model where it is a full difference
            return change
        return Change({role: tensor.to(self._device) for role, tensor in tensors.items()}, scale)


def _refuse_no_numbers(file: LoraFile, read: Mapping[tuple[str, str], Mapping[str, Tensor]]) -> None:
    """Raise ModelRefused where a tensor holds NaN or infinity, of which every picture would become black."""
    spoilt = [
        file.layers[place].keys[role]
        for place, tensors in read.items()
        for role, tensor in tensors.items()
        if not bool(tensor.float().isfinite().all())
    ]
    if spoilt:
        raise ModelRefused(
            Sentence(
                "The LoRA {path} is damaged: {spoilt} of its tensors hold values that are no numbers "
                "({spoilt2}); download it again, or train it again at a lower learning rate.",
                path=file.path,
                spoilt=len(spoilt),
                spoilt2=spoilt[0],
            )
        )


def is_estranged(file: LoraFile, files: ModelFiles) -> bool:
    """Whether it tells the weights that it was trained on, and the model of ``files`` has others."""
    told = file.told.get(UNET_KEY)
    try:
        return told is not None and told != unet_fingerprint(files)
    except OSError:
        return False  # the loading of the model says it better


def network_shapes(files: ModelFiles) -> dict[str, Shapes]:
    """The shapes of the weights of the networks that a LoRA may change, from the headers of their files."""
    shapes: dict[str, Shapes] = {name: {} for name in files.family.lora_prefixes}
    for path in files.weights:
        if path.parent.name in shapes:
            shapes[path.parent.name].update(read_shapes(path))
    return shapes


def layers_per_block(files: ModelFiles) -> int:
    """Of the U-Net: some LoRAs number its layers throughout. 2 in every Stable Diffusion."""
    layers = read_json(files.folder / UNET / "config.json").get("layers_per_block", 2)
    return layers if type(layers) is int and layers > 0 else 2


def text_widths(files: ModelFiles) -> dict[str, int]:
    """Of the vectors that a word is to its text encoders, by component."""
    return {
        name: read_json(files.folder / name / "config.json").get("hidden_size", 0)
        for name in files.family.text_encoders
    }


def _key(file: LoraFile) -> Hashable:
    stat = file.path.stat()
    return str(file.path), stat.st_size, stat.st_mtime_ns, file.strengths
