# SPDX-License-Identifier: GPL-3.0-or-later
"""A training from its request to its file. What can be refused is refused first, and nothing learned is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import torch

from ...core.engine_protocol import IsCancelled, Report
from ...core.errors import InvalidRequest, JobCancelled
from ...core.messages import Loading, Losses, Progress, Sample, Started, TrainingResult
from ...core.request import ImageArray, TextToImage
from ...core.sentence import Sentence
from ...core.training_folder import TrainingFolder
from ...core.training_json import FIXED, training_to_json
from ...core.training_request import Training
from ...engine.cancel import stop_if_cancelled
from ...engine.device import choose_device, describe, dtype_of, free_memory
from ...engine.guards import (
    device_lost,
    device_unsupported,
    is_device_lost,
    is_device_unsupported,
    is_out_of_memory,
    out_of_memory,
)
from ...engine.libraries import quiet
from ...engine.memory import available_bytes
from ...engine.precision import choose_dtype
from .aside import Aside
from .base_model import BaseModel, load_base
from .checkpoint import write_whole
from .examples import Examples, encode
from .formats import write_result
from .images import Source, find_sources, notes_on
from .learners import Learner, make_learner
from .loop import CurveReports, TrainingLoop
from .memory_plan import Plan, activation_bytes, choose
from .samples import make_sample, png, sample_request

STORY = "sd_blender"


def train(
    job_id: str,
    request: Training,
    report: Report,
    is_cancelled: IsCancelled,
    device: str = "auto",
    dtype: str = "auto",
) -> TrainingResult:
    """See :meth:`~...core.engine_protocol.Trainer.train`."""
    try:
        with quiet():
            return _Run(job_id, request, report, is_cancelled, choose_device(device), dtype).result()
    except Exception as error:
        if is_device_unsupported(error):
            raise device_unsupported(error) from None
        if is_device_lost(error):
            raise device_lost(error) from None
        if not is_out_of_memory(error):
            raise
        failure = out_of_memory(error, None)
    finally:
        free_memory()
    raise failure


class _Run:
    """One call of :func:`train`."""

    def __init__(
        self,
        job_id: str,
        request: Training,
        report: Report,
        is_cancelled: IsCancelled,
        device: torch.device,
        dtype: str,
    ) -> None:
        self._job_id, self._request, self._report = job_id, request, report
        self._is_cancelled, self._device = is_cancelled, device
        self._dtype = training_dtype(dtype, device)
        self._folder = TrainingFolder.of(request)
        self._began = time.perf_counter()
        self._last: ImageArray | None = None

    def result(self) -> TrainingResult:
        request = self._request
        sources = find_sources(request)
        check_folder(self._folder, request)
        base = load_base(request.model, self._device, self._dtype, self._announce, self._is_cancelled)
        examples = encode(base.loaded, sources, request, self._announce, self._check)
        trainer = self._trainer(base, sources, examples)
        trainer.resume()
        self._loop(trainer, sources[0].caption)
        self._announce("Saving", 1.0)
        loss = trainer.recent_loss()
        write_result(self._folder, request, base, sources, trainer.learner.state(), trainer.step, loss)
        notes = [*notes_on(sources, request.size), *examples.notes, trainer.plan.sentence(request.batch)]
        return TrainingResult(
            request,
            str(self._folder.output),
            trainer.step,
            loss,
            time.perf_counter() - self._began,
            tuple(filter(None, notes)),
            self._last,
        )

    def _trainer(self, base: BaseModel, sources: Sequence[Source], examples: Examples) -> TrainingLoop:
        learner = make_learner(base, self._request)
        captions = [source.caption for source in sources]
        idle: list[torch.nn.Module] = [base.loaded.vae]
        if learner.read_once:
            for text in dict.fromkeys(["", *captions]):
                self._check()
                learner.read([text])
            idle += [encoder.network for encoder in base.loaded.text.encoders]
        self._aside = Aside(idle, self._device)
        return TrainingLoop(
            base,
            learner,
            examples,
            captions,
            self._request,
            self._folder,
            self._plan(base, learner, examples),
            {STORY: json.dumps(training_to_json(self._request), sort_keys=True)},
            self._is_cancelled,
        )

    def _plan(self, base: BaseModel, learner: Learner, examples: Examples) -> Plan:
        unet = base.loaded.unet
        largest = max(examples.means, key=torch.Tensor.numel)
        cells = (int(largest.shape[1]), int(largest.shape[2]))
        with torch.no_grad():
            text = learner.read([""]).each(lambda values: values.to("meta"))
        told = text.unet_arguments(examples.framings[:1])
        each = activation_bytes(unet, cells, told, dtype_of(unet).itemsize)
        return choose(each, self._request.batch, available_bytes(self._device))

    def _loop(self, trainer: TrainingLoop, first_caption: str) -> None:
        """Train to the last step; a checkpoint is written whatever ends it, as long as the numbers are sound."""
        request = self._request
        wanted = sample_request(request, first_caption)
        curve = CurveReports(lambda points: self._report(Losses(self._job_id, points)))
        self._report(Started(self._job_id, request.steps))
        curve.add(*trainer.points)
        if trainer.step:
            self._report(Progress(self._job_id, min(trainer.step, request.steps), request.steps))
        try:
            if trainer.step == 0:
                self._sample(trainer, wanted)
            while trainer.step < request.steps:
                self._check()
                curve.add((trainer.step + 1, trainer.one_step()))
                last = trainer.step == request.steps
                if last or trainer.step % request.checkpoint_every == 0:
                    trainer.save()
                if last or trainer.step % request.sample_every == 0:
                    curve.flush()
                    trainer.prove()
                    self._sample(trainer, wanted)
                self._report(Progress(self._job_id, trainer.step, request.steps))
        except JobCancelled:
            trainer.save()
            raise
        trainer.prove()
        curve.flush()

    def _sample(self, trainer: TrainingLoop, wanted: TextToImage) -> None:
        with self._aside.back(), trainer.learner.speaking() as model:
            pixels = make_sample(self._job_id, model, wanted, self._report, self._is_cancelled)
        write_whole(self._folder.sample(trainer.step), png(pixels))
        self._last = pixels
        self._report(Sample(self._job_id, trainer.step, wanted.prompt, pixels))

    def _announce(self, text: str, factor: float) -> None:
        self._report(
            Loading(
                self._job_id,
                Sentence("{text} ({describe})", text=text, describe=describe(self._device)),
                factor,
            )
        )

    def _check(self) -> None:
        stop_if_cancelled(self._is_cancelled)


def training_dtype(wanted: str, device: torch.device) -> torch.dtype:
    """The precision of the frozen weights; what is learned is always float32.

    "auto" is half precision on a graphics card, bfloat16 where it has that, since its range needs no care.
    """
    if wanted != "auto" or device.type != "cuda":
        return choose_dtype(wanted) or torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def check_folder(folder: TrainingFolder, request: Training) -> None:
    """Raise InvalidRequest unless the file may be made and what lies in the training's folder is the same training."""
    if folder.path.exists() and not folder.path.is_dir():
        raise InvalidRequest(
            "output", Sentence("{path} is in the way; choose another name.", path=folder.path)
        )
    left, now = folder.metadata(), training_to_json(request)
    if left:
        try:
            story = json.loads(left[STORY])
            changed = [n for n in FIXED if story.get(n) != now.get(n)]
        except (KeyError, ValueError, AttributeError, TypeError):
            changed = ["task"]
        if changed:
            name = changed[0].replace("_", " ")
            raise InvalidRequest(
                changed[0],
                Sentence(
                    "{path} holds a training with another {name}; choose another name, or delete that folder.",
                    path=folder.path,
                    name=name,
                ),
            )
    elif folder.output.exists():
        raise InvalidRequest(
            "output",
            Sentence(
                "{output} exists already; choose another name or delete that file.", output=folder.output
            ),
        )
