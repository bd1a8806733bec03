# SPDX-License-Identifier: GPL-3.0-or-later
"""LoRAs and embeddings with random weights for a model of any shapes, in the spellings of other programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from sd_blender.engine.lora.apply import MergedLoras

RANK, ALPHA = 3, 1.5
LINEAR = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "ff.net.0.proj", "ff.net.2")
CONVOLUTIONS = ("conv1", "conv2", "time_emb_proj")


def random_changes(
    network: nn.Module, layers: tuple[str, ...], seed: int = 0
) -> dict[str, tuple[Tensor, Tensor]]:
    """A and B by the name of the module, strong enough to be seen."""
    generator = torch.Generator().manual_seed(seed)
    changes = {}
    for name, module in network.named_modules():
        if not name.endswith(layers) or not isinstance(module, nn.Linear | nn.Conv2d):
            continue
        weight = module.weight
        down = torch.randn(RANK, *weight.shape[1:], generator=generator) / weight[0].numel() ** 0.5
        up = torch.randn(len(weight), RANK, *[1] * (weight.ndim - 2), generator=generator) / RANK**0.5
        changes[name] = (down, up)
    return changes


def save_kohya(path: Path, unet: dict, text: dict | None = None, alpha: float | None = ALPHA) -> Path:
    tensors = {}
    for prefix, changes in (("lora_unet_", unet), ("lora_te_text_model_", text or {})):
        for name, (down, up) in changes.items():
            base = prefix + name.removeprefix("text_model.").replace(".", "_")
            tensors |= {f"{base}.lora_down.weight": down, f"{base}.lora_up.weight": up}
            if alpha is not None:
                tensors[f"{base}.alpha"] = torch.tensor(alpha)
    save_file(tensors, path)
    return path


def save_diffusers(path: Path, unet: dict, scale: float = 1.0) -> Path:
    """As diffusers saves it now; the scale is in B, since this form has none of its own."""
    tensors = {}
    for name, (down, up) in unet.items():
        tensors |= {f"unet.{name}.lora_A.weight": down, f"unet.{name}.lora_B.weight": up * scale}
    save_file(tensors, path)
    return path


@contextmanager
def adapted(loras, networks) -> Iterator[None]:
    """Inside, the networks compute with the LoRAs, each with its weight; then as before."""
    merged = MergedLoras()
    try:
        merged.change_to("these", loras, networks)
        yield
    finally:
        merged.put_back()
