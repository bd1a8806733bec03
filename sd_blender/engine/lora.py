# SPDX-License-Identifier: GPL-3.0-or-later
"""LoRAs while pictures are made (Hu et al. 2021, arXiv:2106.09685): to what a layer gives, W x, its change is added,

    y = W x + weight (alpha / rank) B A x,

by a hook on the layer. The model's own weights are never touched, so leaving is exact and changing costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..core.errors import ModelRefused
from ..core.request import Lora
from .families import UNET
from .fingerprint import UNET_KEY, unet_fingerprint
from .json_files import read_json
from .lora_files import LoraFile, check_base, flat, read_lora
from .model_files import ModelFiles
from .weights_file import Shapes, read_shapes

Change = tuple[Tensor, Tensor, float]
"""A as (rank, ...), B as (outputs, rank, ...) and alpha / rank."""


@dataclass(frozen=True)
class LoadedLora:
    """changes: by network and flat name of the layer. lacking: layers of it that the model does not have.

    estranged: the model has other weights than those that it says it was trained on.
    """

    lora: Lora
    changes: dict[tuple[str, str], Change]
    lacking: tuple[str, ...]
    estranged: bool

    @property
    def warnings(self) -> list[str]:
        """Sentences on what it may not do."""
        name, count = Path(self.lora.path).name, len(self.lacking)
        told = []
        if self.lacking:
            told.append(
                f"The LoRA {name} changes {count} layers that this model lacks ({self.lacking[0]}), which were left "
                "out."
            )
        if self.estranged:
            told.append(
                f"The LoRA {name} was trained on other weights than this model has; train it again if it no longer "
                "works as it did."
            )
        return told


class LoraStore:
    """Keeps the LoRAs of the last request in memory, so that the next one with them starts at once."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._kept: dict[tuple[str, int, int], dict[tuple[str, str], Change]] = {}

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
        kept = {_key(file): self._kept.get(_key(file)) or self._load(file) for _, file in checked}
        self._kept = kept
        return [
            LoadedLora(lora, kept[_key(file)], names, is_estranged(file, files))
            for (lora, file), names in zip(checked, lacking, strict=True)
        ]

    def unload(self) -> None:
        self._kept = {}

    def _load(self, file: LoraFile) -> dict[tuple[str, str], Change]:
        changes = {}
        try:
            with safe_open(file.path, framework="pt") as tensors:
                for place, layer in file.layers.items():
                    down, up = (tensors.get_tensor(key).to(self._device) for key in (layer.down, layer.up))
                    alpha = float(tensors.get_tensor(layer.alpha)) if layer.alpha else float(len(down))
                    changes[place] = (down.clone(), up.clone(), alpha / len(down))
        except (OSError, SafetensorError, ValueError, RuntimeError) as error:
            raise ModelRefused(
                f"The LoRA {file.path} cannot be read; download it again.", details=str(error)
            ) from error
        return changes


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


def _key(file: LoraFile) -> tuple[str, int, int]:
    stat = file.path.stat()
    return str(file.path), stat.st_size, stat.st_mtime_ns


@contextmanager
def adapted(loras: Sequence[LoadedLora], networks: Mapping[str, nn.Module]) -> Iterator[None]:
    """Inside, the networks, by component, compute with all the ``loras``; afterwards as before."""
    handles = []
    try:
        for kind, network in networks.items():
            for name, module in network.named_modules() if loras else ():
                for loaded in loras:
                    change = loaded.changes.get((kind, flat(name)))
                    if change is not None and isinstance(module, nn.Linear | nn.Conv2d):
                        handles.append(module.register_forward_hook(_adding(change, loaded.lora.weight)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _adding(change: Change, weight: float) -> Callable[..., Tensor]:
    down, up, scale = change

    def add(module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        x = inputs[0]  # as it reaches the layer: wrapped around the edges already where the picture tiles
        # A network may be moved to another precision while it runs.
        a, b = down.to(x), up.to(x)
        if isinstance(module, nn.Conv2d):
            a = a.reshape(len(a), -1, *module.kernel_size)
            small = F.conv2d(x, a, None, module.stride, module.padding, module.dilation)
            return output + weight * scale * F.conv2d(small, b.reshape(len(b), -1, 1, 1))
        return output + weight * scale * F.linear(F.linear(x, a.flatten(1)), b.flatten(1))

    return add
