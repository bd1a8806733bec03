# SPDX-License-Identifier: GPL-3.0-or-later
"""What must never arrive silently: broken numbers, blank pictures, cut prompts, memory that ran out, a lost device."""

from __future__ import annotations

import re

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPTokenizer

from ..core.errors import BadResult, DeviceLost, OutOfMemory
from ..core.geometry import Size
from ..core.request import ImageArray
from .prompt_encoding import count_tokens

_OUT_OF_MEMORY = (
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "DefaultCPUAllocator",
    "not enough memory",
)

# How torch begins what CUDA and HIP report, and the words of it that reach us without that beginning. The programming
# guide of CUDA on these: the process must be terminated and relaunched.
_DEVICE_LOST = re.compile(
    r"(CUDA|HIP) (driver )?error:|\bhipError|\bcudaError"
    r"|(CUDNN|CUBLAS|HIPBLAS)_STATUS_(EXECUTION_FAILED|INTERNAL_ERROR|MAPPING_ERROR|NOT_INITIALIZED)"
    r"|illegal memory access|device-side assert|unspecified launch failure|launch timed out"
)

# What CUDA's allocator says of itself: "Tried to allocate 2.00 GiB. GPU 0 has ... of which 1.12 GiB is free."
_TRIED = re.compile(r"Tried to allocate ([\d.]+ [KMG]iB)")
_FREE = re.compile(r"of which ([\d.]+ [KMG]iB) is free")


class NotFinite(BadResult):
    """A network gave NaN or infinity."""


def require_finite(values: Tensor, what: str) -> None:
    """Raise NotFinite unless every number is finite.

    Looks at their sum, which is not finite if any of them is not: one pass, and a single number to fetch.
    """
    if not bool(torch.isfinite(values.sum(dtype=torch.float32))):
        raise NotFinite(
            f"The {what} gave values that are not numbers; choose the precision float32 in the preferences, or "
            "another model."
        )


def blank_warning(pixels: ImageArray) -> str | None:
    """A sentence if the picture is one flat colour, which is seldom what was asked for."""
    for part in (pixels[::16, ::16], pixels):  # a look at a few pixels settles nearly every case
        if np.ptp(part, axis=(0, 1)).max() > 2:
            return None
    colour = ", ".join(str(value) for value in pixels[0, 0])
    return f"The picture is one flat colour ({colour}); try another seed, prompt or scheduler."


def cut_warning(tokenizer: CLIPTokenizer, prompt: str, label: str) -> str | None:
    """A sentence if the text encoder will not see the end of ``prompt``."""
    cut = count_tokens(tokenizer, prompt).cut
    if not cut:
        return None
    shown = repr(cut) if len(cut) <= 200 else f"{len(cut.split())} words, from {cut[:100]!r} on"
    return f"The {label} is too long for the model, which did not see its end: {shown}; shorten it."


def is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)


def out_of_memory(error: BaseException, size: Size | None) -> OutOfMemory:
    """The sentence for the artist. Holds the words of ``error`` and not its frames, which hold the memory."""
    if size is None or max(size.width, size.height) <= 64:
        advice = "close other programs or choose a smaller model"
    else:
        smaller = " x ".join(str(max(64, side * 7 // 10 // 8 * 8)) for side in (size.width, size.height))
        advice = f"try {smaller} instead of {size.width} x {size.height}, or close other programs"
    tried, free = _TRIED.search(str(error)), _FREE.search(str(error))
    amounts = f" ({tried[1]} more were needed, {free[1]} were free)" if tried and free else ""
    return OutOfMemory(f"The memory ran out{amounts}; {advice}.", details=str(error))


def is_device_lost(error: BaseException) -> bool:
    """Whether no further call in this process can succeed: what CUDA calls a sticky error, and HIP alike."""
    if is_out_of_memory(error) or not isinstance(error, RuntimeError):
        return False
    return isinstance(error, torch.AcceleratorError) or bool(_DEVICE_LOST.search(str(error)))


def device_lost(error: BaseException) -> DeviceLost:
    """The sentence for the artist; ``error`` is only read, since its frames hold memory of the device."""
    reason = str(error).strip().split("\n")[0][:120].rstrip(".")
    return DeviceLost(
        f"The graphics device failed ({reason}); generate again, and if it fails again update its driver.",
        details=str(error),
    )
