# SPDX-License-Identifier: GPL-3.0-or-later
"""What must never arrive silently: broken numbers, blank pictures, cut prompts, memory that ran out, a lost device."""

from __future__ import annotations

import re

import torch
from safetensors import SafetensorError
from torch import Tensor

from ..core.errors import DeviceLost, EngineUnavailable, is_system_out_of_memory
from ..core.picture_checks import NotFinite as NotFinite
from ..core.picture_checks import not_finite as not_finite
from ..core.picture_checks import out_of_memory as out_of_memory
from ..core.sentence import Sentence

_OUT_OF_MEMORY = re.compile(
    r"out ?of ?memory|not enough memory|DefaultCPUAllocator|STATUS_ALLOC_FAILED|miopenStatusAllocFailed"
    # MPS, of what is larger than Metal takes at once, and Metal of what it was sent.
    r"|Invalid buffer size|Insufficient Memory \("
    # oneDNN.
    r"|could not create a memory object"
    # cuDNN, when the workspaces of all its ways to convolve are too large.
    r"|unable to find an engine|unable to find a valid cuDNN algorithm",
    re.IGNORECASE,
)
_UNSUPPORTED = re.compile(
    r"no kernel image is available|invalid device function|hipErrorNoBinaryForGpu|hipErrorInvalidDeviceFunction"
    r"|not compatible with the current PyTorch installation"
)

# How torch begins what CUDA and HIP report, and the words of it that reach us without that beginning. The programming
# guide of CUDA on these: the process must be terminated and relaunched.
_DEVICE_LOST = re.compile(
    r"(CUDA|HIP) (driver )?error:|\bhipError|\bcudaError"
    r"|(CUDNN|CUBLAS|HIPBLAS)_STATUS_(EXECUTION_FAILED|INTERNAL_ERROR|MAPPING_ERROR|NOT_INITIALIZED)"
    r"|illegal memory access|device-side assert|unspecified launch failure|launch timed out"
)


def is_finite(values: Tensor) -> Tensor:
    """Whether every number is finite, as one value where the numbers are.

    Looks at their sum, which is not finite if any of them is not: one pass.
    """
    return torch.isfinite(values.sum(dtype=torch.float32))


def require_finite(values: Tensor, what: str) -> None:
    """Raise NotFinite unless every number is finite; waits for the device."""
    if not bool(is_finite(values)):
        raise not_finite(what)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory of any kind ran out, in the words of any system and library."""
    if isinstance(error, torch.OutOfMemoryError) or is_system_out_of_memory(error):
        return True
    kinds = (RuntimeError, OSError, SafetensorError)
    return isinstance(error, kinds) and bool(_OUT_OF_MEMORY.search(str(error)))


def is_device_lost(error: BaseException) -> bool:
    """Whether no further call in this process can succeed: what CUDA calls a sticky error, and HIP alike."""
    if not isinstance(error, RuntimeError) or is_out_of_memory(error) or is_device_unsupported(error):
        return False
    return isinstance(error, torch.AcceleratorError) or bool(_DEVICE_LOST.search(str(error)))


def is_device_unsupported(error: BaseException) -> bool:
    """Whether this torch has no code for the graphics card; nothing is broken, and the processor still works."""
    return isinstance(error, RuntimeError) and bool(_UNSUPPORTED.search(str(error)))


def device_unsupported(error: BaseException) -> EngineUnavailable:
    return EngineUnavailable(
        "The installed torch cannot use this graphics card; press Install Engine, which takes one that can where there "
        "is one, or choose the device cpu in the preferences.",
        details=str(error),
    )


def device_lost(error: BaseException) -> DeviceLost:
    """The sentence for the artist; ``error`` is only read, since its frames hold memory of the device."""
    reason = str(error).strip().split("\n")[0][:120].rstrip(".")
    return DeviceLost(
        Sentence(
            "The graphics device failed ({reason}); generate again, and if it fails again update its driver.",
            reason=reason,
        ),
        details=str(error),
    )
