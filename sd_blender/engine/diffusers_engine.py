# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine that runs Stable Diffusion in this process: request in, pictures out."""

from __future__ import annotations

import dataclasses
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from ..core.diffusion.samplers import Plan
from ..core.diffusion.tasks.task import Task
from ..core.engine_protocol import IsCancelled, Report
from ..core.geometry import Size
from ..core.kept_pictures import best_of
from ..core.known_models import STARTER_FOLDER
from ..core.messages import GeneratedImage, Loading, Picture, Result, Started
from ..core.ranking import judged
from ..core.request import STARTER_MODEL, Inpaint, Request
from ..core.sentence import Sentence
from ..core.wildcards import Prompts, prompts_of
from .adapters import Adapters
from .cancel import cancellable, stop_if_cancelled
from .canvas import plan
from .clip_files import clip_of
from .clip_skip import refuse_missing_layers
from .conditions.watch import Watch
from .device import choose_device, describe, free_memory, unused_card
from .generation import Generation
from .guards import (
    device_lost,
    device_unsupported,
    is_device_lost,
    is_device_unsupported,
    is_out_of_memory,
    out_of_memory,
)
from .guides import load_guides, refuse_missing_guides
from .libraries import quiet
from .long_attention import in_pieces
from .memory import available_bytes, least_bytes, refuse_too_many, refuse_what_cannot_fit
from .memory_ladder import saving_memory
from .model_files import check_model
from .models import LoadedModel, ModelStore, schedule_of
from .precision import choose_dtype, quick_kernels
from .processor_probe import ProcessorProbe
from .tiling import tiled

logger = logging.getLogger(__name__)


class DiffusersEngine:
    """Implements :class:`~..core.engine_protocol.Engine` with the networks of diffusers.

    device, dtype: see :func:`~.device.choose_device` and :func:`~.precision.choose_dtype`. preview_interval:
    seconds between two previews. available: the bytes that can still be had on a device, or None if nobody knows.
    probe: finds how a processor is fastest.
    """

    def __init__(
        self,
        device: str = "auto",
        dtype: str = "auto",
        preview_interval: float = 0.1,
        available: Callable[[torch.device], int | None] = available_bytes,
        probe: ProcessorProbe | None = None,
    ) -> None:
        self._device = choose_device(device)
        self._unused_card = unused_card(self._device) if device == "auto" else ""
        self._dtype = choose_dtype(dtype)
        self._models = ModelStore(self._device, self._dtype, probe)
        self._adapters = Adapters(self._device, available)
        self._preview_interval = preview_interval
        self._available = available

    def generate(self, job_id: str, request: Request, report: Report, is_cancelled: IsCancelled) -> Result:
        """See :class:`~..core.engine_protocol.Engine`. Weights stay loaded for the next call.

        After DeviceLost alone the next call does not work: it takes another process.
        """
        began = time.perf_counter()
        task = None
        try:
            with quiet(), torch.no_grad(), quick_kernels(self._device, self._dtype):
                prompts = prompts_of(request)
                model = self._model(job_id, request, prompts, report, is_cancelled)
                task = plan(request, model.grid)
                self._refuse_what_cannot_fit(request, model, task)
                with self._models.kept_whole():
                    images = self._pictures(job_id, request, prompts, model, task, report, is_cancelled)
            best = tuple(best_of(images, request.keep))
            logger.info("%s %s", job_id, model.precision)
            return Result(request, best, time.perf_counter() - began, model.precision)
        except Exception as error:
            if is_device_unsupported(error):
                raise device_unsupported(error) from None
            if is_device_lost(error):
                raise device_lost(error) from None
            if not is_out_of_memory(error):
                raise
            failure = out_of_memory(error, task.size if task else None)
        # Outside the except block, where the traceback no longer holds the tensors.
        free_memory()
        raise failure

    def unload(self) -> None:
        self._adapters.unload()
        self._models.unload()

    def _model(
        self,
        job_id: str,
        request: Request,
        prompts: Sequence[Prompts],
        report: Report,
        is_cancelled: IsCancelled,
    ) -> LoadedModel:
        stop_if_cancelled(is_cancelled)
        folder = STARTER_FOLDER if request.model == STARTER_MODEL else Path(os.path.expanduser(request.model))

        def announce(text: str, factor: float) -> None:
            report(
                Loading(
                    job_id,
                    Sentence("{text} ({describe})", text=text, describe=describe(self._device)),
                    factor,
                )
            )

        refuse_missing_layers(request, folder)
        refuse_missing_guides(request, prompts, folder)
        self._refuse_spacing(request, folder)
        called = dataclasses.replace(request, loras=request.loras + prompts[0].loras)
        self._adapters.load(called, folder)
        model = self._models.get(folder, announce, is_cancelled)
        load_guides(request, model, announce)
        stop_if_cancelled(is_cancelled)
        return model

    def _refuse_spacing(self, request: Request, folder: Path) -> None:
        """Raise InvalidRequest where the model cannot have the spacing that is asked for, ModelRefused where its
        schedule is not known.
        """
        sampling = request.sampling
        if sampling.spacing != "auto":
            config = schedule_of(check_model(folder))
            Plan.fit(sampling.scheduler, config, sampling.steps, spacing=sampling.spacing)

    def _refuse_what_cannot_fit(self, request: Request, model: LoadedModel, task: Task) -> None:
        """Raise OutOfMemory before anything slow begins, but only where it is certain."""
        canvas = Size(request.sampling.width, request.sampling.height)
        if isinstance(request, Inpaint):
            canvas = Size(request.image.shape[1], request.image.shape[0])
        least = least_bytes(model.unet, model.vae, task.size)
        refuse_what_cannot_fit(least, self._available(model.device), task.size)
        refuse_too_many(canvas, request.sampling.count, self._available(torch.device("cpu")))

    def _pictures(
        self,
        job_id: str,
        request: Request,
        prompts: Sequence[Prompts],
        model: LoadedModel,
        task: Task,
        report: Report,
        is_cancelled: IsCancelled,
    ) -> list[GeneratedImage]:
        def check() -> None:
            stop_if_cancelled(is_cancelled)

        images: list[GeneratedImage] = []
        with (
            self._adapters.applied(model) as model,
            tiled(task.tiling, model.unet, model.vae),
            cancellable(is_cancelled, model.unet, model.vae),
            in_pieces(model.device, task.size.width * task.size.height // model.grid.latent**2, check),
            saving_memory(model.denoiser, model.autoencoder, task.tiling, check, self._available) as changes,
        ):
            changes += [*filter(None, [self._unused_card]), *self._adapters.warnings]
            generation = Generation(request, prompts, model, task, changes)
            steps, count = generation.steps, request.sampling.count
            report(Started(job_id, steps * count))
            watch = Watch(
                job_id, steps, count, report, is_cancelled, lambda: model.preview, self._preview_interval
            )
            for batch in generation.batches():
                for image in generation.pictures(batch, watch.over(batch)):
                    try:
                        if request.keep:
                            image = judged(request, image, model.scorer(clip_of(request, model.files.folder)))
                    finally:  # what cannot be judged is done all the same
                        report(Picture(job_id, image))
                    images.append(image)
                    check()
        return images
