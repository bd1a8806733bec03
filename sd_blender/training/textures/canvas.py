# SPDX-License-Identifier: GPL-3.0-or-later
"""A square on the torus and the random fields that live on it.

Every field is made of whole periods of the square (filtered in the Fourier domain, or a function of wrapped
coordinates), so the left edge continues the right one and the top continues the bottom.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
UNIT = 128
"""Pixels per unit: a tile of 256 px shows twice as many bricks per side as one of 128 px."""


@lru_cache(maxsize=8)
def _frequencies(size: int) -> tuple[Field, Field]:
    """Cycles per pixel along y and x, shaped for `rfft2` of a size x size field."""
    fy = np.fft.fftfreq(size)[:, None].astype(np.float32)
    fx = np.fft.rfftfreq(size)[None, :].astype(np.float32)
    return fy, fx


@lru_cache(maxsize=8)
def _radius(size: int) -> Field:
    fy, fx = _frequencies(size)
    return np.hypot(fy, fx)


@dataclass(frozen=True)
class Canvas:
    """What a recipe paints on: `size` pixels per side, a random generator, and a zoom (2 = half-size features)."""

    size: int
    rng: np.random.Generator
    zoom: float = 1.0

    @property
    def grid(self) -> tuple[Field, Field]:
        """Coordinates (x, y) of the pixel centres in [0, 1), each H x W; y points down."""
        steps = ((np.arange(self.size) + 0.5) / self.size).astype(np.float32)
        x, y = np.meshgrid(steps, steps)
        return x, y

    def count(self, per_unit: float, multiple: int = 1) -> int:
        """A whole number of repeats per side, near `per_unit` for each 128 px, divisible by `multiple`."""
        return max(multiple, round(per_unit * self.zoom * self.size / UNIT / multiple) * multiple)

    def pick(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def filtered(self, gain: Field) -> Field:
        """White noise through a Fourier gain (`rfft2` layout); zero mean, unit standard deviation."""
        white = self.rng.standard_normal((self.size, self.size), dtype=np.float32)
        spectrum = np.fft.rfft2(white) * gain
        spectrum[0, 0] = 0
        field = np.fft.irfft2(spectrum, s=white.shape).astype(np.float32)
        return field / max(float(field.std()), 1e-6)

    def fractal(self, period: float, slope: float = 2.0) -> Field:
        """Fractal noise whose largest features are `period` pixels; a steeper slope is smoother."""
        radius = _radius(self.size) * (period / self.zoom)
        return self.filtered((1 + radius**2) ** (-slope / 2))

    def band(self, period: float, width: float = 0.4) -> Field:
        """Noise around one feature size: a log-normal band at `period` pixels."""
        radius = np.maximum(_radius(self.size), 1e-6) * (period / self.zoom)
        return self.filtered(np.exp(-(np.log(radius) ** 2) / (2 * width**2)))

    def streaks(self, angle: float, length: float, thickness: float) -> Field:
        """Noise drawn out along `angle` (radians, 0 = along x); both sizes in pixels."""
        fy, fx = _frequencies(self.size)
        along = (fx * np.cos(angle) + fy * np.sin(angle)) * (length / self.zoom)
        across = (-fx * np.sin(angle) + fy * np.cos(angle)) * (thickness / self.zoom)
        return self.filtered(np.exp(-2 * (along**2 + across**2)))

    def warp(self, period: float, pixels: float) -> tuple[Field, Field]:
        """A displacement (dx, dy) in [0, 1) coordinates: smooth noise of `pixels` standard deviation."""
        scale = pixels / self.size / self.zoom
        return self.fractal(period, 3.0) * scale, self.fractal(period, 3.0) * scale


def blur(field: Field, radius: float) -> Field:
    """Gaussian blur on the torus; radius (standard deviation) in pixels."""
    gain = np.exp(-2 * (np.pi * radius * _radius(field.shape[0])) ** 2)
    return np.fft.irfft2(np.fft.rfft2(field) * gain, s=field.shape).astype(np.float32)


def ramp(low: float, high: float, field: Field) -> Field:
    """0 below `low`, 1 above `high`, a smooth cubic between."""
    t = np.clip((field - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
