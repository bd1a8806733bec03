# SPDX-License-Identifier: GPL-3.0-or-later
"""Pixels and masks between Blender's convention and the engine's; the one module that converts.

Engine side: uint8, height x width x 3 or 4, row 0 at the top, as the picture looks: sRGB-encoded, and data (roughness,
normals) as they are. Alpha is straight.
Blender side: flat float32 RGBA, row 0 at the bottom. Byte images hold what is stored, with straight alpha; float ones
scene-linear colours in the working space of the file, multiplied by alpha, or data as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import masks
from .errors import InvalidRequest
from .falloff import spread
from .messages import Seam
from .request import ImageArray, MaskArray, Tiling

FloatArray = NDArray[np.float32]
MEAN_OF_RGB = np.array([1 / 3, 1 / 3, 1 / 3, 0], np.float32)
OPAQUE = np.float32(254.5 / 255)
"""The least alpha that is stored as 255."""
BAND = 64
"""Rows converted at a time: what lies between stays in the processor's cache instead of touching new memory."""


def to_blender(pixels: ImageArray, out: FloatArray | None = None) -> FloatArray:
    """Flat float32 RGBA of ``width * height * 4`` values in 0..1 for the ``pixels`` of a byte image.

    The values stay sRGB-encoded, which is what Blender's byte images hold; alpha is 1 where there was none. ``out``
    (same length) is reused when given, since allocating is half of the cost at large sizes.
    """
    height, width, channels = pixels.shape
    if out is None:
        out = np.empty(width * height * 4, np.float32)
    rgba = out.reshape(height, width, 4)
    np.multiply(pixels[::-1], np.float32(1 / 255), out=rgba[..., :channels])
    if channels == 3:
        rgba[..., 3] = 1.0
    return out


@dataclass(frozen=True)
class SceneLinear:
    """What the values of a float image are.

    premultiplied: whether the colours are multiplied by alpha. to_rec709: 3 x 3, whose rows are red, green and blue of
    the working space in linear Rec.709, the primaries of sRGB; None where they are the same. encode: False for values
    that were not sRGB-encoded before Blender read them, and are wanted as they were.
    """

    premultiplied: bool = False
    to_rec709: FloatArray | None = None
    encode: bool = True


def from_blender(
    flat: FloatArray, width: int, height: int, *, linear: SceneLinear | None = None
) -> ImageArray:
    """uint8, height x width x 3, or 4 where something is transparent, row 0 at the top, from flat RGBA values.

    linear: what scene-linear values are, which are sRGB-encoded here; None for values that look as they are. Values
    outside 0..1 are clipped. Raises InvalidRequest when a value is not a finite number, which a byte image would
    silently turn black.
    """
    low, high = flat.min(), flat.max()  # one NaN makes both NaN; five times as fast as asking each value
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InvalidRequest(
            "image", "The source image holds values that are not numbers; render or load it again."
        )
    rgba = flat.reshape(height, width, 4)[::-1]
    channels = 3 if rgba[..., 3].min() >= OPAQUE else 4
    in_range = low >= 0 and high <= 1
    pixels = np.empty((height, width, channels), np.uint8)
    # All four channels, though one may be dropped: whole rows are converted several times as fast as parts.
    scaled = np.empty((min(BAND, height), width, 4), np.float32)
    values = np.empty(scaled.shape, np.uint8)
    for top in range(0, height, BAND):
        band = rgba[top : top + BAND]
        if linear is not None:
            band = _as_it_looks(band, linear)
        elif not in_range:
            band = np.clip(band, 0.0, 1.0)
        rows = len(band)
        np.multiply(band, np.float32(255), out=scaled[:rows])
        scaled[:rows] += np.float32(0.5)  # rounded, not cut: 0.5 becomes 128
        np.copyto(values[:rows], scaled[:rows], casting="unsafe")
        for channel in range(channels):
            pixels[top : top + rows, :, channel] = values[:rows, :, channel]
    return pixels


def _as_it_looks(rgba: FloatArray, linear: SceneLinear) -> FloatArray:
    """sRGB-encoded and straight RGBA in 0..1, of any shape, from scene-linear RGBA."""
    shown = np.clip(rgba, 0.0, 1.0)
    colors, alpha = rgba[..., :3], shown[..., 3:]
    if linear.premultiplied:  # what glows without covering anything has no alpha to divide by
        colors = np.divide(colors, alpha, out=colors.copy(), where=alpha > 0)
    if linear.to_rec709 is not None:
        colors = colors @ linear.to_rec709
    colors = np.clip(colors, 0.0, 1.0)
    shown[..., :3] = linear_to_srgb(colors) if linear.encode else colors
    return shown


def mask_from_blender(
    flat: FloatArray, width: int, height: int, *, linear: SceneLinear | None = None
) -> MaskArray:
    """float32 mask, height x width, 1 where the artist painted white.

    The value is the mean of red, green and blue times alpha, so that both white on black and white on transparent
    are masks. linear: as for :func:`from_blender`. Raises InvalidRequest for values that are not numbers.
    """
    rgba = flat.reshape(height, width, 4)[::-1]
    if linear is not None:
        rgba = _as_it_looks(rgba, linear)
    mask = rgba @ MEAN_OF_RGB
    mask *= rgba[..., 3]
    low, high = mask.min(), mask.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InvalidRequest(
            "mask", "The mask holds values that are not numbers; make a new mask and paint it again."
        )
    return np.clip(mask, 0.0, 1.0, out=mask)


def linear_to_srgb(linear: FloatArray) -> FloatArray:
    """The sRGB transfer curve (IEC 61966-2-1) for values in 0..1."""
    low = linear * np.float32(12.92)
    high = np.float32(1.055) * np.power(linear, np.float32(1 / 2.4)) - np.float32(0.055)
    return np.where(linear <= np.float32(0.0031308), low, high)


def feather_mask(mask: MaskArray, feather: int, tiling: Tiling = Tiling.OFF) -> FloatArray:
    """How much of the new picture shows at each pixel: float32, height x width, 0..1.

    The settled mask, and around it what falls off by 1 in ``feather`` pixels; exactly 0 at that distance and beyond.
    The band wraps around the axes that tile. See :func:`~.masks.settled` and :func:`~.falloff.spread`.
    """
    mask = masks.settled(mask)
    if feather == 0:
        return mask
    height, width = mask.shape
    pad_x = min(feather, width) if tiling.wraps_x else 0
    pad_y = min(feather, height) if tiling.wraps_y else 0
    if not (pad_x or pad_y):
        return spread(mask, feather)
    padded = np.pad(mask, ((pad_y, pad_y), (pad_x, pad_x)), mode="wrap")
    return spread(padded, feather)[pad_y : pad_y + height, pad_x : pad_x + width]


def composite(original: ImageArray, generated: ImageArray, alpha: FloatArray) -> ImageArray:
    """``generated`` laid over ``original``: equal to the original to the last bit wherever ``alpha`` is 0.

    original: height x width x 3 or 4; an alpha channel is kept as it is. generated: at least 3 channels, of which
    the first three are used. alpha: float32, height x width, 0..1.
    """
    result = original.copy()
    touched = alpha > 0
    share = alpha[touched][:, None]
    blended = original[touched][:, :3] * (1 - share) + generated[touched][:, :3] * share
    result[touched, :3] = np.rint(blended).astype(np.uint8)
    return result


def seam_error(pixels: ImageArray) -> Seam:
    """Mean absolute step across each wrapped edge over the mean step inside; see :class:`~.messages.Seam`.

    A picture without any step inside has an error of 1 if its edges agree too.
    """
    rgb = pixels[..., :3].astype(np.int16)
    return Seam(x=_wrap_ratio(rgb), y=_wrap_ratio(rgb.swapaxes(0, 1)))


def _wrap_ratio(rgb: NDArray[np.int16]) -> float:
    across = float(np.abs(rgb[:, 0] - rgb[:, -1]).mean())
    inside = float(np.abs(np.diff(rgb, axis=1)).mean()) if rgb.shape[1] > 1 else 0.0
    if across == 0.0 and inside == 0.0:
        return 1.0
    # A millionth of a level keeps the ratio finite, so that it can be written as JSON.
    return across / max(inside, 1e-6)
