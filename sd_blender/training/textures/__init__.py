# SPDX-License-Identifier: GPL-3.0-or-later
"""A procedural texture data set: seamless by construction, with captions, reproducible from (seed, index)."""

from .dataset import Sample, TextureSet, make_sample
from .materials import MATERIALS

__all__ = ["MATERIALS", "Sample", "TextureSet", "make_sample"]
