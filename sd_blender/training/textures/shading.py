# SPDX-License-Identifier: GPL-3.0-or-later
"""From a surface and a palette to pixels, under one fixed light from the top left."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .canvas import Field, blur
from .surface import Palette, Rgb, Surface

LIGHT = np.array([-0.42, -0.58, 0.70], np.float32)
RELIEF = 0.30
"""How steep one pixel of height looks; chosen by eye."""


def lerp(a: Field, b: Rgb | Field, amount: Field | float) -> Field:
    """Mix H x W x 3 colours by an H x W amount."""
    weight = np.asarray(amount, np.float32)[..., None] if np.ndim(amount) else np.float32(amount)
    return a + (np.asarray(b, np.float32) - a) * weight


def albedo(surface: Surface, palette: Palette) -> Field:
    """The colour without light, H x W x 3 in 0 .. 1 (sRGB)."""
    base = np.broadcast_to(np.asarray(palette.main, np.float32), (*surface.height.shape, 3))
    colour = lerp(base, palette.other, np.clip(surface.blend, 0, 1))
    colour = lerp(colour, palette.gap, np.clip(surface.gap, 0, 1))
    tone = np.asarray(surface.tone, np.float32)
    # Black has no room below: half of the tone is added, half multiplies.
    return colour * (1 + tone)[..., None] + 0.12 * tone[..., None] if tone.ndim else colour * (1 + tone)


def shade_surface(surface: Surface, colour: Field) -> NDArray[np.uint8]:
    """Diffuse and specular light with a soft occlusion. colour: albedo, H x W x 3. Returns H x W x 3 uint8, sRGB."""
    h = surface.height * RELIEF
    normal = np.stack(
        [
            (np.roll(h, 1, 1) - np.roll(h, -1, 1)) / 2,
            (np.roll(h, 1, 0) - np.roll(h, -1, 0)) / 2,
            np.ones_like(h),
        ],
        axis=-1,
    )
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    light = LIGHT / np.linalg.norm(LIGHT)
    half = light + np.array([0, 0, 1], np.float32)
    half /= np.linalg.norm(half)
    diffuse = np.clip(normal @ light, 0, None) / light[2]
    occlusion = np.clip(1 - 0.16 * np.clip(blur(surface.height, 4.0) - surface.height, -1, 4), 0.5, 1.1)
    shine = np.clip(normal @ half, 0, 1) ** 48 - half[2] ** 48
    lit = np.clip(0.36 + 0.64 * diffuse, 0, 1.5) * occlusion
    lit = lit + (1 - lit) * np.asarray(surface.glow, np.float32)
    pixels = colour * lit[..., None] + (0.42 * np.asarray(surface.gloss) * np.clip(shine, -0.1, 1))[..., None]
    return (np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8)
