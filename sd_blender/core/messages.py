# SPDX-License-Identifier: GPL-3.0-or-later
"""The closed set of messages that a job sends from the generation thread to whoever drains them.

A job sends ``Queued``, then any of ``Loading``, ``Started``, ``Progress``, ``Preview``, ``Picture``, then **exactly
one** of ``Finished``, ``Cancelled``, ``Failed``, whatever happens: the engine raises, the worker dies, Blender quits. A
training also sends ``Losses`` and ``Sample`` on its way.

What is done is kept: a ``Picture`` is sent as soon as there is one, and whichever message closes the job has them all.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import ErrorKind
from .request import ImageArray, Request
from .training_request import Training


@dataclass(frozen=True)
class Seam:
    """How visible the wrapped edges are: mean absolute step across the edge over the mean step inside.

    About 1 is seamless; a hard seam is well above 2. ``x`` compares the left edge with the right one, ``y`` the
    top with the bottom. Measured for every result, wrapped or not.
    """

    x: float
    y: float


@dataclass(frozen=True, eq=False)
class GeneratedImage:
    """One picture: uint8 pixels at canvas size, the seed that makes it again, and what to know about it.

    ``prompt`` and ``negative_prompt`` are those it was made from, with the wildcards drawn; "" where nobody says.
    ``score`` is how well it fits, the cosine that CLIP gives, -1..1; None where nobody has judged it.
    The generation thread's ``finish`` may add: ``png``, the picture as a PNG file; ``provenance``, the text inside it
    that tells how it was made; ``path``, the file it was written to; ``thumbnail``, a small copy for the history.
    """

    pixels: ImageArray
    seed: int
    seam: Seam
    warnings: tuple[str, ...] = ()
    png: bytes | None = None
    provenance: str = ""
    path: str = ""
    thumbnail: bytes = b""
    prompt: str = ""
    negative_prompt: str = ""
    score: float | None = None


@dataclass(frozen=True, eq=False)
class Result:
    """What a finished job gives: ``request.sampling.count`` pictures in the order of their seeds, or of these the
    ``request.keep`` best, the best first. A job that ended early gives those that were done by then.

    ``precision`` is a sentence on what the networks were computed in; "" where nobody says.
    """

    request: Request
    images: tuple[GeneratedImage, ...]
    seconds: float
    precision: str = ""


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """What a finished training gives.

    path: the file, which :class:`~.request.Lora` takes, or the list of embeddings. steps: done in all. loss: the mean
    of the last tenth. notes: sentences on what to know about it. sample: the last one, uint8 RGB, or None.
    """

    request: Training
    path: str
    steps: int
    loss: float
    seconds: float
    notes: tuple[str, ...] = ()
    sample: ImageArray | None = None


@dataclass(frozen=True)
class Queued:
    job_id: str


@dataclass(frozen=True)
class Loading:
    """The model is being loaded; ``text`` says what, for the status line, and ``factor`` how far that is, 0..1."""

    job_id: str
    text: str
    factor: float = 0.0


@dataclass(frozen=True)
class Started:
    """Denoising begins, or training; ``steps`` counts those of all images of the job together."""

    job_id: str
    steps: int


@dataclass(frozen=True)
class Progress:
    """``step`` of ``steps`` is done, 1 <= step <= steps, and ``images`` pictures are denoised to their end."""

    job_id: str
    step: int
    steps: int
    images: int = 0


@dataclass(frozen=True, eq=False)
class Preview:
    """A small picture (uint8, RGB) of what image ``index`` looks like so far."""

    job_id: str
    pixels: ImageArray
    index: int = 0


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture of the job is done: decoded, judged where the best are kept, and of the size of the canvas."""

    job_id: str
    image: GeneratedImage


@dataclass(frozen=True)
class Losses:
    """New points (step, loss) of a training's curve; one that goes on sends those of before first."""

    job_id: str
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True, eq=False)
class Sample:
    """What the model makes of ``prompt`` after ``step`` steps of training, uint8 RGB; always from the same noise."""

    job_id: str
    step: int
    prompt: str
    pixels: ImageArray


@dataclass(frozen=True, eq=False)
class Finished:
    job_id: str
    result: Result | TrainingResult


@dataclass(frozen=True)
class Cancelled:
    """``result`` holds the pictures that were done by then; None where there were none."""

    job_id: str
    result: Result | None = None


@dataclass(frozen=True)
class Failed:
    """``message`` is one sentence for the artist; ``details`` (a traceback) is for the log; ``result`` holds the
    pictures that were done by then, None where there were none."""

    job_id: str
    kind: ErrorKind
    message: str
    details: str = field(default="", repr=False)
    result: Result | None = None


Closing = Finished | Cancelled | Failed
Message = Queued | Loading | Started | Progress | Preview | Picture | Losses | Sample | Closing
