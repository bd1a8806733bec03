# SPDX-License-Identifier: GPL-3.0-or-later
"""What must never arrive silently: broken numbers, blank pictures, prompts that were cut, memory that ran out."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPTokenizer

from ..core.errors import BadResult, OutOfMemory
from ..core.geometry import Size
from ..core.request import ImageArray

_OUT_OF_MEMORY = (
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "DefaultCPUAllocator",
    "not enough memory",
)


def require_finite(values: Tensor, what: str) -> None:
    """Raise BadResult unless every number is finite."""
    if not bool(torch.isfinite(values).all()):
        raise BadResult(
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
    limit = tokenizer.model_max_length
    tokens = tokenizer(prompt).input_ids
    if len(tokens) <= limit:
        return None
    lost = tokenizer.decode(tokens[limit - 1 : -1]).strip()
    shown = lost if len(lost) <= 80 else lost[:80] + "..."
    return f"The {label} is too long for the model, which did not see its end: {shown!r}."


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
    return OutOfMemory(f"The memory ran out; {advice}.", details=str(error))
