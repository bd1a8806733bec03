# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine that needs nothing but NumPy: the model that ships with the add-on, on the processor."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..core.cancel import stop_if_cancelled
from ..core.canvas import plan
from ..core.diffusion.samplers import Plan
from ..core.diffusion.scheduler_config import read_schedule
from ..core.diffusion.tasks.task import Task
from ..core.diffusion.watch import Watch
from ..core.engine_protocol import IsCancelled, Report
from ..core.errors import BadResult, SDBlenderError, is_system_out_of_memory
from ..core.geometry import Size
from ..core.kept_pictures import best_of
from ..core.known_models import STARTER_FOLDER, Checksums
from ..core.messages import GeneratedImage, Loading, Picture, Result, Started
from ..core.picture_checks import NotFinite, out_of_memory
from ..core.ranking import judged
from ..core.request import Request
from ..core.sentence import Sentence
from ..core.wildcards import Prompts, prompts_of
from .cores import all_cores
from .generation import Generation
from .layers import Setting
from .model import Model
from .refusals import refuse_what_needs_torch

PRECISION = Sentence("float32 on the processor, computed by NumPy.")


class NumpyEngine:
    """Implements :class:`~..core.engine_protocol.Engine` with the networks that are written out here.

    preview_interval: seconds between two previews. cores: how many to use, None for all.
    """

    def __init__(self, preview_interval: float = 0.1, cores: int | None = None) -> None:
        self._preview_interval = preview_interval
        self._cores = cores
        self._checksums = Checksums()
        self._loaded: Model | None = None

    def generate(self, job_id: str, request: Request, report: Report, is_cancelled: IsCancelled) -> Result:
        """See :class:`~..core.engine_protocol.Engine`. Weights stay loaded for the next call."""
        began = time.perf_counter()
        size: Size | None = None
        try:
            prompts = prompts_of(request)
            refuse_what_needs_torch(request)
            sampling = request.sampling
            Plan.fit(
                sampling.scheduler, read_schedule(STARTER_FOLDER), sampling.steps, spacing=sampling.spacing
            )
            model = self._model(job_id, request, report, is_cancelled)
            task = plan(request, model.grid)
            size = task.size
            images = self._pictures(job_id, request, prompts, model, task, report, is_cancelled)
            return Result(
                request, tuple(best_of(images, request.keep)), time.perf_counter() - began, PRECISION
            )
        except NotFinite as error:
            failure: SDBlenderError = not_numbers(error.network)
        except Exception as error:
            if not is_system_out_of_memory(error):
                raise
            failure = out_of_memory(error, size)
        raise failure

    def unload(self) -> None:
        self._loaded = None

    def _model(self, job_id: str, request: Request, report: Report, is_cancelled: IsCancelled) -> Model:
        def announce(text: str, factor: float = 0.0) -> None:
            report(Loading(job_id, text, factor))

        stop_if_cancelled(is_cancelled)
        if self._loaded is None:
            self._checksums.verify(STARTER_FOLDER, announce, is_cancelled)
            announce(Sentence("Loading the starter model"), 0.5)
            self._loaded = Model(STARTER_FOLDER)
        _ = self._loaded.preview  # what is damaged is told before the first step
        if request.keep:
            _ = self._loaded.scorer
        stop_if_cancelled(is_cancelled)
        return self._loaded

    def _pictures(
        self,
        job_id: str,
        request: Request,
        prompts: Sequence[Prompts],
        model: Model,
        task: Task,
        report: Report,
        is_cancelled: IsCancelled,
    ) -> list[GeneratedImage]:
        def check() -> None:
            stop_if_cancelled(is_cancelled)

        images: list[GeneratedImage] = []
        with all_cores(check, self._cores) as cores:
            generation = Generation(request, prompts, model, task, Setting(cores, task.tiling))
            steps, count = generation.steps, request.sampling.count
            report(Started(job_id, steps * count))
            watch = Watch(
                job_id, steps, count, report, is_cancelled, lambda: model.preview, self._preview_interval
            )
            for index in range(count):
                image = generation.picture(index, watch.over(range(index, index + 1)))
                try:
                    if request.keep:
                        image = judged(request, image, model.scorer)
                finally:  # what cannot be judged is done all the same
                    report(Picture(job_id, image))
                images.append(image)
                check()
        return images


def not_numbers(network: str) -> BadResult:
    """Everything is computed in float32 here, so that no other precision would help."""
    return BadResult(
        Sentence(
            "The {network} gave values that are not numbers; lower the guidance, or try another seed or scheduler.",
            network=network,
        )
    )
