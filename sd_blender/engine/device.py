# SPDX-License-Identifier: GPL-3.0-or-later
"""Where and in which precision the networks run."""

from __future__ import annotations

import gc
from typing import Any

import torch

from ..core.errors import EngineUnavailable
from ..core.geometry import Size

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}

_BYTES_PER_PIXEL = 6000
"""Memory that one image needs per pixel: the decoder's widest layer at full size, a few copies of it."""

_MAX_IMAGES_PER_CALL = 8


def choose_device(wanted: str) -> torch.device:
    """The device called ``wanted`` (torch's names), or for "auto" the fastest here.

    "cuda" is NVIDIA's CUDA and AMD's ROCm alike, as in torch. Raises EngineUnavailable when it is not there.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, there in available.items() if there))
    if not available.get(wanted.partition(":")[0], False):
        raise EngineUnavailable(f"This machine or this torch has no device {wanted}; choose auto or cpu.")
    return torch.device(wanted)


def choose_dtype(wanted: str, device: torch.device) -> torch.dtype:
    """The precision called ``wanted``, or for "auto" float16 on a GPU and float32 on the CPU."""
    if wanted == "auto":
        return torch.float32 if device.type == "cpu" else torch.float16
    if wanted not in DTYPES:
        raise EngineUnavailable(f"The precision {wanted} is unknown; choose auto, {', '.join(DTYPES)}.")
    return DTYPES[wanted]


def describe(device: torch.device) -> str:
    if device.type != "cuda":
        return device.type.upper()
    return f"{'ROCm' if torch.version.hip else 'CUDA'}, {torch.cuda.get_device_name(device)}"


def images_per_call(device: torch.device, size: Size, count: int) -> int:
    """How many images to denoise together: more than one only where that is faster (a GPU) and fits in memory."""
    if device.type != "cuda":
        return 1
    free, _ = torch.cuda.mem_get_info(device)
    return batch_that_fits(free, size, count)


def batch_that_fits(free_bytes: int, size: Size, count: int) -> int:
    """At least one image; at most what fits in half of the free memory, the other half being for the networks."""
    fitting = free_bytes // 2 // (_BYTES_PER_PIXEL * size.width * size.height)
    return max(1, min(fitting, count, _MAX_IMAGES_PER_CALL))


def free_memory() -> None:
    """Give cached memory back to the system and the driver."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def keep_float32_outside(unet: torch.nn.Module, vae: torch.nn.Module) -> None:
    """Let networks in half precision take and give float32, so that everything between them stays float32.

    Noise, latents, guidance and the scheduler are then computed alike on every device, and the same seed starts from
    the same noise whatever precision the networks run in. What crosses is small beside what is computed inside. The
    precision is looked up at each call, so a network moved to float32 later simply stops casting.
    """
    unet.register_forward_pre_hook(_cast_unet_inputs, with_kwargs=True)
    unet.register_forward_hook(_cast_output)
    for name in ("encoder", "quant_conv", "post_quant_conv", "decoder"):
        part = getattr(vae, name)
        if part is not None:
            part.register_forward_pre_hook(_cast_inputs)
            part.register_forward_hook(_cast_output)


def dtype_of(module: torch.nn.Module) -> torch.dtype:
    return next(module.parameters()).dtype


def _cast_inputs(module: torch.nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return (inputs[0].to(dtype_of(module)), *inputs[1:])


def _cast_unet_inputs(
    module: torch.nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    # The timestep must not be cast: bfloat16 has no 999.
    dtype = dtype_of(module)
    text = {"encoder_hidden_states": named["encoder_hidden_states"].to(dtype)}
    return (inputs[0].to(dtype), *inputs[1:]), {**named, **text}


def _cast_output(module: torch.nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
    if isinstance(output, tuple):
        return (output[0].float(), *output[1:])
    return output.float()
