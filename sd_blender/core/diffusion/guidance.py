# SPDX-License-Identifier: GPL-3.0-or-later
"""Classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598): away from one text and towards another.

    output = uncond + w (cond - uncond)

w = 0 ignores the prompt, w = 1 is the conditional model, w > 1 follows the prompt more closely than it was taught.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .loop import Array, Guidance, Moment


@dataclass(frozen=True)
class Unguided:
    """One text and nothing else: guidance with w = 1, or with w = 0 where ``text`` is what is guided away from."""

    text: Any

    def texts(self, moment: Moment) -> Sequence[Any]:
        return (self.text,)

    def combine(self, outputs: Sequence[Array], moment: Moment) -> Array:
        return outputs[0]


@dataclass(frozen=True)
class ClassifierFreeGuidance:
    """scale: w."""

    negative: Any
    positive: Any
    scale: float

    def texts(self, moment: Moment) -> Sequence[Any]:
        return self.negative, self.positive

    def combine(self, outputs: Sequence[Array], moment: Moment) -> Array:
        uncond, cond = outputs
        return uncond + self.scale * (cond - uncond)


@dataclass(frozen=True)
class InInterval:
    """Guidance at some levels of noise alone; at all others the network hears the positive text and nothing else.

    Kynkäänniemi et al. 2024 (arXiv:2404.07724): where much noise is left guidance only narrows what is drawn, and where
    little is left it changes nothing; both times it costs a second question. low, high: in sigma, noise over signal.
    """

    guidance: ClassifierFreeGuidance
    low: float
    high: float

    def texts(self, moment: Moment) -> Sequence[Any]:
        return self.guidance.texts(moment) if self._is_inside(moment) else (self.guidance.positive,)

    def combine(self, outputs: Sequence[Array], moment: Moment) -> Array:
        return self.guidance.combine(outputs, moment) if self._is_inside(moment) else outputs[0]

    def _is_inside(self, moment: Moment) -> bool:
        return self.low < moment.level.sigma <= self.high


@dataclass(frozen=True)
class Staged:
    """Guidance that changes on the way. stages: by the number of the question from which on it holds; 0 is there."""

    stages: Mapping[int, Guidance]

    def texts(self, moment: Moment) -> Sequence[Any]:
        return self._now(moment).texts(moment)

    def combine(self, outputs: Sequence[Array], moment: Moment) -> Array:
        return self._now(moment).combine(outputs, moment)

    def _now(self, moment: Moment) -> Guidance:
        return self.stages[max(index for index in self.stages if index <= moment.index)]
