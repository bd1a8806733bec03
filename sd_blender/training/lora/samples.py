# SPDX-License-Identifier: GPL-3.0-or-later
"""Sample pictures on the way, made as the engine makes any: what training does to them is what the artist will get."""

from __future__ import annotations

import dataclasses
import io

import torch
from PIL import Image

from ...core import lora_tags
from ...core.canvas import plan
from ...core.engine_protocol import IsCancelled, Report
from ...core.messages import Message, Preview
from ...core.request import ImageArray, TextToImage
from ...core.training_request import Training
from ...core.wildcards import prompts_of
from ...engine.cancel import cancellable, stop_if_cancelled
from ...engine.conditions.watch import Watch
from ...engine.generation import Generation
from ...engine.memory_ladder import saving_memory
from ...engine.models import LoadedModel
from ...engine.tiling import tiled

PREVIEW_INTERVAL = 0.5
"""Seconds; each preview also says that the worker lives."""


def sample_request(request: Training, first_caption: str) -> TextToImage:
    """What is made every so many steps."""
    prompt = request.sample_prompt.strip() or request.trigger.strip() or lora_tags.split(first_caption)[0]
    sampling = dataclasses.replace(request.sampling, count=1)
    return TextToImage(prompt=prompt, model=request.model, tiling=request.tiling, sampling=sampling)


@torch.no_grad()
def make_sample(
    job_id: str, model: LoadedModel, wanted: TextToImage, report: Report, is_cancelled: IsCancelled
) -> ImageArray:
    """One picture, with its previews on the way. Raises JobCancelled, OutOfMemory or BadResult."""
    task = plan(wanted, model.grid)

    def check() -> None:
        stop_if_cancelled(is_cancelled)

    def previews_only(message: Message) -> None:
        if isinstance(message, Preview):
            report(message)

    was_training = model.unet.training
    model.unet.eval()
    try:
        with (
            tiled(task.tiling, model.unet, model.vae),
            cancellable(is_cancelled, model.unet, model.vae),
            saving_memory(model.denoiser, model.autoencoder, task.tiling, check) as changes,
        ):
            generation = Generation(wanted, prompts_of(wanted), model, task, changes)
            watch = Watch(
                job_id,
                generation.steps,
                1,
                previews_only,
                is_cancelled,
                lambda: model.preview,
                PREVIEW_INTERVAL,
            )
            return next(generation.pictures(range(1), watch.over(range(1)))).pixels
    finally:
        model.unet.train(was_training)


def png(pixels: ImageArray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
