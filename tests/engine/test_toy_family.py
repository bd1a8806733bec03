# SPDX-License-Identifier: GPL-3.0-or-later
"""A family of another kind in one file: a network with flow matching, no U-Net, and colours for latents.

Lipman et al. 2022 (arXiv:2210.02747): x_t = (1 - t) x_0 + t eps, and the network says u = eps - x_0. Divided by its
length, (1 - t, t) is a pair of signal and noise, so its schedule is one of ours, and from u follows v.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sd_blender.core.canvas import Grid, plan
from sd_blender.core.diffusion.latents import LatentDistribution
from sd_blender.core.diffusion.samplers import SAMPLERS
from sd_blender.core.messages import Progress
from sd_blender.core.request import ImageToImage, Inpaint, Sampling, TextToImage
from sd_blender.core.wildcards import prompts_of
from sd_blender.engine.conditions.watch import Watch
from sd_blender.engine.generation import Generation
from sd_blender.engine.preview import LatentPreview
from sd_blender.engine.text_readers import ReadText, joined

from .conftest import box_mask, painting

SPREAD = 0.1
"""Of the pictures that it knows, about the colour of their prompt; exactly normal."""

COLOURS = {"red": (0.8, -0.6, -0.6), "blue": (-0.6, -0.4, 0.7), "": (0.0, 0.0, 0.0)}


class FlowDenoiser:
    """The exact u for pictures of one colour with normal grain."""

    channels, reads_guidance, can_reuse = 3, False, False

    def images_at_once(self, cells, texts, count):
        return 2

    def widen(self):
        return False

    def for_pictures(self, size, guidance_scale, reuse=1):
        def ask(x, level, texts, inputs):
            length = level.signal + level.noise
            t, flowing = level.noise / length, x / length
            return [self.v(flowing, t, text.hidden[:, 0, :, None, None], level) for text in texts]

        return ask

    def v(self, x, t, colour, level):
        gain = (1 - t) * SPREAD**2 / ((1 - t) ** 2 * SPREAD**2 + t**2)
        x0 = colour + gain * (x - (1 - t) * colour)
        u = (x - x0) / max(t, 1e-4)  # as a network of this kind says it
        x0, eps = x - t * u, x + (1 - t) * u
        return level.signal * eps - level.noise * x0


class Colours:
    """An autoencoder that takes the mean colour of 8 x 8 pixels."""

    channels, side = 3, 8

    def widen(self):
        return False

    def encode(self, values):
        pixels = torch.from_numpy(values).permute(2, 0, 1)[None]
        mean = torch.nn.functional.avg_pool2d(pixels, self.side)
        return LatentDistribution(mean, torch.zeros_like(mean))

    def decode(self, latents):
        return latents.repeat_interleave(self.side, 2).repeat_interleave(self.side, 3)


class ColourReader:
    def __init__(self):
        self.encoders = ()

    def at_layer(self, clip_skip):
        return self

    def chunks_of(self, prompt):
        return 1

    def joined(self, texts):
        return joined(texts)

    def read(self, prompt, chunks, negative=False):
        return ReadText(torch.tensor(COLOURS[prompt])[None, None])


def schedule():
    """abar at t = 1/T .. 1, as betas."""
    t = np.arange(1, 1001) / 1000
    abar = (1 - t) ** 2 / ((1 - t) ** 2 + t**2)
    betas = 1 - abar / np.concatenate([[1.0], abar[:-1]])
    return {
        "trained_betas": betas.tolist(),
        "prediction_type": "v_prediction",
        "timestep_spacing": "trailing",
        # Told so that a sampler which cannot begin without any signal gets a schedule with some.
        "rescale_betas_zero_snr": True,
    }


class ToyModel:
    denoiser, autoencoder, text = FlowDenoiser(), Colours(), ColourReader()
    scheduler_config, device = schedule(), torch.device("cpu")
    natively_inpaints = is_xl = False
    grid = Grid(latent=8, coarse=8)
    preview = LatentPreview(np.eye(3, dtype=np.float32), np.zeros(3, np.float32))


@pytest.fixture(autouse=True)
def words(monkeypatch):
    """Its prompts are read by no tokenizer."""
    from sd_blender.engine import generation

    monkeypatch.setattr(generation, "_warnings", lambda *_: ())


def made(request):
    messages = []
    task = plan(request, ToyModel.grid)
    generation = Generation(request, prompts_of(request), ToyModel, task)
    count = request.sampling.count
    watch = Watch(
        "job", generation.steps, count, messages.append, lambda: False, lambda: ToyModel.preview, 0.0
    )
    images = [i for batch in generation.batches() for i in generation.pictures(batch, watch.over(batch))]
    assert sum(isinstance(message, Progress) for message in messages) >= generation.steps
    return [image.pixels for image in images]


def sampling(scheduler, **changes):
    values = {
        "width": 64,
        "height": 48,
        "steps": 20,
        "guidance_scale": 1.0,
        "scheduler": scheduler,
        "count": 2,
    }
    return Sampling(**values | changes)


def is_colour(pixels, word, tolerance=12):
    found = pixels.reshape(-1, 3).mean(0) / 127.5 - 1
    return np.abs(found - COLOURS[word]).max() < tolerance / 127.5


@pytest.mark.parametrize("scheduler", SAMPLERS)
@torch.no_grad()
def test_it_draws_with_every_sampler(scheduler):
    first, second = made(TextToImage(prompt="red", sampling=sampling(scheduler)))
    assert is_colour(first, "red") and is_colour(second, "red") and (first != second).any()


@torch.no_grad()
def test_guidance_goes_beyond_the_prompt_and_away_from_the_other():
    request = TextToImage(prompt="red", negative_prompt="blue", sampling=sampling("DDIM", guidance_scale=1.3))
    (first, _) = made(request)
    assert first[..., 2].mean() < 127.5 * (1 + COLOURS["red"][2])


@torch.no_grad()
def test_the_other_tasks():
    image, mask = painting(64, 48), box_mask(64, 48, 16, 8, 48, 40)
    given = {"prompt": "blue", "image": image, "sampling": sampling("DPM++ 2M", count=1)}
    (some,) = made(ImageToImage(**given, strength=0.3))
    (much,) = made(ImageToImage(**given, strength=1.0))
    assert np.abs(some.astype(int) - image).mean() < np.abs(much.astype(int) - image).mean()
    (inside,) = made(Inpaint(**given, mask=mask, feather=0, crop_to_mask=False))
    assert np.array_equal(inside[mask == 0], image[mask == 0])
    assert is_colour(inside[8:40, 16:48], "blue", 20)
