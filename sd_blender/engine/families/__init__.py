# SPDX-License-Identifier: GPL-3.0-or-later
"""The families of models that can be run, one file each."""

from __future__ import annotations

from .family import TEXT_ENCODER as TEXT_ENCODER
from .family import TEXT_ENCODER_2 as TEXT_ENCODER_2
from .family import UNET as UNET
from .family import Family as Family
from .family import tokenizer_of as tokenizer_of
from .stable_diffusion import STABLE_DIFFUSION as STABLE_DIFFUSION
from .stable_diffusion_xl import STABLE_DIFFUSION_XL as STABLE_DIFFUSION_XL

FAMILIES = (STABLE_DIFFUSION, STABLE_DIFFUSION_XL)

WANTED = "choose a Stable Diffusion 1.x, 2.x or XL model"
