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

from ..core.errors import OutOfMemory
from ..core.geometry import Size
from .device import dtype_of

_MEMINFO = Path("/proc/meminfo")
GIGABYTE = 1e9


def available_bytes(device: torch.device) -> int | None:
    """Memory that this process can still get on ``device``; None where the system does not say."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # What torch keeps for itself between calls is there to be used again.
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
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


def refuse_what_cannot_fit(needed: int, available: int | None, size: Size) -> None:
    """Raise OutOfMemory, with a size that may fit, if less than ``needed`` bytes are ``available``."""
    if available is None or needed <= available:
        return
    shrink = math.sqrt(max(available, 0) / needed)
    width, height = (max(64, int(side * shrink) // 8 * 8) for side in (size.width, size.height))
    raise OutOfMemory(
        f"A picture of {size.width} x {size.height} needs at least {needed / GIGABYTE:.1f} GB of memory and "
        f"{available / GIGABYTE:.1f} GB are free; try {width} x {height}, or close other programs."
    )


def refuse_too_many(size: Size, count: int, available: int | None) -> None:
    """Raise OutOfMemory if ``count`` finished pictures (uint8 RGB) of ``size`` are more than the main memory holds."""
    each = size.width * size.height * 3
    if available is None or each * count <= available:
        return
    fitting = max(1, available // each)
    raise OutOfMemory(
        f"{count} pictures of {size.width} x {size.height} need {each * count / GIGABYTE:.1f} GB of memory and "
        f"{available / GIGABYTE:.1f} GB are free; make {fitting} at a time."
    )
