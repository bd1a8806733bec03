# SPDX-License-Identifier: GPL-3.0-or-later
"""Align Your Steps (Sabour, Fidler & Kreis 2024, arXiv:2404.14507): schedules that were optimised for a model.

The authors publish them for ten steps, as the levels of noise sigma that steps begin and end at. For other numbers of
steps they interpolate the logarithm of sigma over the number of the step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .noise_schedule import NoiseSchedule

STABLE_DIFFUSION_1 = (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029)
STABLE_DIFFUSION_XL = (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029)


def align_your_steps(count: int, xl: bool) -> NDArray[np.float64]:
    """Where each of ``count`` steps begins, falling; the last one ends at no noise, or at what the model ends at."""
    table = np.log(STABLE_DIFFUSION_XL if xl else STABLE_DIFFUSION_1)
    places = np.linspace(0, len(table) - 1, count + 1)[:-1]
    found: NDArray[np.float64] = np.exp(np.interp(places, np.arange(len(table)), table))
    return found


def is_published_for(schedule: NoiseSchedule) -> bool:
    """Whether the noise of ``schedule`` ends as that of the models does which the tables were made for."""
    return abs(float(schedule.sigmas[-1]) - STABLE_DIFFUSION_1[0]) < 0.1
