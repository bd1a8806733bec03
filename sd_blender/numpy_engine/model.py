# SPDX-License-Identifier: GPL-3.0-or-later
"""A model in memory: networks, tokenizer and noise schedule, from a folder in the layout of diffusers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..core.canvas import Grid
from ..core.clip_tokens import ClipTokenizer
from ..core.diffusion.latents import LatentDistribution, Values
from ..core.diffusion.level import Level
from ..core.diffusion.loop import Denoiser
from ..core.diffusion.scheduler_config import read_schedule
from ..core.errors import ModelRefused
from ..core.json_files import read_json
from ..core.latent_preview import PREVIEW_FILE, LatentPreview
from ..core.sentence import Sentence
from .autoencoder import Autoencoder
from .clip import ClipScorer
from .layers import Setting
from .prompts import TextReader
from .text_encoder import TextEncoder
from .torch_random import TorchRandom
from .unet import UNet
from .weights import Array, Weights, read_tensors

DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, ModelRefused)
"""What reading a file may end in that is not what the add-on came with."""


class Model:
    """folder: of the model. Raises ModelRefused for one that is not whole, or of another kind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            self._encoder = TextEncoder(*self._part("text_encoder", "model"))
            self.text = TextReader(ClipTokenizer.of_folder(folder / "tokenizer"), self._encoder)
            unet_weights, unet_config = self._part("unet", "diffusion_pytorch_model")
            self.unet = UNet(unet_weights, unet_config)
            self.autoencoder = Autoencoder(*self._part("vae", "diffusion_pytorch_model"))
            self.scheduler_config = read_schedule(folder)
        except DAMAGE as error:
            raise _refused(folder, error) from error
        levels = len(unet_config["block_out_channels"])
        side = self.autoencoder.side
        self.grid = Grid(latent=side, coarse=side * 2 ** (levels - 1))

    @cached_property
    def preview(self) -> LatentPreview:
        try:
            return LatentPreview.read(self._folder / PREVIEW_FILE, self.autoencoder.channels)
        except DAMAGE as error:
            raise _refused(self._folder, error) from error

    @cached_property
    def scorer(self) -> ClipScorer:
        """The CLIP that lies in the model's folder and shares its text encoder."""
        folder = self._folder / "clip"
        try:
            weights, config = self._part("clip", "model")
            preprocessing = read_json(folder / "preprocessor_config.json")
            return ClipScorer(weights, config, preprocessing, self._encoder, self.text.tokenizer)
        except DAMAGE as error:
            raise _refused(folder, error) from error

    def _part(self, name: str, stem: str) -> tuple[Weights, dict[str, Any]]:
        config = read_json(self._folder / name / "config.json")
        return Weights(read_tensors(self._folder / name / f"{stem}.safetensors")), config

    def denoiser(self, setting: Setting) -> Denoiser:
        """The U-Net as the loop asks it, of one picture at a time."""

        def ask(x: Array, level: Level, texts: Sequence[Array], inputs: Mapping[str, Any]) -> list[Array]:
            return [self.unet(x[0], level.timestep, text, setting)[None] for text in texts]

        return ask

    def encode(self, values: Values, setting: Setting) -> LatentDistribution:
        picture = np.ascontiguousarray(values.transpose(2, 0, 1))
        mean, deviation = self.autoencoder.encode(picture, setting)
        return LatentDistribution(mean[None], deviation[None])


class Noise:
    """Of a unit normal distribution for one picture, (1, C, h, w), by a generator of its own."""

    def __init__(self, seed: int, shape: tuple[int, int, int]) -> None:
        self._random = TorchRandom(seed)
        self._shape = shape

    def __call__(self) -> Array:
        return self._random.normal(1, *self._shape)


def _refused(folder: Path, error: Exception) -> ModelRefused:
    return ModelRefused(
        Sentence(
            "The model in {folder} cannot be loaded; install the add-on again, or press Install Engine for another "
            "model.",
            folder=folder,
        ),
        details=f"{type(error).__name__}: {error}",
    )
