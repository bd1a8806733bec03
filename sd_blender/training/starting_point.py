# SPDX-License-Identifier: GPL-3.0-or-later
"""An exported model as the place to go on from, when the checkpoints it came from are gone.

Its weights are averaged and in half precision, and the optimizer's memory is lost: training begins with a new warm-up.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from ..core.known_models import write_checksums
from .export import save_text_encoder


@dataclass(frozen=True)
class StartingPoint:
    """folder: of an exported model. Its text encoder is its CLIP's text tower and stays as it is."""

    folder: Path

    @cached_property
    def tokenizer(self) -> CLIPTokenizer:
        return CLIPTokenizer.from_pretrained(self.folder / "tokenizer")

    @property
    def text_encoder(self) -> CLIPTextModel:
        return CLIPTextModel.from_pretrained(self.folder / "text_encoder").float()

    @property
    def scale(self) -> float:
        """The scaling factor that its denoiser knows; latents of other textures would give a slightly different one."""
        return AutoencoderKL.load_config(self.folder / "vae")["scaling_factor"]

    @property
    def unet(self) -> UNet2DConditionModel:
        return UNet2DConditionModel.from_pretrained(self.folder / "unet", use_safetensors=True)

    def copy_with_words(self, encoder: CLIPTextModel, output: Path) -> None:
        """The whole model with another text encoder; a CLIP that has no text tower of its own reads it too."""
        if output.resolve() != self.folder.resolve():
            shutil.copytree(self.folder, output, dirs_exist_ok=True)
        save_text_encoder(encoder, output)
        write_checksums(output)

    def copy_guides(self, output: Path, guides: Sequence[str]) -> None:
        """Bring guides along: a CLIP holds for the same words, a classifier of noisy latents for the same latents."""
        for name in guides:
            if (self.folder / name).is_dir() and output.resolve() != self.folder.resolve():
                shutil.copytree(self.folder / name, output / name, dirs_exist_ok=True)
        write_checksums(output)
