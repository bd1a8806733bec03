# SPDX-License-Identifier: GPL-3.0-or-later
"""What configurations of schedulers say, and the names of spacings."""

from __future__ import annotations

from sd_blender.core.diffusion.samplers import SAMPLERS

SD_1 = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
"""Of Stable Diffusion 1.x."""

ZERO = SD_1 | {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
"""Of a model that starts without signal."""

SPACINGS = ("leading", "trailing", "linspace", "karras", "exponential", "beta", "ays")
DISTILLED = {"LCM", "TCD"}

FREE = sorted(name for name in SAMPLERS if name not in DISTILLED and not name.endswith("Karras"))
"""The samplers that take every spacing."""
