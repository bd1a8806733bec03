# SPDX-License-Identifier: GPL-3.0-or-later
"""CLIP: a text and an image encoder that say the same of a picture and of its caption (Radford et al. 2021,
arXiv:2103.00020).

A batch has N pictures and their N captions. Both towers give one vector each, of length 1 and width d:

    I = normalise(visual_projection(image tower)),   T = normalise(text_projection(text tower)),        N x d each
    logits = exp(tau) I T^t                                                                             N x N

The diagonal holds the pairs that belong together and should be high, the rest low. Each row is a choice among the N
captions and each column one among the N pictures; the loss is the mean of both cross-entropies. The temperature
exp(-tau) is learned, and exp(tau) kept at 100 or less, as in the paper.

The text tower's states, before the projection, are what conditions the U-Net, as in Stable Diffusion. Both together
score and rank pictures (`engine.clip_score`). While training, the image tower sees a square of neighbouring patches
only, another one in every step: a quarter of the picture, at a quarter of the cost (Li et al. 2023, arXiv:2212.00794).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

from . import checkpoints
from .loop import TrainingRun
from .models import TOKENS, Widths, make_clip, quick_precision, use_device
from .schedule import Budget, StepRandom, learning_rate, to_tensor
from .textures.captions import Description, redraw_caption

MAX_LOGIT_SCALE = math.log(100)


@dataclass(frozen=True)
class PictureSet:
    """pixels: N x S x S x 3 uint8 seamless textures of the size that the image tower sees. descriptions: N."""

    pixels: NDArray[np.uint8]
    descriptions: Sequence[Description]


@dataclass(frozen=True)
class ClipOptions:
    """batch: pairs per step, each the wrong answer for all others, so more is better.

    length: tokens looked at in training; attention is causal, so that what comes later changes nothing before it.
    window: patches per side that the image tower sees in training, and `whole`, the share of steps at the end in which
    it sees all. text_rate: of the learning rate, for a text tower that knows something already.
    """

    widths: Widths = field(default_factory=Widths)
    budget: Budget = field(default_factory=lambda: Budget(steps=2000))
    batch: int = 256
    length: int = 40
    window: int = 8
    whole: float = 0.1
    rate: float = 1e-3
    text_rate: float = 0.1
    ema: float = 0.995
    seed: int = 13
    checkpoint_seconds: float = 120.0
    device: str = "auto"


def halved(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """N x H x W x 3 at half the size, each pixel the mean of four."""
    count, height, width, _ = pixels.shape
    small = np.empty((count, height // 2, width // 2, 3), np.uint8)
    for i, picture in enumerate(pixels):
        blocks = picture.reshape(height // 2, 2, width // 2, 2, 3)
        small[i] = blocks.mean((1, 3)) + 0.5
    return small


def contrastive_loss(images: Tensor, texts: Tensor, logit_scale: Tensor) -> tuple[Tensor, float]:
    """The symmetric loss of N pairs, and the share of pictures whose own caption is the likeliest.

    images, texts: N x d, of length 1; row i of both belong together. logit_scale: tau, a number.
    """
    logits = logit_scale.exp() * images.float() @ texts.float().T
    own = torch.arange(len(logits), device=logits.device)
    loss = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    return loss, float((logits.argmax(1) == own).float().mean())


def image_vectors(clip: CLIPModel, pixels: Tensor, patches: Tensor | None = None) -> Tensor:
    """N x 3 x S x S in -1 .. 1 to N x d of length 1. patches: which ones are looked at, K of them; None: all."""
    tower = clip.vision_model
    states = tower.embeddings(pixels)
    if patches is not None:
        states = torch.cat([states[:, :1], states[:, 1 + patches]], dim=1)
    states = tower.encoder(inputs_embeds=tower.pre_layrnorm(states)).last_hidden_state
    return F.normalize(clip.visual_projection(tower.post_layernorm(states[:, 0])), dim=-1)


def text_vectors(clip: CLIPModel, tokens: Tensor) -> Tensor:
    """N x L tokens to N x d of length 1."""
    return F.normalize(clip.text_projection(clip.text_model(input_ids=tokens).pooler_output), dim=-1)


def draw_patches(side: int, window: int, rng: np.random.Generator) -> Tensor:
    """The numbers of window x window neighbouring patches of side x side."""
    y, x = rng.integers(side - window + 1, size=2)
    rows = torch.arange(window)
    return ((int(y) + rows)[:, None] * side + int(x) + rows).flatten()


def draw_pictures(
    sets: Sequence[PictureSet], options: ClipOptions, rng: np.random.Generator
) -> tuple[Tensor, list[str]]:
    """N x 3 x S x S in -1 .. 1 and N captions in fresh words; every sixth picture is of the later sets.

    Each is moved on its torus, mirrored at random, and blurred or noisy at times, as generated ones are.
    """
    pictures, captions = [], []
    for k in range(options.batch):
        chosen = sets[0] if len(sets) == 1 or k % 6 else sets[int(rng.integers(1, len(sets)))]
        i = int(rng.integers(len(chosen.descriptions)))
        shift = tuple(int(s) for s in rng.integers(chosen.pixels.shape[1], size=2))
        picture = np.roll(chosen.pixels[i], shift, (0, 1))
        pictures.append(picture[:, ::-1] if rng.random() < 0.5 else picture)
        captions.append(redraw_caption(chosen.descriptions[i], rng))
    x = to_tensor(np.stack(pictures))
    blurred = torch.from_numpy(rng.random(len(x)) < 0.2)
    if blurred.any():
        soft = F.interpolate(F.avg_pool2d(x[blurred], 2), scale_factor=2, mode="bilinear")
        x[blurred] = (x[blurred] + soft) / 2
    level = torch.from_numpy(rng.uniform(0, 0.06, (len(x), 1, 1, 1)).astype(np.float32))
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(int(rng.integers(2**31))))
    return x + level * noise, captions


def parameter_groups(clip: CLIPModel, options: ClipOptions, warm: bool) -> list[dict]:
    """The text tower, slower if it knows something already, and the rest; `share` is of the learning rate."""
    text = list(clip.text_model.parameters())
    known = {id(p) for p in text}
    return [
        {"params": text, "share": options.text_rate if warm else 1.0},
        {"params": [p for p in clip.parameters() if id(p) not in known], "share": 1.0},
    ]


def train_clip(
    sets: Sequence[PictureSet],
    tokenizer: CLIPTokenizer,
    folder: Path,
    options: ClipOptions,
    text_encoder: CLIPTextModel | None = None,
    stop_at: int | None = None,
) -> CLIPModel:
    """Train until the budget is spent, resuming from `folder`/clip.pt. Returns the averaged model.

    text_encoder: the text tower to start from. stop_at: leave early at this step, as if killed.
    """
    device = use_device(options.device)
    torch.manual_seed(options.seed)
    clip = make_clip(len(tokenizer), options.widths).to(device).train()
    if text_encoder:
        clip.text_model.load_state_dict(text_encoder.state_dict())
    if device.type == "cpu":  # the fused attention's backward pass is slow there in bfloat16
        clip.set_attn_implementation("eager")
    optimizer = torch.optim.AdamW(
        parameter_groups(clip, options, text_encoder is not None),
        lr=options.rate,
        betas=(0.9, 0.98),
        weight_decay=0.05,
        fused=True,
    )
    average = checkpoints.MovingAverage(clip, options.ema)
    training = TrainingRun(
        clip, optimizer, average, folder / "clip.pt", options.budget, options.checkpoint_seconds
    )
    training.resume()

    def take_step(step: int, progress: float) -> dict[str, float]:
        rate = learning_rate(options.rate, step, progress)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["share"]
        random = StepRandom.of(options.seed, step)
        return _step(clip, optimizer, sets, tokenizer, options, random, progress)

    training.run(take_step, "CLIP", stop_at=stop_at)
    return averaged(clip, average, len(tokenizer), options)


def _step(
    clip: CLIPModel,
    optimizer: torch.optim.Optimizer,
    sets: Sequence[PictureSet],
    tokenizer: CLIPTokenizer,
    options: ClipOptions,
    random: StepRandom,
    progress: float,
) -> dict[str, float]:
    device = next(clip.parameters()).device
    pixels, captions = draw_pictures(sets, options, random.numpy)
    length = min(options.length, TOKENS)
    words = tokenizer(captions, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
    side = clip.config.vision_config.image_size // clip.config.vision_config.patch_size
    partial = options.window < side and progress < 1 - options.whole
    patches = draw_patches(side, options.window, random.numpy).to(device) if partial else None
    with quick_precision(device):
        images = image_vectors(clip, pixels.to(device), patches)
        texts = text_vectors(clip, words.input_ids.to(device))
    loss, right = contrastive_loss(images, texts, clip.logit_scale)
    loss.backward()
    nn.utils.clip_grad_norm_(clip.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    with torch.no_grad():
        clip.logit_scale.clamp_(max=MAX_LOGIT_SCALE)
    return {"loss": loss.item(), "right": right, "logit_scale": clip.logit_scale.exp().item()}


def averaged(
    clip: CLIPModel, average: checkpoints.MovingAverage, vocabulary: int, options: ClipOptions
) -> CLIPModel:
    """A copy with the averaged weights, for use."""
    copy = make_clip(vocabulary, options.widths)
    copy.load_state_dict(average.shadow)
    return copy.to(next(clip.parameters()).device).eval().requires_grad_(False)
