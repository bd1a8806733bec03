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
guidance: it is in the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from diffusers import LCMScheduler
from torch import Tensor

from .distillation import Distillation, Lesson, guided
from .forward_process import ForwardProcess, T
from .models import make_scheduler
from .train_unet import Networks, UnetOptions

SIGMA_DATA, TIMESTEP_SCALING = 0.5, 10.0
"""As LCMScheduler has them."""


@dataclass(frozen=True)
class FewSteps(Distillation):
    """stride: step numbers that the teacher goes down, T / stride places in all. guidance: w of the teacher, which the
    student has for good, on top of what is built into the teacher's weights. huber: width of the loss's parabola, in
    units of x_0.
    """

    name = "few-steps"
    unet: UnetOptions = field(default_factory=lambda: UnetOptions(unconditional=0.0, batch=16))
    stride: int = 20
    guidance: float = 1.5
    huber: float = 0.001

    def loss(self, student: Networks, teacher: Networks, lesson: Lesson) -> Tensor:
        """Do both ends of a step of the teacher lead to the same x_0?"""
        process, latents = lesson.process, lesson.batch.latents
        t, u = self._steps(len(latents), lesson.generator)
        eps = torch.randn(latents.shape, generator=lesson.generator, device=latents.device)
        x_t = process.q_sample(latents, t, eps)
        with torch.no_grad():
            text = teacher.text_encoder(lesson.batch.tokens).last_hidden_state
            nothing = teacher.text_encoder(lesson.empty).last_hidden_state
            v = guided(teacher.unet, x_t, t, text, nothing, self.guidance)
            target = consistency(says(student, text), process, ddim_step(process, x_t, t, u, v), u)
        return pseudo_huber(consistency(says(student, text), process, x_t, t) - target, self.huber)

    def _steps(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Where a step of the teacher begins and where it ends: numbers that LCMScheduler visits, the last of them
        T - 1."""
        places = torch.randint(1, T // self.stride, (count,), generator=generator, device=generator.device)
        t = (places + 1) * self.stride - 1
        return t, t - self.stride


def says(networks: Networks, text: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """The U-Net as a function of x and t alone."""
    return lambda x, t: networks.unet(x, t, encoder_hidden_states=text).sample


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


def make_few_steps_scheduler(kind: FewSteps) -> LCMScheduler:
    """The schedule of the denoiser, visited at T / stride places of which a few are chosen."""
    return LCMScheduler.from_config(
        make_scheduler().config,
        original_inference_steps=T // kind.stride,
        timestep_scaling=TIMESTEP_SCALING,
    )
