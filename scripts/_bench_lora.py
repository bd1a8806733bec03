# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks of LoRAs for scripts/bench.py, on a U-Net of the shape of Stable Diffusion 1.5 with random weights."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

import torch
from _bench_table import Row, milliseconds
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from sd_blender.engine.lora.apply import Changes, MergedLoras
from sd_blender.engine.lora.deltas import Change
from sd_blender.engine.lora.names import flat

COUNT, RANK, WEIGHT = 3, 16, 0.3
SIDE = 256
LIMIT = 1.02
LAYERS = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2")
CONVOLUTIONS = ("conv", "conv1", "conv2", "conv_shortcut", "time_emb_proj")


def lora_rows(rounds: int = 7) -> Iterator[Row]:
    """What three LoRAs cost at each step, and once where they change."""
    unet = stable_diffusion_15()
    loras = [(random_lora(unet, seed), WEIGHT) for seed in range(COUNT)]
    merged, networks = MergedLoras(), {"unet": unet}
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(2, 4, SIDE // 8, SIDE // 8, generator=generator)  # two rows: a guided step
    text = torch.randn(2, 77, 768, generator=generator)

    def call() -> Tensor:
        with torch.no_grad():
            return unet(latents, 500, text, return_dict=False)[0]

    times: dict[str, list[float]] = {name: [] for name in ("merge", "with", "back", "without")}
    plain = call()
    for _ in range(rounds + 1):
        times["merge"].append(milliseconds(lambda: merged.change_to("three", loras, networks)))
        times["with"].append(best(call))
        times["back"].append(milliseconds(merged.put_back))
        times["without"].append(best(call))
    if not torch.equal(call(), plain):
        raise RuntimeError("the weights are not what they were before")
    measured = {name: found[1:] for name, found in times.items()}  # the first round warms up
    yield _row(
        f"guided U-Net call, Stable Diffusion 1.5, {SIDE} px, {COUNT} LoRAs of rank {RANK}",
        "none",
        measured["with"],
        measured["without"],
        LIMIT,
    )
    for what, name in (("merging", "merge"), ("taking back", "back")):
        yield _row(f"{what} {COUNT} LoRAs of rank {RANK}", "such a call", measured[name], measured["without"])


def best(call: Callable[[], object], times: int = 4) -> float:
    """Milliseconds. The first call after the weights were changed finds other memory than the next ones do."""
    return min(milliseconds(call) for _ in range(times))


def _row(what: str, other: str, ours: list[float], theirs: list[float], limit: float = 0.0) -> Row:
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    a, b = statistics.median(ours), statistics.median(theirs)
    bound = {"limit": f"ratio at most {limit}", "within": ratio <= limit} if limit else {}
    return Row(what, other, round(a, 2), round(b, 2), round(ratio, 4), len(ours), **bound)


def stable_diffusion_15() -> UNet2DConditionModel:
    """The shape is that of its configuration; weights are normal, scaled by their fan-in."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            sample_size=64,
            cross_attention_dim=768,
            attention_head_dim=8,
            block_out_channels=(320, 640, 1280, 1280),
        )
    unet = unet.to_empty(device="cpu").eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for module in unet.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.weight.normal_(std=module.weight[0].numel() ** -0.5, generator=generator)
        elif isinstance(module, nn.GroupNorm | nn.LayerNorm):
            module.weight.fill_(1.0)
        if getattr(module, "bias", None) is not None:
            module.bias.zero_()
    return unet


def random_lora(unet: nn.Module, seed: int) -> Changes:
    """Of all layers of attention, feed-forward and convolution."""
    generator = torch.Generator().manual_seed(seed)
    changes = {}
    for name, module in unet.named_modules():
        if name.endswith((*LAYERS, *CONVOLUTIONS)) and isinstance(module, nn.Linear | nn.Conv2d):
            weight = module.weight
            down = torch.randn(RANK, *weight.shape[1:], generator=generator) * weight[0].numel() ** -0.5
            up = torch.randn(len(weight), RANK, *[1] * (weight.ndim - 2), generator=generator)
            changes[("unet", flat(name))] = Change({"down": down, "up": up}, 1 / RANK)
    return changes
