# SPDX-License-Identifier: GPL-3.0-or-later
"""How much memory there is, and how much a picture needs at the very least: to refuse at once what cannot end well."""

from __future__ import annotations

import ctypes
import math
import os
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor

from ..core.errors import OutOfMemory
from ..core.geometry import Size
from ..core.sentence import Sentence
from .device import dtype_of

_MEMINFO = Path("/proc/meminfo")
GIGABYTE = 1e9

_VALUES_PER_CHANNEL = 28
"""That a U-Net holds at its most, per place and channel of its widest level: of Stable Diffusion 1.x, 2.x and XL that
was counted to be 26, 26 and 16, nearly all of it the feed-forward layers of attention."""

_MAX_IMAGES_PER_CALL = 8

_DECODER_VALUES, _ENCODER_VALUES = 4, 6
"""That an autoencoder holds at its most, per pixel and channel: of the second level where the decoder reaches full
size, of the first where the encoder leaves it. Counted were 3 and 5 of Stable Diffusion's, and 4 and 5 seamless."""


def available_bytes(device: torch.device) -> int | None:
    """Memory that this process can still get on ``device``; None where the system does not say."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # What torch keeps for itself between calls is there to be used again.
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type == "mps":
        # Not what the driver has given out, of which torch keeps a part for itself as well.
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    return available_main_memory()


def available_main_memory() -> int | None:
    """Bytes of main memory that can be had without swapping, or None."""
    if sys.platform == "win32":
        return _available_on_windows()
    try:
        # What files occupy can be taken back; only this line counts it as available.
        for line in _MEMINFO.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _available_on_windows() -> int | None:
    class Status(ctypes.Structure):
        """MEMORYSTATUSEX of the Windows API; the second of its 64-bit numbers is ullAvailPhys."""

        _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong), ("bytes", ctypes.c_ulonglong * 7)]

    status = Status(length=ctypes.sizeof(Status))
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return None
    return int(status.bytes[1])


def least_bytes(unet: UNet2DConditionModel, vae: AutoencoderKL, size: Size) -> int:
    """What one picture of ``size`` needs on the device with every saving made; really it is more.

    Counted is what is there together, of the largest. In the U-Net, for one row of the batch, where its way up reaches
    full size: what the way down kept for it, that joined to what comes from below, and the normalised copy. In the
    decoder in tiles: a layer at the size of the latents, with its copy.
    """
    cells = size.width * size.height / 4 ** (len(vae.config.block_out_channels) - 1)
    widths, layers = unet.config.block_out_channels, unet.config.layers_per_block
    kept = ((layers if isinstance(layers, int) else layers[0]) + 1) * widths[0]
    joined = widths[0] + widths[min(1, len(widths) - 1)]
    widest = vae.config.block_out_channels[-1]
    unet_bytes = (kept + 2 * joined) * dtype_of(unet).itemsize
    decoder_bytes = 2 * widest * dtype_of(vae).itemsize
    return math.ceil(cells * max(unet_bytes, decoder_bytes))


def decoding_bytes(vae: AutoencoderKL, latents: Tensor) -> int:
    """What the decoder needs beside its weights for all of ``latents`` (n, C, h, w) at once."""
    widths = vae.config.block_out_channels
    pixels = len(latents) * math.prod(latents.shape[-2:]) * 4 ** (len(widths) - 1)
    return pixels * _DECODER_VALUES * widths[min(1, len(widths) - 1)] * dtype_of(vae).itemsize


def encoding_bytes(vae: AutoencoderKL, pixels: Tensor) -> int:
    """What the encoder needs beside its weights for all of ``pixels`` (n, 3, h, w) at once."""
    cells = len(pixels) * math.prod(pixels.shape[-2:])
    return cells * _ENCODER_VALUES * vae.config.block_out_channels[0] * dtype_of(vae).itemsize


def images_per_call(unet: UNet2DConditionModel, cells: int, rows: int, count: int) -> int:
    """How many images to denoise together: more than one only where that is faster (a GPU) and fits in memory.

    cells: of the latents of one image; rows: of the U-Net's batch for one, two where it is guided.
    """
    if unet.device.type != "cuda":
        return 1
    return batch_that_fits(available_bytes(unet.device), unet_bytes(unet, cells, rows), count)


def unet_bytes(unet: UNet2DConditionModel, cells: int, rows: int) -> int:
    """What a call of ``unet`` needs beside its weights, for ``rows`` latents of so many ``cells``."""
    widest = max(width / 4**level for level, width in enumerate(unet.config.block_out_channels))
    return math.ceil(rows * cells * _VALUES_PER_CHANNEL * widest * dtype_of(unet).itemsize)


def batch_that_fits(available: int | None, each: int, count: int) -> int:
    """At least one image; at most what takes half of what is available, since that is shared with other programs."""
    if available is None:
        return 1
    return max(1, min(available // 2 // each, count, _MAX_IMAGES_PER_CALL))


def refuse_what_cannot_fit(needed: int, available: int | None, size: Size) -> None:
    """Raise OutOfMemory, with a size that may fit, if less than ``needed`` bytes are ``available``."""
    if available is None or needed <= available:
        return
    shrink = math.sqrt(max(available, 0) / needed)
    width, height = (max(64, int(side * shrink) // 8 * 8) for side in (size.width, size.height))
    raise OutOfMemory(
        Sentence(
            "A picture of {width} x {height} needs at least {needed} GB of memory and {available} GB "
            "are free; try {width2} x {height2}, or close other programs.",
            width=size.width,
            height=size.height,
            needed=f"{needed / GIGABYTE:.1f}",
            available=f"{available / GIGABYTE:.1f}",
            width2=width,
            height2=height,
        )
    )


def refuse_too_many(size: Size, count: int, available: int | None) -> None:
    """Raise OutOfMemory if ``count`` finished pictures (uint8 RGB) of ``size`` are more than the main memory holds."""
    each = size.width * size.height * 3
    if available is None or each * count <= available:
        return
    fitting = max(1, available // each)
    raise OutOfMemory(
        Sentence(
            "{count} pictures of {width} x {height} need {each} GB of memory and {available} GB are "
            "free; make {fitting} at a time.",
            count=count,
            width=size.width,
            height=size.height,
            each=f"{each * count / GIGABYTE:.1f}",
            available=f"{available / GIGABYTE:.1f}",
            fitting=fitting,
        )
    )
