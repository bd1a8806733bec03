# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import time

import numpy as np
import pytest
import torch

from sd_blender.core.errors import ModelRefused
from sd_blender.core.messages import Preview, Progress
from sd_blender.core.request import ImageToImage, Sampling, TextToImage
from sd_blender.engine.conditions.watch import WatchedSteps
from sd_blender.engine.diffusers_engine import DiffusersEngine
from sd_blender.engine.preview import LatentPreview

from .conftest import painting


def request(folder, width=64, height=32, **sampling):
    chosen = Sampling(
        width=width, height=height, guidance_scale=2.0, **{"steps": 4, "scheduler": "DDIM"} | sampling
    )
    return TextToImage(prompt="stone", model=str(folder), sampling=chosen)


def test_a_small_picture_after_each_step_but_the_last(tiny, run):
    done = run(request(tiny, count=2))
    previews = done.of(Preview)
    assert [preview.index for preview in previews] == [0, 0, 0, 0, 1, 1, 1]
    assert all(preview.pixels.shape == (4, 8, 3) for preview in previews)
    assert all(preview.pixels.dtype == np.uint8 for preview in previews)
    assert len(done.of(Progress)) == 8


def test_no_more_often_than_asked(tiny):
    engine = DiffusersEngine(device="cpu", preview_interval=60.0)
    messages = []
    engine.generate("job", request(tiny), messages.append, lambda: False)
    assert not any(isinstance(message, Preview) for message in messages)


def test_of_a_model_of_8_latent_channels(tiny_8, run):
    previews = run(request(tiny_8)).of(Preview)
    assert [preview.pixels.shape for preview in previews] == [(4, 8, 3)] * 3
    assert all(np.ptp(preview.pixels) > 0 for preview in previews)


@pytest.mark.parametrize("scheduler", ["DDIM", "Euler", "DPM++ 2M", "Heun", "LMS", "UniPC"])
def test_the_last_prediction_is_the_picture(tiny_zero_snr, run, estimates, monkeypatch, scheduler):
    """So what the U-Net is really given is what the formula takes it for."""
    ends = []
    monkeypatch.setattr(WatchedSteps, "finish", lambda self, x: ends.append(x) or x)
    run(request(tiny_zero_snr, steps=40, scheduler=scheduler))
    assert (estimates[-1].x0 - ends[0]).abs().mean() < 0.1 * ends[0].abs().mean()


class Painter:
    """An autoencoder whose latents are a known linear map of 8 x 8 means of the colours."""

    device = torch.device("cpu")

    class config:
        block_out_channels = (1, 1, 1, 1)
        scaling_factor = 0.2

    def __init__(self, channels):
        self.matrix = torch.randn(channels, 3, generator=torch.Generator().manual_seed(1)) / 2

    def encode(self, image):
        colours = torch.nn.functional.avg_pool2d(image, 8)
        latents = torch.einsum("lc,nchw->nlhw", self.matrix, colours) + 0.1

        class Encoded:
            class latent_dist:
                mean = latents / 0.2

        return Encoded


@pytest.mark.parametrize("channels", [4, 8, 32])
def test_the_fitted_map_finds_the_colours_of_an_encoder(channels):
    painter = Painter(channels)
    preview = LatentPreview.fit(painter)
    assert preview.matrix.shape == (channels, 3)
    image = torch.from_numpy(painting(64, 64)).permute(2, 0, 1)[None].float() / 127.5 - 1
    smooth = torch.nn.functional.avg_pool2d(image, 16, 16).repeat_interleave(16, 2).repeat_interleave(16, 3)
    latents = painter.encode(smooth).latent_dist.mean[0] * 0.2
    expected = ((smooth[0, :, ::8, ::8] + 1) * 127.5).permute(1, 2, 0).numpy()
    assert np.abs(preview.picture(latents) - expected).max() <= 2


class Encoder:
    """An autoencoder of which only the number of latent channels is asked for."""

    class config:
        latent_channels = 0

    def __init__(self, channels):
        self.config.latent_channels = channels


def test_the_map_that_ships_with_a_model_is_used(tmp_path):
    matrix = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]]
    (tmp_path / "latent_preview.json").write_text(json.dumps({"matrix": matrix, "bias": [0, 0, 0.5]}))
    preview = LatentPreview.of_model(tmp_path, Encoder(5))
    latents = torch.tensor([-1.0, 1.0, 0.25, 9.0, 9.0]).reshape(5, 1, 1)
    assert preview.picture(latents).tolist() == [[[0, 255, 223]]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"matrix": [1], "bias": [0, 0, 0]}',
        '{"matrix": 1}',
        json.dumps({"matrix": [[0] * 3] * 4, "bias": [0, 0]}),
        json.dumps({"matrix": [[0] * 3] * 4, "bias": [0, 0, 10**400]}),
    ],
)
def test_a_broken_map_is_refused_with_its_name(tmp_path, text):
    (tmp_path / "latent_preview.json").write_text(text)
    with pytest.raises(ModelRefused, match=r"latent_preview\.json"):
        LatentPreview.of_model(tmp_path, Encoder(4))


@pytest.mark.parametrize("shape", [(4, 3), (3, 8), (24,), (8, 4)])
def test_a_map_of_another_autoencoder_is_refused(tmp_path, shape):
    (tmp_path / "latent_preview.json").write_text(
        json.dumps({"matrix": np.zeros(shape).tolist(), "bias": [0, 0, 0]})
    )
    with pytest.raises(ModelRefused, match=r"holds no 8 x 3 matrix and bias; delete it"):
        LatentPreview.of_model(tmp_path, Encoder(8))


def test_broken_latents_make_a_picture_all_the_same():
    preview = LatentPreview(np.ones((4, 3), np.float32), np.zeros(3, np.float32))
    assert preview.picture(torch.full((4, 2, 2), float("nan"))).shape == (2, 2, 3)


def test_a_preview_is_cheap():
    """A 512 x 512 picture's preview, in well under the 10 ms that a step takes on the fastest GPU."""
    preview = LatentPreview(np.ones((4, 3), np.float32), np.zeros(3, np.float32))
    latents = torch.randn(4, 64, 64)
    preview.picture(latents)
    began = time.perf_counter()
    for _ in range(20):
        preview.picture(latents)
    assert (time.perf_counter() - began) / 20 < 0.01


def test_previews_of_the_other_tasks(tiny_inpaint, run):
    """On a 9-channel model the U-Net's input holds mask and image too; only the latents are shown."""
    task = ImageToImage(
        prompt="stone",
        model=str(tiny_inpaint),
        image=painting(32, 32),
        sampling=Sampling(width=32, height=32, steps=4, scheduler="DDIM", guidance_scale=1.0),
    )
    assert run(task).of(Preview)[0].pixels.shape == (4, 4, 3)
