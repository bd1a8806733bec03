# SPDX-License-Identifier: GPL-3.0-or-later
"""A classifier of noisy latents: which material is this going to be, at any step of the denoising?

It belongs to one model, as it knows that model's latents and noise schedule, and lies in its subfolder ``classifier``:
``config.json`` with the names of the classes and the number of latent channels, and ``model.safetensors``.
``training.train_noisy_classifier`` makes it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.embeddings import get_timestep_embedding
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ..core.errors import InvalidRequest, ModelRefused
from ..core.json_files import read_json
from ..core.sentence import Sentence
from .guards import is_out_of_memory

CLASSIFIER_FOLDER = "classifier"
"""The subfolder of a Stable Diffusion model; diffusers takes no notice of it."""

_CONFIG, _WEIGHTS, _KIND = "config.json", "model.safetensors", "NoisyClassifier"
_GROUPS = 8
_SHOWN = 5
_MAX_WIDTH, _MAX_LEVELS, _MAX_CLASSES = 1024, 8, 10_000
_LATENT_CHANNELS = 4
"""Of a classifier whose configuration does not say, as none did at first."""

Names = Mapping[str, Sequence[str]]
"""The names of each class that a prompt may hold, by its own name."""


class _Block(nn.Module):
    """x + conv(norm(conv(norm(x)))), the second normalisation scaled and shifted by the time."""

    def __init__(self, width: int, time_width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(_GROUPS, width), nn.GroupNorm(_GROUPS, width)
        self.conv1, self.conv2 = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        self.time = nn.Linear(time_width, 2 * width)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        scale, shift = self.time(time)[..., None, None].chunk(2, dim=1)
        hidden = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(hidden) * (1 + scale) + shift))


class NoisyClassifier(nn.Module):
    """Noisy latents and their timestep to one score per class.

    names: of the classes, in their order. widths: channels per level, each half as large as the one before; multiples
    of 8. latent_channels: of the model's autoencoder.
    """

    def __init__(
        self,
        names: Names,
        widths: Sequence[int] = (32, 64, 96),
        latent_channels: int = _LATENT_CHANNELS,
    ) -> None:
        super().__init__()
        self.names = {name: tuple(others) for name, others in names.items()}
        self.widths = tuple(widths)
        self.latent_channels = latent_channels
        time_width = self.widths[-1]
        self.time = nn.Sequential(
            nn.Linear(64, time_width), nn.SiLU(), nn.Linear(time_width, time_width), nn.SiLU()
        )
        before = (latent_channels, *self.widths)
        self.steps = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=1 if i == 0 else 2, padding=1)
            for i, (a, b) in enumerate(zip(before, self.widths, strict=False))
        )
        self.blocks = nn.ModuleList(_Block(width, time_width) for width in self.widths)
        known = 2 * sum(self.widths)
        # The features are of very different sizes; unless each is set to one, learning takes ten times as long.
        self.head = nn.Sequential(nn.BatchNorm1d(known), nn.Linear(known, len(self.names)))

    def forward(self, noisy: Tensor, timesteps: Tensor) -> Tensor:
        """noisy: (n, C, h, w) of any size from 8; timesteps: n, may lie between two. Returns (n, classes) scores."""
        waves = get_timestep_embedding(timesteps, 64, flip_sin_to_cos=True, downscale_freq_shift=0)
        time, x = self.time(waves.to(noisy.dtype)), noisy
        features: list[Tensor] = []
        for step, block in zip(self.steps, self.blocks, strict=True):
            x = block(step(x), time)
            seen = F.silu(x).flatten(2)
            # The spread beside the mean, at every scale: a texture is known by both. Its root has no slope at 0.
            features += [seen.mean(2), (seen.var(2, correction=0) + 1e-5).sqrt()]
        return self.head(torch.cat(features, 1))

    def save(self, folder: Path) -> None:
        """Write the folder that :meth:`load` reads, in half precision."""
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "_class_name": _KIND,
            "names": self.names,
            "widths": self.widths,
            "latent_channels": self.latent_channels,
        }
        save_file(
            {name: value.half().contiguous() for name, value in self.state_dict().items()}, folder / _WEIGHTS
        )
        (folder / _WEIGHTS).chmod(0o644)  # it is written readable by its owner only
        (folder / _CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> NoisyClassifier:
        """The classifier in ``folder``, in float32. Raises ModelRefused with a sentence that names the file."""
        config = _read_config(folder)
        try:
            made = cls(config["names"], config["widths"], config["latent_channels"])
            made.load_state_dict(
                {name: value.float() for name, value in load_file(folder / _WEIGHTS).items()}
            )
        except (OSError, RuntimeError, SafetensorError) as error:
            if is_out_of_memory(error):
                raise
            raise ModelRefused(
                Sentence(
                    "The weights in {folder} are not those of its config.json; get the model again.",
                    folder=folder / _WEIGHTS,
                ),
                details=str(error),
            ) from error
        return made.to(device).eval().requires_grad_(False)


def class_in(prompt: str, names: Names) -> int | None:
    """The class that a prompt names, or None: by the longest name in it, else by a word that only one class has.

    "red brick wall" and "old bricks" are brick walls, and so is "brick"; "wall" alone may be several things.
    """
    words = f" {_plain(prompt)} "
    full = [(_plain(name), i) for i, known in enumerate(names.values()) for name in known]
    owners = Counter(word for word, _ in {(word, i) for name, i in full for word in name.split()})
    single = [(word, i) for name, i in full for word in name.split() if owners[word] == 1]
    for known in (full, single):
        found = [(len(name), -i) for name, i in known if f" {name} " in words]
        if found:
            return -max(found)[1]
    return None


def check_classes(folder: Path, latent_channels: int, prompts: Sequence[str]) -> None:
    """Raise InvalidRequest or ModelRefused unless the classifier of the model in ``folder`` knows ``prompts``.

    latent_channels: of the model, which the classifier must read.
    """
    place = folder / CLASSIFIER_FOLDER
    if not (place / _CONFIG).is_file():
        raise InvalidRequest(
            "classifier_guidance_scale",
            Sentence(
                "This model has no classifier to guide with; set Classifier Guidance to 0, or choose a "
                "model with one in its subfolder {classifier_folder}.",
                classifier_folder=CLASSIFIER_FOLDER,
            ),
        )
    config = _read_config(place)
    names, read = config["names"], config["latent_channels"]
    if read != latent_channels:
        raise ModelRefused(
            Sentence(
                "The classifier in {place} reads {read} latent channels and the model has "
                "{latent_channels}; they belong to different models, so get the model again.",
                place=place,
                read=read,
                latent_channels=latent_channels,
            )
        )
    for prompt in prompts:
        if class_in(prompt, names) is None:
            known = ", ".join(list(names)[:_SHOWN])
            raise InvalidRequest(
                "classifier_guidance_scale",
                Sentence(
                    "The prompt {prompt} names no material that the classifier knows, such as {known}; name "
                    "one, or set Classifier Guidance to 0.",
                    prompt=repr(prompt[:60]),
                    known=known,
                ),
            )


def _plain(text: str) -> str:
    """Its words in lower case and without the s of the plural, with a space between."""
    words = re.findall(r"[^\W_]+", text.lower())
    return " ".join(re.sub(r"(?<=\w\w[^s])s$", "", word) for word in words)


def _read_config(folder: Path) -> dict[str, Any]:
    """names, widths and latent_channels, checked: a model comes from a stranger."""
    config = {"latent_channels": _LATENT_CHANNELS, **read_json(folder / _CONFIG)}
    names, widths, latents = config.get("names"), config.get("widths"), config["latent_channels"]
    named = (
        isinstance(names, dict)
        and 0 < len(names) <= _MAX_CLASSES
        and all(isinstance(n, list) and all(isinstance(x, str) for x in n) for n in names.values())
    )
    wide = (
        isinstance(widths, list)
        and 0 < len(widths) <= _MAX_LEVELS
        and all(type(w) is int and 0 < w <= _MAX_WIDTH and w % _GROUPS == 0 for w in widths)
    )
    counted = type(latents) is int and 0 < latents <= _MAX_WIDTH
    if config.get("_class_name") != _KIND or not named or not wide or not counted:
        raise ModelRefused(
            Sentence(
                "{folder} is not that of a classifier of noisy latents; get the model again.",
                folder=folder / _CONFIG,
            )
        )
    return config
