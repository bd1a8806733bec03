# SPDX-License-Identifier: GPL-3.0-or-later
"""The reverse process: from noise to latents of a picture, one step after another.

Everything that is special about a picture is a :class:`Condition`, a small object that acts at the moments of this
loop; nothing in it knows of tasks, of networks or of each other's conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from .estimate import Estimate
from .level import Level

Array = Any
"""Latents (n, C, h, w) of torch, of NumPy, or of anything else that knows + - * /."""

Draw = Callable[[], Array]
"""Gives noise of a unit normal distribution, of the shape of the latents."""


@dataclass
class Moment:
    """One question to the network.

    index: its number, from 0. level: of the noise. x: the noisy latents. place: the level at which latents are taken to
    be; some samplers look at a point that lies elsewhere. inputs: what the network is told beside latents, level and
    text, by name. estimate: what came of it; there from `Condition.after` on.
    """

    index: int
    level: Level
    place: Level
    x: Array
    inputs: dict[str, Any] = field(default_factory=dict)
    estimate: Estimate | None = None


class Condition:
    """Acts at some moments of the loop; at all others it does nothing."""

    def before(self, moment: Moment) -> None:
        """The network is about to be asked: change `Moment.x`, add to `Moment.inputs`, or raise to stop."""

    def after(self, moment: Moment) -> None:
        """The network has answered and was guided: look at `Moment.estimate` or replace it."""

    def finish(self, x: Array) -> Array:
        """The last step is done: the latents as they shall be."""
        return x


class Denoiser(Protocol):
    """A network that finds the noise in latents."""

    def __call__(self, x: Array, level: Level, texts: Sequence[Any], inputs: dict[str, Any]) -> list[Array]:
        """What it says of ``x``, once for each of ``texts``; all of them like ``x``."""


class Guidance(Protocol):
    """What the network is told, and what is made of its answers."""

    def texts(self, moment: Moment) -> Sequence[Any]:
        """The texts with which it is asked."""

    def combine(self, outputs: Sequence[Array], moment: Moment) -> Array:
        """One output of those for each text."""


class Predict(Protocol):
    """Asks the network. place: see :class:`Moment`; the same level unless told."""

    def __call__(self, x: Array, level: Level, place: Level | None = None) -> Estimate: ...


class Sampler(Protocol):
    """Decides where steps begin and end, and how the network's answers become one."""

    @property
    def steps(self) -> range:
        """The numbers of the steps to make."""

    def step(self, x: Array, index: int, predict: Predict) -> Array:
        """The latents after step ``index``, asking the network as often as it likes."""


def denoise(
    x: Array,
    sampler: Sampler,
    denoiser: Denoiser,
    prediction: str,
    guidance: Guidance,
    conditions: Sequence[Condition] = (),
) -> Array:
    """Latents of a picture from noisy latents ``x``, which lie at the level where ``sampler`` begins.

    prediction: what ``denoiser`` says, a key of :data:`~.estimate.PREDICTIONS`.
    """
    indices = count()

    def predict(x: Array, level: Level, place: Level | None = None) -> Estimate:
        moment = Moment(next(indices), level, place or level, x)
        for condition in conditions:
            condition.before(moment)
        outputs = denoiser(moment.x, level, guidance.texts(moment), moment.inputs)
        output = guidance.combine(outputs, moment)
        moment.estimate = Estimate.of_output(output, moment.x, level, prediction)
        for condition in conditions:
            condition.after(moment)
        return moment.estimate

    for index in sampler.steps:
        x = sampler.step(x, index, predict)
    for condition in conditions:
        x = condition.finish(x)
    return x
