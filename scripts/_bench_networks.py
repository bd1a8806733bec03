# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of the real size of Stable Diffusion 1.5, as the engine runs them and as diffusers' documentation does.

The weights are random, of the variance 1 / fan-in that keeps numbers at their size from layer to layer; what is
computed costs the same, and its error is that of the arithmetic.
"""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from _bench_table import Row, compare
from diffusers import AutoencoderKL, UNet2DConditionModel

from sd_blender.core.request import Tiling
from sd_blender.engine.families import STABLE_DIFFUSION
from sd_blender.engine.model_files import ModelFiles
from sd_blender.engine.precision import Choice, Precision, keep_float32_outside
from sd_blender.engine.processor_probe import bfloat16_units
from sd_blender.engine.tiling import tiled

U_NET = {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8}
AUTOENCODER = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "sample_size": 512,
}
LIMITS = {"": (0.0, 0.0), "avx512_bf16": (1 / 1.65, 1 / 2.0), "amx": (1 / 4, 1 / 4.5)}
"""Of ours over plain, of U-Net and decoder, by the units of the processor; without any there is none to hold."""
SEAMLESS_LIMIT = 1.10


@torch.no_grad()
def network_rows(side: int, rounds: int) -> Iterator[Row]:
    """A step with guidance, a decoded picture, and both seamless, at ``side`` px on the processor."""
    torch.manual_seed(0)
    plain_unet, plain_vae = scaled(UNet2DConditionModel(**U_NET)), scaled(AutoencoderKL(**AUTOENCODER))
    unet, vae = copy.deepcopy(plain_unet), copy.deepcopy(plain_vae)
    choices = chosen(unet, vae)
    for name, network in (("unet", unet), ("vae", vae)):
        network.to(choices[name].dtype, memory_format=choices[name].layout)
    keep_float32_outside(unet, vae)
    cells = side // 8
    latents, text = torch.randn(2, 4, cells, cells), torch.randn(2, 77, 768)

    def predict(network: UNet2DConditionModel) -> torch.Tensor:
        return network(latents, torch.tensor(500), encoder_hidden_states=text, return_dict=False)[0]

    def decode(network: AutoencoderKL) -> torch.Tensor:
        return network.decode(latents[:1], return_dict=False)[0]

    limits = LIMITS["amx" if "amx" in bfloat16_units() else bfloat16_units()]
    for what, how, ours, theirs, limit in (
        (
            "a step with guidance",
            choices["unet"],
            lambda: predict(unet),
            lambda: predict(plain_unet),
            limits[0],
        ),
        ("a picture decoded", choices["vae"], lambda: decode(vae), lambda: decode(plain_vae), limits[1]),
    ):
        yield compare(told(what, side, how, ours, theirs), "plain diffusers", ours, theirs, rounds, limit)

    def both() -> None:
        predict(unet)
        decode(vae)

    def seamless() -> None:
        with tiled(Tiling.BOTH, unet, vae):
            both()

    yield compare(
        f"a step and a picture decoded, seamless, {side} px", "not so", seamless, both, rounds, SEAMLESS_LIMIT
    )


def told(what: str, side: int, how: Choice, ours: Callable, theirs: Callable) -> str:
    """What a row is called, with how far ours is from plain."""
    expected = theirs()
    error = float((ours() - expected).norm() / expected.norm())
    precision = str(how.dtype).removeprefix("torch.")
    return f"{what}, Stable Diffusion 1.5, {side} px, {precision}, relative error {error:.1e}"


def scaled(network: torch.nn.Module) -> torch.nn.Module:
    """``network`` with normal weights of variance 1 / fan-in; norms and biases as they are made: 1 and 0."""
    for name, weight in network.named_parameters():
        if weight.ndim > 1:
            weight.normal_(std=weight[0].numel() ** -0.5)
        elif name.endswith("bias"):
            weight.zero_()
    return network.eval().requires_grad_(False)


def chosen(unet: UNet2DConditionModel, vae: AutoencoderKL) -> dict[str, Choice]:
    """How the engine would run them here."""
    networks = {"unet": unet, "vae": vae}
    parameters = {name: sum(w.numel() for w in network.parameters()) for name, network in networks.items()}
    with tempfile.TemporaryDirectory() as folder:
        for name, network in networks.items():
            Path(folder, name).mkdir()
            config = {"block_out_channels": list(network.config.block_out_channels)}
            Path(folder, name, "config.json").write_text(json.dumps(config))
        files = ModelFiles(Path(folder), STABLE_DIFFUSION, "", 4, 4, {}, (), parameters, False)
        precision = Precision(torch.device("cpu"), None)
        return {name: precision.of(files, name) for name in networks}
