# SPDX-License-Identifier: GPL-3.0-or-later
"""Few steps instead of twenty: the denoiser taught to go from any point of its own path straight to the end (Song et
al. 2023, arXiv:2303.01469; in latent space, with guidance built in, Luo et al. 2023, arXiv:2310.04378).

Sampling follows a path x_T .. x_0, along which each x_t leads to the same x_0. A consistency function says where:

    f(x_t, t) = c_skip(t) x_t + c_out(t) x_0(x_t, t),        x_0(x_t, t) = sqrt(abar_t) x_t - sqrt(1 - abar_t) v
    c_skip = s^2 / ((10 t)^2 + s^2),   c_out = 10 t / sqrt((10 t)^2 + s^2),   s = 1/2,   so that f(x, 0) = x

with v from the network. Distillation: noise a latent to x_t; let the teacher, the finished denoiser with guidance w, go
one DDIM step of `stride` down to x_u; and ask that f says the same from both places:

    loss = huber( f(x_t, t) - f^-(x_u, u) )

where f^- is the same network without gradient. The result runs in 1 to 8 steps of diffusers' LCMScheduler, without
guidance: it is in the weights. Both networks here are one U-Net each; the text encoder stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import LCMScheduler
from torch import Tensor, nn
from transformers import CLIPTokenizer

from . import checkpoints
from .forward_process import ForwardProcess, T
from .latents import LatentSet
from .loop import TrainingRun
from .models import make_scheduler, use_device
from .padding import wrapped
from .schedule import Budget, StepRandom, learning_rate, set_learning_rate
from .train_unet import PROCESS, Batch, Networks, UnetOptions, draw_batch

SIGMA_DATA, TIMESTEP_SCALING = 0.5, 10.0
"""As LCMScheduler has them."""


@dataclass(frozen=True)
class FewStepsOptions:
    """unet: how batches are drawn. stride: step numbers that the teacher goes down, T / stride places in all.

    guidance: w of the teacher, which the student has for good. huber: width of the loss's parabola, in units of x_0.
    """

    unet: UnetOptions = field(default_factory=lambda: UnetOptions(unconditional=0.0, batch=16))
    budget: Budget = field(default_factory=lambda: Budget(steps=600))
    stride: int = 20
    guidance: float = 1.5
    huber: float = 0.001
    rate: float = 1e-4
    ema: float = 0.99
    seed: int = 17
    checkpoint_seconds: float = 300.0


def boundary_coefficients(t: Tensor) -> tuple[Tensor, Tensor]:
    """c_skip and c_out at N step numbers, N x 1 x 1 x 1 each: 1 and 0 at t = 0, near 0 and 1 soon after."""
    scaled = TIMESTEP_SCALING * t.double().view(-1, 1, 1, 1)
    square = scaled**2 + SIGMA_DATA**2
    return (SIGMA_DATA**2 / square).float(), (scaled / square.sqrt()).float()


def consistency(
    unet: Callable[[Tensor, Tensor], Tensor], process: ForwardProcess, x: Tensor, t: Tensor
) -> Tensor:
    """f(x_t, t). unet: says v, given N x C x h x w and N step numbers."""
    skip, out = (c.to(x) for c in boundary_coefficients(t))
    return skip * x + out * process.original("v_prediction", unet(x, t).float(), x, t)


def ddim_step(process: ForwardProcess, x: Tensor, t: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """From x_t to x_u along the path (Song et al. 2020, arXiv:2010.02502, eta = 0): the x_0 and the eps that v stands
    for, put together as at step u. t, u: N step numbers each, u < t.
    """
    x_0, eps = process.original("v_prediction", v, x, t), process.noise("v_prediction", v, x, t)
    return process.q_sample(x_0, u, eps)


def pseudo_huber(error: Tensor, width: float) -> Tensor:
    """sqrt(e^2 + width^2) - width, mean: a parabola within `width`, straight lines beyond."""
    return ((error.square() + width**2).sqrt() - width).mean()


def distillation_loss(
    student: Networks,
    teacher: Networks,
    batch: Batch,
    empty: Tensor,
    options: FewStepsOptions,
    generator: torch.Generator,
    process: ForwardProcess = PROCESS,
) -> Tensor:
    """The loss of one batch. empty: the tokens of the empty prompt, 1 x 77."""
    latents, device = batch.latents, batch.latents.device
    places = torch.randint(1, T // options.stride, (len(latents),), generator=generator, device=device)
    t = (places + 1) * options.stride - 1  # the numbers that LCMScheduler visits: the last one is T - 1
    u = t - options.stride
    eps = torch.randn(latents.shape, generator=generator, device=device)
    x_t = process.q_sample(latents, t, eps)

    def says(networks: Networks, text: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        return lambda x, time: networks.unet(x, time, encoder_hidden_states=text).sample

    with torch.no_grad():
        text = teacher.text_encoder(batch.tokens).last_hidden_state
        v = says(teacher, text)(x_t, t).float()
        if options.guidance != 1:
            nothing = teacher.text_encoder(empty).last_hidden_state.expand(len(latents), -1, -1)
            free = says(teacher, nothing)(x_t, t).float()
            v = free + options.guidance * (v - free)
        target = consistency(says(student, text), process, ddim_step(process, x_t, t, u, v), u)
    return pseudo_huber(consistency(says(student, text), process, x_t, t) - target, options.huber)


def make_few_steps_scheduler(options: FewStepsOptions) -> LCMScheduler:
    """The schedule of the denoiser, visited at T / stride places of which a few are chosen."""
    return LCMScheduler.from_config(
        make_scheduler().config,
        original_inference_steps=T // options.stride,
        timestep_scaling=TIMESTEP_SCALING,
    )


def train_few_steps(
    sets: Sequence[LatentSet],
    tokenizer: CLIPTokenizer,
    scale: float,
    folder: Path,
    options: FewStepsOptions,
    teacher: Networks,
    on_sheet: Callable[[Networks, int], None] | None = None,
    stop_at: int | None = None,
) -> Networks:
    """Distil until the budget is spent, resuming from `folder`/few-steps.pt. Returns the averaged student.

    teacher: the finished networks; it is where the student starts. scale: the autoencoder's scaling factor.
    on_sheet: called every few minutes with the averaged student. stop_at: leave early at this step, as if killed.
    """
    device = use_device(options.unet.device)
    teacher = teacher.to(device).eval().requires_grad_(False)
    student = _copy(teacher, tokenizer, options).to(device).train()
    student.text_encoder.requires_grad_(False)
    for networks in (teacher, student):
        networks.unet.to(memory_format=torch.channels_last)
        networks.attend_by_products()
    optimizer = torch.optim.AdamW(
        student.unet.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True
    )
    average = checkpoints.MovingAverage(student, options.ema)
    path = folder / "few-steps.pt"
    training = TrainingRun(student, optimizer, average, path, options.budget, options.checkpoint_seconds)
    training.resume()
    sets, process = [latents.to(device) for latents in sets], PROCESS.to(device)
    empty = tokenizer([""], padding="max_length", return_tensors="pt").input_ids.to(device)

    def take_step(step: int, progress: float) -> dict[str, float]:
        random = StepRandom.of(options.seed, step, device)
        set_learning_rate(optimizer, learning_rate(options.rate, step, progress, warm_up=50))
        batch = draw_batch(sets, scale, options.unet, random)
        with (
            wrapped(student.unet, teacher.unet, on=batch.periodic),
            torch.autocast(device.type, torch.bfloat16),
        ):
            loss = distillation_loss(student, teacher, batch, empty, options, random.torch, process)
        loss.backward()
        nn.utils.clip_grad_norm_(student.unet.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return {"loss": loss.item()}

    def averaged() -> Networks:
        copy = _copy(student, tokenizer, options)
        copy.load_state_dict(average.shadow)
        return copy.to(device).eval().requires_grad_(False)

    training.run(
        take_step,
        "few steps",
        on_sheet=lambda step: on_sheet(averaged(), step) if on_sheet else None,
        sheet_seconds=options.unet.sheet_seconds,
        stop_at=stop_at,
    )
    return averaged()


def _copy(networks: Networks, tokenizer: CLIPTokenizer, options: FewStepsOptions) -> Networks:
    copy = Networks(len(tokenizer), options.unet.widths)
    copy.load_state_dict(networks.state_dict())
    return copy
