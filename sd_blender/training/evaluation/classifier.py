# SPDX-License-Identifier: GPL-3.0-or-later
"""A small network that names the material in a picture, trained on procedural textures the starter model never saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from ..models import quick_precision
from ..padding import wrapped
from ..schedule import learning_rate, set_learning_rate, to_tensor
from ..textures import MATERIALS

NAMES = tuple(m.name for m in MATERIALS)


class Classifier(nn.Module):
    """Pictures N x 3 x 128 x 128 in -1 .. 1 to N x len(NAMES) scores."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 96, 128)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, width in zip((3, *widths), widths, strict=False):
            layers += [
                nn.Conv2d(before, width, 3, stride=2, padding=1),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(2 * widths[-1], len(NAMES))

    def describe(self, x: Tensor) -> Tensor:
        """Mean and deviation over the picture of each feature, N x 256."""
        features = self.features(x).flatten(2)
        return torch.cat([features.mean(2), features.std(2)], 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.describe(x))


@dataclass(frozen=True)
class Labelled:
    """pixels: N x H x W x 3 uint8; labels: N indices into NAMES."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]


@torch.no_grad()
def round_trip(vae: AutoencoderKL, pixels: NDArray[np.uint8], batch: int = 16) -> NDArray[np.uint8]:
    """What the autoencoder makes of seamless textures, N x H x W x 3 uint8."""
    parts = []
    with wrapped(vae):
        for start in range(0, len(pixels), batch):
            latents = vae.encode(to_tensor(pixels[start : start + batch]).to(vae.device)).latent_dist.mean
            output = ((vae.decode(latents).sample.clamp(-1, 1) + 1) * 127.5).round()
            parts.append(output.byte().permute(0, 2, 3, 1).cpu().numpy())
    return np.concatenate(parts)


def augment(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Rolled, sometimes blurred or noisy, in another brightness and tint: generated pictures are like that."""
    height, width = x.shape[-2:]
    x = x.roll((int(rng.integers(height)), int(rng.integers(width))), (-2, -1))
    if rng.random() < 0.3:
        x = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2, mode="bilinear")
    gain = torch.from_numpy(rng.uniform(0.8, 1.2, (len(x), 3, 1, 1)).astype(np.float32))
    shift = torch.from_numpy(rng.uniform(-0.15, 0.15, (len(x), 3, 1, 1)).astype(np.float32))
    noise = float(rng.uniform(0, 0.08)) * torch.randn(
        x.shape, generator=torch.Generator().manual_seed(int(rng.integers(2**31)))
    )
    return x * gain + shift + noise


def train_classifier(
    data: Labelled, epochs: int = 12, batch: int = 32, rate: float = 2e-3, seed: int = 0
) -> Classifier:
    """Cross-entropy with label smoothing, AdamW, one cosine."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = Classifier().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=1e-3)
    total, step = epochs * (len(data.labels) // batch), 0
    with tqdm(total=total, desc="classifier", mininterval=2) as bar:
        for _ in range(epochs):
            order = rng.permutation(len(data.labels))
            for start in range(0, len(order) - batch + 1, batch):
                chosen = np.sort(order[start : start + batch])
                set_learning_rate(optimizer, learning_rate(rate, step, step / total, warm_up=30))
                x = augment(to_tensor(data.pixels[chosen]), rng)
                with quick_precision(torch.device("cpu")):
                    scores = model(x.to(memory_format=torch.channels_last))
                labels = torch.from_numpy(data.labels[chosen])
                loss = F.cross_entropy(scores.float(), labels, label_smoothing=0.05)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                step += 1
                bar.update()
    return model.eval()


@torch.no_grad()
def classify(model: Classifier, pixels: NDArray[np.uint8], batch: int = 64) -> NDArray[np.int64]:
    """The most likely material of each picture, N indices into NAMES."""
    scores = [model(to_tensor(pixels[i : i + batch])).argmax(1) for i in range(0, len(pixels), batch)]
    return torch.cat(scores).numpy()
