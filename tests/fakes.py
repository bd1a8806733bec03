# SPDX-License-Identifier: GPL-3.0-or-later
"""A scripted engine that implements the real protocol, for every test that is not about torch."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import numpy as np

from sd_blender.core.engine_protocol import IsCancelled, Report
from sd_blender.core.errors import JobCancelled
from sd_blender.core.kept_pictures import best_of
from sd_blender.core.messages import (
    GeneratedImage,
    Loading,
    Picture,
    Preview,
    Progress,
    Result,
    Seam,
    Started,
)
from sd_blender.core.pixels import composite, feather_mask, seam_error
from sd_blender.core.request import ImageArray, Inpaint, Request


def picture(seed: int, width: int, height: int) -> ImageArray:
    """An asymmetric picture: seed decides the colour, the top-left corner is white, the top edge is bright."""
    colour = np.random.default_rng(seed).integers(40, 200, 3)
    ramp = np.linspace(1.0, 0.5, height)[:, None, None]
    pixels = np.broadcast_to(colour * ramp, (height, width, 3)).astype(np.uint8)
    pixels = np.ascontiguousarray(pixels)
    pixels[: max(1, height // 4), : max(1, width // 4)] = 255
    return pixels


@dataclass
class FakeEngine:
    """Draws :func:`picture` in ``sampling.steps`` steps, and judges it the better the later it comes.

    error: raised once, at the step ``error_at``, and then forgotten, so that the next job works.
    hold: the engine waits in each step until this is set, or until it is cancelled.
    pixels: given instead of the drawn picture. seam: given instead of the measured one, of what is no picture.
    gives: so many images, whatever was asked for.
    prepare_error: raised by each ``prepare``.
    """

    error: BaseException | None = None
    error_at: int = 1
    hold: threading.Event | None = None
    step_seconds: float = 0.0
    pixels: ImageArray | None = None
    deaf: bool = False
    requests: list[Request] = field(default_factory=list)
    unloads: int = 0
    prepared: int = 0
    seam: float | None = None
    gives: int | None = None
    prepare_error: Exception | None = None

    def generate(self, job_id: str, request: Request, report: Report, is_cancelled: IsCancelled) -> Result:
        started = time.monotonic()
        self.requests.append(request)
        report(Loading(job_id, "Loading the model"))
        sampling = request.sampling
        steps = sampling.steps * sampling.count
        report(Started(job_id, steps))
        images: list[GeneratedImage] = []
        for step in range(1, steps + 1):
            self._step(step, is_cancelled)
            report(Preview(job_id, picture(sampling.seed, 8, 8)))
            report(Progress(job_id, step, steps, step // sampling.steps))
            if step % sampling.steps == 0 and (self.gives is None or len(images) < self.gives):
                images.append(self._image(request, len(images)))
                report(Picture(job_id, images[-1]))
        while self.gives is not None and len(images) < self.gives:
            images.append(self._image(request, len(images)))
        return Result(request, tuple(best_of(images, request.keep)), time.monotonic() - started)

    def unload(self) -> None:
        self.unloads += 1

    def prepare(self, is_cancelled: IsCancelled) -> None:
        self.prepared += 1
        if self.prepare_error is not None:
            raise self.prepare_error

    def _step(self, step: int, is_cancelled: IsCancelled) -> None:
        if self.error is not None and step == self.error_at:
            error, self.error = self.error, None
            raise error
        time.sleep(self.step_seconds)
        while self.hold is not None and not self.hold.wait(0.01):
            if not self.deaf and is_cancelled():
                break
        if not self.deaf and is_cancelled():
            raise JobCancelled

    def _image(self, request: Request, index: int) -> GeneratedImage:
        seed = request.sampling.seed_of(index)
        pixels = self.pixels
        if pixels is None and isinstance(request, Inpaint):
            height, width = request.image.shape[:2]
            alpha = feather_mask(request.mask, request.feather, request.tiling)
            pixels = composite(request.image, picture(seed, width, height), alpha)
        elif pixels is None:
            pixels = picture(seed, request.sampling.width, request.sampling.height)
        seam = seam_error(pixels) if self.seam is None else Seam(self.seam, self.seam)
        return GeneratedImage(pixels, seed, seam, score=index / 10 if request.keep else None)


class IdentityEngine(FakeEngine):
    """Gives back the picture it was given: what comes out in Blender must be what went in."""

    def _image(self, request: Request, index: int) -> GeneratedImage:
        return GeneratedImage(request.image, request.sampling.seed_of(index), seam_error(request.image))
