# SPDX-License-Identifier: GPL-3.0-or-later
"""CLIP score and best of N: how well pictures fit a prompt, or look like a reference picture.

A CLIP model (Radford et al. 2021, arXiv:2103.00020) gives pictures and texts vectors of one space. The score is the
cosine between two of them, -1 .. 1: of a picture and the prompt (CLIP score; Hessel et al. 2021, arXiv:2104.08718), or
of a picture and a reference. What is a high score differs from model to model, and between the two kinds; within one
model and one prompt it ranks. Any transformers CLIP folder will do; the starter model brings a small one that knows
textures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from transformers import CLIPModel, CLIPTokenizer

from ..core.attention import parse_attention
from ..core.errors import InvalidRequest, ModelRefused
from ..core.json_files import read_json
from ..core.sentence import Sentence
from .clip_files import load_clip

_BATCH = 16
_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""What OpenAI's CLIP expects, and transformers supposes where preprocessor_config.json says nothing."""


@dataclass(frozen=True)
class PictureInput:
    """size: pixels per side. mean, std: subtracted from and divided into values of 0 .. 1, per channel."""

    size: int
    mean: tuple[float, ...] = _MEAN
    std: tuple[float, ...] = _STD

    @classmethod
    def of_folder(cls, folder: Path, size: int) -> PictureInput:
        """What the folder's preprocessor_config.json says; that file may be missing."""
        file = folder / "preprocessor_config.json"
        config = read_json(file) if file.is_file() else {}
        mean, std = config.get("image_mean", _MEAN), config.get("image_std", _STD)
        if not (_three_numbers(mean) and _three_numbers(std) and all(std)):
            raise ModelRefused(
                Sentence(
                    "{file} has no usable image_mean and image_std; download the model again.", file=file
                )
            )
        return cls(size, tuple(mean), tuple(std))

    def __call__(self, pictures: Tensor) -> Tensor:
        """N x 3 x H x W in 0 .. 1 to N x 3 x size x size: the shorter side resized, the middle kept. Differentiable."""
        height, width = pictures.shape[-2:]
        scale = self.size / min(height, width)
        target = max(self.size, int(height * scale)), max(self.size, int(width * scale))
        if target != (height, width):
            pictures = F.interpolate(pictures, target, mode="bicubic", antialias=True).clamp(0, 1)
        top, left = (target[0] - self.size) // 2, (target[1] - self.size) // 2
        pictures = pictures[..., top : top + self.size, left : left + self.size]
        mean, std = (torch.tensor(x).view(3, 1, 1).to(pictures) for x in (self.mean, self.std))
        return (pictures - mean) / std


@dataclass(frozen=True)
class ClipScorer:
    """A CLIP in memory. All vectors have length 1, so that their products are cosines."""

    clip: CLIPModel
    tokenizer: CLIPTokenizer
    picture_input: PictureInput

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> ClipScorer:
        """Of a folder that :mod:`~.clip_files` knows, in float32. Raises ModelNotFound or ModelRefused."""
        clip, tokenizer = load_clip(folder)
        clip.to(device).eval().requires_grad_(False)
        picture_input = PictureInput.of_folder(folder, clip.config.vision_config.image_size)
        return cls(clip, tokenizer, picture_input)

    def text_vectors(self, prompts: Sequence[str]) -> Tensor:
        """N x d. Weights such as (word:1.2) are left out; of a prompt over 77 tokens only the beginning is compared."""
        plain = ["".join(text for text, _ in parse_attention(prompt)) for prompt in prompts]
        limit = self.clip.config.text_config.max_position_embeddings
        tokens = self.tokenizer(
            plain, padding="max_length", truncation=True, max_length=limit, return_tensors="pt"
        ).input_ids
        with torch.no_grad():
            states = self.clip.text_model(input_ids=tokens.to(self.clip.device)).pooler_output
            return F.normalize(self.clip.text_projection(states), dim=-1)

    def picture_vectors(self, pictures: Tensor) -> Tensor:
        """N x 3 x H x W in 0 .. 1 to N x d; gradients pass, for guidance by CLIP."""
        states = self.clip.vision_model(pixel_values=self.picture_input(pictures)).pooler_output
        return F.normalize(self.clip.visual_projection(states), dim=-1)

    @torch.no_grad()
    def pixel_vectors(self, pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
        """Pictures of any sizes, H x W x 3 or 4 uint8, to N x d. Transparency is left out."""
        rows = []
        for start in range(0, len(pictures), _BATCH):
            prepared = [
                self.picture_input(_to_tensor(p, self.clip)) for p in pictures[start : start + _BATCH]
            ]
            states = self.clip.vision_model(pixel_values=torch.cat(prepared)).pooler_output
            rows.append(F.normalize(self.clip.visual_projection(states), dim=-1))
        return torch.cat(rows)

    def scores(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        prompt: str | None = None,
        reference: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.float32]:
        """How well each of N pictures fits the prompt or the reference, N cosines; with both, the mean of the two.

        Raises InvalidRequest where there is nothing to compare or nothing to compare with.
        """
        wanted = []
        if prompt and prompt.strip():
            wanted.append(self.text_vectors([prompt]))
        if reference is not None:
            wanted.append(self.pixel_vectors([reference]))
        if not wanted:
            raise InvalidRequest("prompt", "Ranking needs a prompt or a reference image; give one of them.")
        if not len(pictures):
            raise InvalidRequest("pictures", "There are no images to rank; make some first.")
        cosines = self.pixel_vectors(pictures) @ torch.cat(wanted).T
        return cosines.mean(1).cpu().numpy()


def best_of(scores: Sequence[float] | NDArray[np.floating], keep: int) -> list[int]:
    """The places of the `keep` highest scores, best first; of equals the earlier one."""
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    return [int(i) for i in order[: max(0, keep)]]


def _three_numbers(value: Any) -> bool:
    return (
        isinstance(value, list | tuple) and len(value) == 3 and all(isinstance(x, int | float) for x in value)
    )


def _to_tensor(picture: NDArray[np.uint8], clip: CLIPModel) -> Tensor:
    pixels = torch.from_numpy(np.ascontiguousarray(picture[..., :3])).to(clip.device)
    return pixels.permute(2, 0, 1)[None].float() / 255
