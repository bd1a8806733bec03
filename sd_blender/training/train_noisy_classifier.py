# SPDX-License-Identifier: GPL-3.0-or-later
"""The classifier that guides: it names the material of a latent at every level of noise (Dhariwal & Nichol 2021,
arXiv:2105.05233, section 4.1).

A latent x_0 of class y is noised as in the training of the denoiser, and the classifier is asked

    loss = - log p(y | x_t, t),        x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps,       t uniform over 0 .. T - 1

so that its gradient by x_t is right where the denoiser uses it. Where no signal is left it learns to say that every
class is as likely, which has no gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from ..engine.noisy_classifier import NoisyClassifier
from . import checkpoints
from .forward_process import ForwardProcess, T
from .latents import LatentSet
from .models import parameter_count, use_device
from .schedule import Budget, StepRandom, learning_rate, set_learning_rate
from .textures import MATERIALS
from .train_unet import stratified_steps

NAMES = {material.name: material.names for material in MATERIALS}
"""The classes in their order, each with what artists call it."""

BANDS = 4
"""Stretches of the schedule for which the accuracy is told, from little noise to much."""


@dataclass(frozen=True)
class ClassifierOptions:
    """batch: latents per step. crops: share of steps on a random quarter of each, for pictures that are no whole tile.

    widths: see :class:`~..engine.noisy_classifier.NoisyClassifier`.
    """

    widths: tuple[int, ...] = (32, 64, 96)
    budget: Budget = field(default_factory=lambda: Budget(steps=3000))
    batch: int = 64
    crops: float = 0.3
    rate: float = 2e-3
    ema: float = 0.995
    seed: int = 17
    checkpoint_seconds: float = 120.0
    device: str = "auto"


def draw_latents(
    sets: Sequence[LatentSet], scale: float, options: ClassifierOptions, random: StepRandom
) -> tuple[Tensor, Tensor]:
    """N x C x h x w scaled latents, each moved on its torus, and N classes; both where the sets are."""
    chosen = sets[int(random.numpy.integers(len(sets)))]
    side = sets[0].latents.shape[-1]
    count = max(1, options.batch * side**2 // chosen.latents.shape[-1] ** 2)
    places = chosen.draw(count, random.torch)
    latents = chosen.rolled(places, random.torch) * scale
    if random.numpy.random() < options.crops:
        half = latents.shape[-1] // 2
        latents = latents[..., :half, :half]
    order = list(NAMES)
    classes = [order.index(chosen.descriptions[i].material) for i in places.tolist()]
    return latents, torch.tensor(classes, device=latents.device)


def classifier_loss(
    classifier: nn.Module, process: ForwardProcess, x_0: Tensor, classes: Tensor, noise: torch.Generator
) -> tuple[Tensor, dict[str, float]]:
    """The cross-entropy of one batch at random noise levels, and the shares that are right in each stretch of them."""
    t = stratified_steps(len(x_0), noise)
    eps = torch.randn(x_0.shape, generator=noise, device=x_0.device)
    scores = classifier(process.q_sample(x_0, t, eps), t).float()
    right = scores.argmax(1) == classes
    band = t * BANDS // T
    shares = {f"right_{k}": float(right[band == k].float().mean()) for k in range(BANDS) if (band == k).any()}
    return F.cross_entropy(scores, classes), shares


def train_noisy_classifier(
    sets: Sequence[LatentSet],
    scale: float,
    folder: Path,
    options: ClassifierOptions,
    stop_at: int | None = None,
    process: ForwardProcess | None = None,
) -> NoisyClassifier:
    """Train until the budget is spent, resuming from `folder`/noisy-classifier.pt. Returns the averaged classifier.

    scale: the autoencoder's scaling factor. stop_at: leave early at this step, as if killed. process: the denoiser's
    own forward process, that of the starter model if none is given.
    """
    device = use_device(options.device)
    process = (process or ForwardProcess.zero_terminal_snr()).to(device)
    sets = [latents.to(device) for latents in sets]
    torch.manual_seed(options.seed)
    channels = sets[0].latents.shape[1]
    classifier = NoisyClassifier(NAMES, options.widths, channels).to(device).train()
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=options.rate, weight_decay=0.05, fused=True)
    average = checkpoints.MovingAverage(classifier, options.ema)
    path, step, spent = folder / "noisy-classifier.pt", 0, 0.0
    if state := checkpoints.load(path, device):
        classifier.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average.load_state_dict(state["average"])
        step, spent = state["step"], state["seconds"]
    clock, log = checkpoints.Stopwatch(spent), checkpoints.LossLog(folder / "noisy-classifier.jsonl")

    def save() -> None:
        checkpoints.save_atomic(
            path,
            {
                "model": classifier.state_dict(),
                "optimizer": optimizer.state_dict(),
                "average": average.state_dict(),
                "step": step,
                "seconds": clock.seconds,
            },
        )

    label = f"noisy classifier ({parameter_count(classifier) / 1e6:.1f} M)"
    with tqdm(desc=label, initial=step, mininterval=5, unit="step") as bar:
        while (progress := options.budget.progress(step, clock.seconds)) < 1 and step != stop_at:
            set_learning_rate(optimizer, learning_rate(options.rate, step, progress))
            values = _step(
                classifier,
                optimizer,
                process,
                sets,
                scale,
                options,
                StepRandom.of(options.seed, step, device),
            )
            average.update(classifier)
            step += 1
            log.add(step, clock.seconds, **values)
            bar.update()
            bar.set_postfix(loss=f"{values['loss']:.3f}", done=f"{progress:.0%}", refresh=False)
            if clock.due("checkpoint", options.checkpoint_seconds):
                save()
    save()
    return averaged(average, options, channels)


def _step(
    classifier: NoisyClassifier,
    optimizer: torch.optim.Optimizer,
    process: ForwardProcess,
    sets: Sequence[LatentSet],
    scale: float,
    options: ClassifierOptions,
    random: StepRandom,
) -> dict[str, float]:
    x_0, classes = draw_latents(sets, scale, options, random)
    loss, shares = classifier_loss(classifier, process, x_0, classes, random.torch)
    loss.backward()
    nn.utils.clip_grad_norm_(classifier.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return {"loss": loss.item(), **shares}


def averaged(
    average: checkpoints.MovingAverage, options: ClassifierOptions, channels: int
) -> NoisyClassifier:
    """A copy with the averaged weights, for use."""
    copy = NoisyClassifier(NAMES, options.widths, channels)
    copy.load_state_dict(average.shadow)
    return copy.eval().requires_grad_(False)
