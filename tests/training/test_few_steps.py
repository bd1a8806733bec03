# SPDX-License-Identifier: GPL-3.0-or-later
"""Consistency distillation: its formulas against diffusers, and a student that says in one step what the teacher says
in many."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, LCMScheduler, StableDiffusionPipeline

from sd_blender.training.distillation import Lesson, distil
from sd_blender.training.models import TINY, make_scheduler
from sd_blender.training.recipe import Recipe
from sd_blender.training.schedule import Budget
from sd_blender.training.train_clip import ClipOptions
from sd_blender.training.train_few_steps import (
    FewSteps,
    boundary_coefficients,
    consistency,
    ddim_step,
    make_few_steps_scheduler,
    pseudo_huber,
)
from sd_blender.training.train_text import TextOptions
from sd_blender.training.train_unet import PROCESS, Batch, Networks, UnetOptions
from sd_blender.training.train_vae import VaeOptions
from tests.closeness import NETWORK, assert_near

from .distilling import Knowing, noise, small_set, small_teacher, small_tokenizer

STEPS = Budget(steps=3)
TINY_OPTIONS = {"widths": TINY, "budget": STEPS, "device": "cpu"}
OPTIONS = FewSteps(unet=UnetOptions(**TINY_OPTIONS, batch=2, unconditional=0.0), budget=STEPS)


def test_at_no_noise_the_answer_is_the_question():
    skip, out = boundary_coefficients(torch.tensor([0, 999]))
    assert (skip.flatten()[0], out.flatten()[0]) == (1, 0)
    assert skip.flatten()[1] < 1e-8 and out.flatten()[1] == pytest.approx(1)


def test_a_step_of_the_path_is_that_of_diffusers():
    scheduler = DDIMScheduler.from_config(make_scheduler().config)
    scheduler.set_timesteps(50)
    x, v = noise(1, 4, 8, 8), noise(1, 4, 8, 8, seed=1)
    for t in (999, 499, 39):
        expected = scheduler.step(v, t, x, eta=0.0).prev_sample
        found = ddim_step(PROCESS, x, torch.tensor([t]), torch.tensor([t - 20]), v)
        assert_near(found, expected, NETWORK)


@pytest.mark.parametrize("t", [999, 519, 19])
def test_the_consistency_function_is_what_the_scheduler_of_diffusers_computes(t):
    scheduler = make_few_steps_scheduler(OPTIONS)
    scheduler.set_timesteps(50)
    assert t in scheduler.timesteps
    x, v = noise(1, 4, 8, 8), noise(1, 4, 8, 8, seed=1)
    expected = scheduler.step(v, t, x, generator=torch.Generator().manual_seed(0)).denoised
    assert_near(consistency(lambda *_: v, PROCESS, x, torch.tensor([t])), expected, NETWORK)


def test_the_scheduler_visits_the_places_of_the_training():
    scheduler = make_few_steps_scheduler(OPTIONS)
    for count in (1, 2, 4, 8):
        scheduler.set_timesteps(count)
        assert len(scheduler.timesteps) == count
        assert all((int(t) + 1) % OPTIONS.stride == 0 for t in scheduler.timesteps)
        assert int(scheduler.timesteps[0]) == 999


def test_pseudo_huber():
    error = torch.tensor([0.0, 0.001, 4.0])
    expected = (0 + 0.001 * (2**0.5 - 1) + (16 + 1e-6) ** 0.5 - 0.001) / 3
    assert float(pseudo_huber(error, 0.001)) == pytest.approx(expected, rel=1e-4)


def loss_of(student: Knowing, teacher: Knowing, guidance: float) -> float:
    batch = Batch(teacher.picture.expand(6, -1, -1, -1), torch.ones(6, 77, dtype=torch.long), periodic=True)
    kind, empty = replace(OPTIONS, guidance=guidance), torch.zeros(1, 77, dtype=torch.long)
    lesson = Lesson(batch, empty, torch.Generator().manual_seed(3), PROCESS)
    return float(kind.loss(student, teacher, lesson))


def test_who_always_points_to_the_end_of_the_path_loses_nothing():
    picture = noise(1, 4, 8, 8, seed=5)
    exact = Knowing(picture)
    assert loss_of(exact, exact, guidance=1.0) < 1e-4
    assert loss_of(Knowing(picture, wrong=1.0), exact, guidance=1.0) > 0.01


def test_guidance_of_the_teacher_moves_the_target():
    """For a student that takes what it sees for the picture, only darker, it matters where the teacher goes."""
    exact = Knowing(noise(1, 4, 8, 8, seed=5))
    unsure = Knowing(exact.picture)
    unsure.unet = lambda x, t, encoder_hidden_states: SimpleNamespace(sample=torch.zeros_like(x))
    assert abs(loss_of(unsure, exact, guidance=3.0) - loss_of(unsure, exact, guidance=1.0)) > 0.01


def test_distillation_learns(tmp_path):
    """On a batch that never changes, the student ends nearer to agreeing with itself than the teacher does."""
    tokenizer = small_tokenizer()
    teacher, latents = small_teacher(tokenizer), small_set(tokenizer)
    options = replace(OPTIONS, budget=Budget(steps=30), rate=3e-3, guidance=1.0, ema=0.0)
    student = distil([latents], tokenizer, 1.0, tmp_path, options, teacher)
    tokens = tokenizer(["moss"] * 4, padding="max_length", return_tensors="pt").input_ids
    batch = Batch(latents.latents.float(), tokens, periodic=False)

    def loss(networks: Networks) -> float:
        generator = torch.Generator().manual_seed(3)
        return float(options.loss(networks, teacher, Lesson(batch, tokens[:1], generator, PROCESS)))

    assert loss(student) < 0.9 * loss(teacher)


def test_the_stage_exports_a_model_of_four_steps(tmp_path):
    recipe = Recipe(
        tmp_path,
        tmp_path / "model",
        tiles=4,
        large_tiles=2,
        vae_options=VaeOptions(**TINY_OPTIONS, batch=2, crop=32),
        text_options=TextOptions(widths=TINY, budget=STEPS, batch=4),
        clip_options=ClipOptions(**TINY_OPTIONS, batch=4),
        unet_options=UnetOptions(**TINY_OPTIONS, batch=2),
        few_steps=OPTIONS,
    )
    recipe.train_vae()
    with pytest.raises(FileNotFoundError, match="run the stage unet first"):
        recipe.train_few_steps()
    recipe.train_unet()
    recipe.train_few_steps()
    recipe.export("few-steps")
    pipeline = StableDiffusionPipeline.from_pretrained(recipe.output, use_safetensors=True)
    pipeline.set_progress_bar_config(disable=True)
    assert isinstance(pipeline.scheduler, LCMScheduler)
    image = pipeline("moss", num_inference_steps=4, guidance_scale=1.0, height=64, width=64).images[0]
    assert image.size == (64, 64) and np.asarray(image).std() > 0
