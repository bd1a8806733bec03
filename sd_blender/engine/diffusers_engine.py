# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine that runs Stable Diffusion in this process: request in, pictures out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from ..core.engine_protocol import IsCancelled, Report
from ..core.geometry import Size
from ..core.messages import GeneratedImage, Loading, Result, Started
from ..core.request import STARTER_MODEL, Inpaint, Request
from ..core.wildcards import Prompts, prompts_of
from .adapters import Adapters
from .cancel import cancellable, stop_if_cancelled
from .canvas import Work, plan
from .clip_files import clip_of
from .device import choose_device, choose_dtype, describe, free_memory
from .generation import Generation
from .guards import device_lost, is_device_lost, is_out_of_memory, out_of_memory
from .guides import load_guides, refuse_missing_guides
from .known_models import STARTER_FOLDER
from .libraries import quiet
from .memory import available_bytes, least_bytes, refuse_too_many, refuse_what_cannot_fit
from .memory_ladder import saving_memory
from .models import LoadedModel, ModelStore
from .ranking import ranked
from .steps import StepWatcher
from .tiling import tiled


class DiffusersEngine:
    """Implements :class:`~..core.engine_protocol.Engine` with the pipelines of diffusers.

    device, dtype: see :func:`~.device.choose_device` and :func:`~.device.choose_dtype`. preview_interval:
    seconds between two previews. available: the bytes that can still be had on a device, or None if nobody knows.
    """

    def __init__(
        self,
        device: str = "auto",
        dtype: str = "auto",
        preview_interval: float = 0.1,
        available: Callable[[torch.device], int | None] = available_bytes,
    ) -> None:
        self._device = choose_device(device)
        self._models = ModelStore(self._device, choose_dtype(dtype, self._device))
        self._adapters = Adapters(self._device)
        self._preview_interval = preview_interval
        self._available = available

    def generate(self, job_id: str, request: Request, report: Report, is_cancelled: IsCancelled) -> Result:
        """See :class:`~..core.engine_protocol.Engine`. Weights stay loaded for the next call.

        After DeviceLost alone the next call does not work: it takes another process.
        """
        began = time.perf_counter()
        work = None
        try:
            with quiet(), torch.no_grad():
                prompts = prompts_of(request)
                model = self._model(job_id, request, prompts, report, is_cancelled)
                work = plan(request, model.grid)
                self._refuse_what_cannot_fit(request, model, work)
                images = self._pictures(job_id, request, prompts, model, work, report, is_cancelled)
            return Result(request, tuple(images), time.perf_counter() - began)
        except (RuntimeError, MemoryError) as error:
            if is_device_lost(error):
                raise device_lost(error) from None
            if not is_out_of_memory(error):
                raise
            failure = out_of_memory(error, work.size if work else None)
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
            report(Loading(job_id, f"{text} ({describe(self._device)})", factor))

        refuse_missing_guides(request, prompts, folder)
        self._adapters.load(request, folder)
        model = self._models.get(folder, announce, is_cancelled)
        load_guides(request, model, announce)
        stop_if_cancelled(is_cancelled)
        return model

    def _refuse_what_cannot_fit(self, request: Request, model: LoadedModel, work: Work) -> None:
        """Raise OutOfMemory before anything slow begins, but only where it is certain."""
        canvas = Size(request.sampling.width, request.sampling.height)
        if isinstance(request, Inpaint):
            canvas = Size(request.image.shape[1], request.image.shape[0])
        least = least_bytes(model.unet, model.vae, work.size)
        refuse_what_cannot_fit(least, self._available(model.device), work.size)
        refuse_too_many(canvas, request.sampling.count, self._available(torch.device("cpu")))

    def _pictures(
        self,
        job_id: str,
        request: Request,
        prompts: Sequence[Prompts],
        model: LoadedModel,
        work: Work,
        report: Report,
        is_cancelled: IsCancelled,
    ) -> list[GeneratedImage]:
        def check() -> None:
            stop_if_cancelled(is_cancelled)

        images: list[GeneratedImage] = []
        with (
            self._adapters.applied(model) as model,
            tiled(work.tiling, model.unet, model.vae),
            cancellable(is_cancelled, model.unet, model.vae),
            saving_memory(model.unet, model.vae, work.tiling, check) as changes,
        ):
            changes += self._adapters.warnings
            generation = Generation(request, prompts, model, work, changes)
            steps, count = generation.steps, request.sampling.count
            report(Started(job_id, steps * count))
            watcher = StepWatcher(
                job_id, steps, count, report, is_cancelled, lambda: model.preview, self._preview_interval
            )
            for batch in generation.batches():
                images += generation.pictures(batch, watcher.on_step)
        if request.keep:
            images = ranked(request, images, model.scorer(clip_of(request, model.files.folder)))
        return images
