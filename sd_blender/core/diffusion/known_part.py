# SPDX-License-Identifier: GPL-3.0-or-later
"""Inpainting by a network that never sees the mask: what is known is put back at every level of noise.

RePaint without its repetitions (Lugmayr et al. 2022, arXiv:2201.09865). m is 1 where the picture is made anew, x_0 are
the latents of the picture that is known, and eps the noise it began with:

    x_t = m x_t + (1 - m) (signal x_0 + noise eps)
"""

from __future__ import annotations

from dataclasses import dataclass

from .loop import Array, Condition, Moment


@dataclass(frozen=True)
class KnownPart(Condition):
    """new: m, 0 or 1, (1, 1, h, w). x0, eps: like the latents, (n, C, h, w)."""

    new: Array
    x0: Array
    eps: Array

    def before(self, moment: Moment) -> None:
        if moment.index:  # at the first one all is as the task began it
            moment.x = self._put_back(moment.x, moment.place.mix(self.x0, self.eps))

    def finish(self, x: Array) -> Array:
        return self._put_back(x, self.x0)

    def _put_back(self, x: Array, known: Array) -> Array:
        return (1 - self.new) * known + self.new * x
