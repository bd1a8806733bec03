# SPDX-License-Identifier: GPL-3.0-or-later
"""The denoiser's training loop, on latents (Ho et al. 2020, arXiv:2006.11239; Rombach et al. 2022, arXiv:2112.10752).

Each step draws latents x_0 (N x C x h x w), their captions c, step numbers t and noise eps, and asks the network for
what was mixed into

    x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps                          (`forward_process`)
    loss = || v - v_theta(x_t, t, text(c)) ||^2,    v = sqrt(abar_t) eps - sqrt(1 - abar_t) x_0

that is the simple form of the variational bound (`bound`), said of the velocity v instead of eps, because at the last
step here x_t is all noise and eps is no question. One caption in ten is left empty, so that the same network is the
unconditional model too, and pictures can be made with classifier-free guidance w:

    v = v(empty) + w (v(c) - v(empty))

The text encoder is CLIP's text tower, frozen, as in Stable Diffusion; without a CLIP one is trained along.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from . import checkpoints
from .forward_process import ForwardProcess, T
from .latents import LatentSet
from .loop import Losses, TrainingRun
from .models import Widths, make_text_encoder, make_unet, quick_precision, use_device
from .padding import wrapped
from .schedule import Budget, StepRandom, learning_rate, set_learning_rate

LAYOUT_FIRST = 0.6
"""The share of the budget after which crops get fewer and step numbers even."""


@dataclass(frozen=True)
class UnetOptions:
    """batch: whole tiles of 128 px per step; larger tiles come fewer at a time, crops twice as many.

    crops: share of steps on crops of 64 px with zero padding, in the first 60 % of the budget and afterwards. They are
    cheap, so that words are learned early, and they teach what a picture's edge is; the other steps are on whole tiles
    with circular padding. large: share of those on large tiles. unconditional: share of samples without caption, so
    that one network is both the conditional and the unconditional model (Ho & Salimans 2022, arXiv:2207.12598).
    lean: how the step numbers are drawn, see `stratified_steps`; before and after that change too: layout first, then
    the fine grain, which is decided where there is little noise.
    frozen_text: the text encoder given is CLIP's and stays as it is, as in Stable Diffusion.
    """

    widths: Widths = field(default_factory=Widths)
    budget: Budget = field(default_factory=lambda: Budget(minutes=100))
    batch: int = 32
    large: float = 0.15
    crops: tuple[float, float] = (1.0, 0.5)
    unconditional: float = 0.1
    prediction_type: str = "v_prediction"
    lean: tuple[float, float] = (0.6, 1.0)
    frozen_text: bool = False
    rate: float = 1e-3
    ema: float = 0.999
    seed: int = 11
    checkpoint_seconds: float = 300.0
    sheet_seconds: float = 900.0
    device: str = "auto"


class Networks(nn.Module):
    """What is trained together: `unet` and `text_encoder`."""

    def __init__(self, vocabulary: int, widths: Widths) -> None:
        super().__init__()
        self.unet = make_unet(widths)
        self.text_encoder = make_text_encoder(vocabulary, widths)

    def forward(self, noisy: Tensor, t: Tensor, tokens: Tensor) -> Tensor:
        """noisy: N x C x h x w, t: N step numbers, tokens: N x 77. Returns the prediction, N x C x h x w."""
        text = self.text_encoder(tokens).last_hidden_state
        return self.unet(noisy, t, encoder_hidden_states=text).sample

    def attend_by_products(self) -> None:
        """Attention as two matrix products: in bfloat16 the backward pass of the fused one is slow on a CPU, and on a
        GPU its gradients for the trained starter model were no numbers (an H200, torch 2.11).
        """
        self.unet.set_attn_processor(AttnProcessor())
        self.text_encoder.set_attn_implementation("eager")


@dataclass(frozen=True)
class Batch:
    """latents: N x C x h x w, scaled. tokens: N x 77. periodic: whether the latents are whole tiles.

    guidance: N, as the set has it.
    """

    latents: Tensor
    tokens: Tensor
    periodic: bool
    guidance: Tensor | None = None


def draw_batch(
    sets: Sequence[LatentSet],
    scale: float,
    options: UnetOptions,
    random: StepRandom,
    progress: float = 1.0,
) -> Batch:
    """One batch, where the sets are. sets: latents of small tiles first, then of larger ones. progress: 0 .. 1 of the
    budget.
    """
    rng, side = random.numpy, sets[0].latents.shape[-1]
    crop = rng.random() < options.crops[progress >= LAYOUT_FIRST]
    chosen = sets[-1] if rng.random() < options.large else sets[0]
    count = 2 * options.batch if crop else max(1, options.batch * side**2 // chosen.latents.shape[-1] ** 2)
    places = chosen.draw(count, random.torch)
    latents = chosen.rolled(places, random.torch) * scale
    if crop:
        latents = latents[..., : side // 2, : side // 2]
    tokens = chosen.captions(places, options.unconditional, random.torch)
    guidance = None if chosen.guidance is None else chosen.guidance[places]
    return Batch(latents, tokens, not crop, guidance)


def stratified_steps(count: int, generator: torch.Generator, lean: float = 1.0) -> Tensor:
    """`count` step numbers over 0 .. T - 1, one from each of `count` equal stretches: less noise in the loss.

    lean: 1 draws them evenly; below 1 they lean to the noisy end, where colour and layout are decided.
    """
    device = generator.device
    places = (
        torch.arange(count, device=device) + torch.rand(count, generator=generator, device=device)
    ) / count
    return (places**lean * T).long().clamp_(0, T - 1)


def diffusion_loss(
    networks: nn.Module,
    process: ForwardProcess,
    batch: Batch,
    options: UnetOptions,
    generator: torch.Generator,
    progress: float = 1.0,
) -> Tensor:
    """Mean squared error of the prediction: noise in closed form, then compare with the target.

    generator: lies where the batch does.
    """
    t = stratified_steps(len(batch.latents), generator, options.lean[progress >= LAYOUT_FIRST])
    eps = torch.randn(batch.latents.shape, generator=generator, device=batch.latents.device)
    noisy = process.q_sample(batch.latents, t, eps)
    target = process.target(options.prediction_type, batch.latents, t, eps)
    return F.mse_loss(networks(noisy, t, batch.tokens).float(), target)


def train_unet(
    sets: Sequence[LatentSet],
    tokenizer: CLIPTokenizer,
    scale: float,
    folder: Path,
    options: UnetOptions,
    text_encoder: CLIPTextModel | None = None,
    on_sheet: Callable[[Networks, int], None] | None = None,
    stop_at: int | None = None,
    unet: UNet2DConditionModel | None = None,
) -> Networks:
    """Train until the budget is spent, resuming from `folder`/unet.pt. Returns the averaged networks.

    scale: the autoencoder's scaling factor. text_encoder, unet: to start from, else those that know nothing.
    on_sheet: called every few minutes with the averaged networks.
    stop_at: leave early at this step, as if killed.
    """
    device = use_device(options.device)
    torch.manual_seed(options.seed)
    networks = Networks(len(tokenizer), options.widths).to(device).train()
    if text_encoder:
        networks.text_encoder.load_state_dict(text_encoder.state_dict())
    if unet:
        networks.unet.load_state_dict(unet.state_dict())
    networks.unet.to(memory_format=torch.channels_last)
    networks.attend_by_products()
    optimizer = torch.optim.AdamW(
        networks.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=1e-2, fused=True
    )
    average = checkpoints.MovingAverage(networks, options.ema)
    training = TrainingRun(
        networks, optimizer, average, folder / "unet.pt", options.budget, options.checkpoint_seconds
    )
    training.resume()
    if text_encoder and options.frozen_text:
        _freeze_text(networks, average, text_encoder)
    sets, process = [latents.to(device) for latents in sets], PROCESS.to(device)

    def take_step(step: int, progress: float) -> Losses:
        random = StepRandom.of(options.seed, step, device)
        set_learning_rate(optimizer, learning_rate(options.rate, step, progress))
        batch = draw_batch(sets, scale, options, random, progress)
        loss = _step(networks, optimizer, process, batch, options, random, progress)
        return {"loss": loss, "samples": len(batch.latents)}

    def sheet(step: int) -> None:
        if on_sheet:
            on_sheet(averaged(networks, average, len(tokenizer), options), step)

    training.run(
        take_step,
        "denoiser",
        log_every=25,
        on_sheet=sheet,
        sheet_seconds=options.sheet_seconds,
        stop_at=stop_at,
    )
    return averaged(networks, average, len(tokenizer), options)


def _freeze_text(networks: Networks, average: checkpoints.MovingAverage, text_encoder: CLIPTextModel) -> None:
    """Whatever the checkpoint holds, the text encoder is the one given, and no step changes it."""
    networks.text_encoder.load_state_dict(text_encoder.state_dict())
    networks.text_encoder.requires_grad_(False)
    for name, value in networks.text_encoder.state_dict().items():
        average.shadow[f"text_encoder.{name}"] = value.clone()


PROCESS = ForwardProcess.zero_terminal_snr()


def _step(
    networks: Networks,
    optimizer: torch.optim.Optimizer,
    process: ForwardProcess,
    batch: Batch,
    options: UnetOptions,
    random: StepRandom,
    progress: float,
) -> Tensor:
    with (
        wrapped(networks.unet, on=batch.periodic),
        quick_precision(batch.latents.device),
    ):
        loss = diffusion_loss(networks, process, batch, options, random.torch, progress)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(networks.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.detach()


def averaged(
    networks: Networks, average: checkpoints.MovingAverage, vocabulary: int, options: UnetOptions
) -> Networks:
    """A copy with the averaged weights, for sampling."""
    copy = Networks(vocabulary, options.widths)
    copy.load_state_dict(average.shadow)
    return copy.to(next(networks.parameters()).device).eval().requires_grad_(False)
