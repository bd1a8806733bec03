# SPDX-License-Identifier: GPL-3.0-or-later
"""In which precision and layout each network runs, by which kernels, and why: all of it is decided here.

Half precision where the device computes it natively: bfloat16, whose range is that of float32, before float16. float32
for a network that is so small that nobody waits for it, and for one that is known to overflow. Networks of convolutions
have their channels last, so that the numbers that a kernel multiplies together lie together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..core.errors import EngineUnavailable
from ..core.json_files import read_json
from ..core.sentence import Sentence
from .device import describe, dtype_of
from .model_files import ModelFiles
from .processor_probe import ProcessorProbe

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}

SMALL = 50_000_000
"""Weights below which a network stays in float32: the starter model and its like give the same pictures everywhere."""

_UPCAST = "which its configuration asks for"
_OVERFLOWED = "since it overflowed in half precision"
_LABELS = {"unet": "U-Net", "vae": "autoencoder"}


@dataclass(frozen=True)
class Choice:
    """For one network. reason: how a sentence about it ends, "" where there is nothing to say."""

    dtype: torch.dtype
    layout: torch.memory_format = torch.channels_last
    reason: str = ""


def choose_dtype(wanted: str) -> torch.dtype | None:
    """The precision called ``wanted``, None for "auto". Raises EngineUnavailable for an unknown one."""
    if wanted == "auto":
        return None
    if wanted not in DTYPES:
        raise EngineUnavailable(
            Sentence(
                "The precision {wanted} is unknown; choose auto, {join}.",
                wanted=wanted,
                join=", ".join(DTYPES),
            )
        )
    return DTYPES[wanted]


def native_half(device: torch.device) -> torch.dtype:
    """The half precision that a card computes natively."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float16


class Precision:
    """Chooses for the networks of models on ``device``.

    wanted: what the artist wants instead, None for the best. probe: asked on a processor.
    """

    def __init__(
        self, device: torch.device, wanted: torch.dtype | None, probe: ProcessorProbe | None = None
    ) -> None:
        self._device, self._wanted = device, wanted
        self._probe = probe or ProcessorProbe()

    def of(self, files: ModelFiles, name: str) -> Choice:
        """For the component ``name`` of a model that was checked."""
        if name in files.family.text_encoders:
            return self._of_text(files)
        if name == "vae" and files.family.heeds_upcast:
            config = read_json(files.folder / name / "config.json")
            if config.get("force_upcast", True):
                return Choice(torch.float32, reason="" if self._wanted == torch.float32 else _UPCAST)
        if self._wanted is not None:
            return Choice(self._wanted, reason="as the preferences say")
        if files.parameters[name] < SMALL:
            return Choice(torch.float32, reason="since it is small")
        if self._device.type == "cpu":
            return self._on_processor(
                read_json(files.folder / name / "config.json").get("block_out_channels")
            )
        return Choice(native_half(self._device))

    def _of_text(self, files: ModelFiles) -> Choice:
        """It runs once a picture, and sets the precision of what follows: float32 unless a card would be short of
        memory for it."""
        dtype = self._wanted or (torch.float32 if self._device.type == "cpu" else native_half(self._device))
        return Choice(dtype if files.family.large_text else torch.float32, torch.contiguous_format)

    def _on_processor(self, widths: Any) -> Choice:
        """widths: as a stranger's configuration has them; one that is none is refused when it is loaded."""
        if not isinstance(widths, list) or not widths or not all(type(width) is int for width in widths):
            return Choice(torch.float32)
        found = self._probe.best(widths)
        reason: str
        if found.bfloat16:
            reason = Sentence("{gain} times as fast here as float32", gain=found.gain)
        elif self._probe.units:
            reason = "since bfloat16 is not clearly faster here"
        else:
            reason = "since this processor has no units for bfloat16"
        return Choice(found.way.dtype, found.way.layout, reason)


def told(networks: Mapping[str, torch.nn.Module], choices: Mapping[str, Choice], device: torch.device) -> str:
    """A sentence on what the ``networks`` "unet" and "vae" are computed in, now, and why."""
    unet, autoencoder = (_told(name, dtype_of(networks[name]), choices[name]) for name in _LABELS)
    return Sentence(
        "{unet}; {autoencoder} ({device}).", unet=unet, autoencoder=autoencoder, device=describe(device)
    )


def _told(name: str, dtype: torch.dtype, choice: Choice) -> str:
    is_last = choice.layout == torch.channels_last
    pattern = "{network} in {precision}, channels last" if is_last else "{network} in {precision}"
    precision = str(dtype).removeprefix("torch.")
    made = Sentence(pattern, network=_LABELS[name], precision=precision)
    reason = choice.reason if dtype == choice.dtype else _OVERFLOWED
    return Sentence("{made}, {reason}", made=made, reason=reason) if reason else made


@contextmanager
def quick_kernels(device: torch.device, wanted: torch.dtype | None) -> Iterator[None]:
    """Inside, CUDA takes the fastest kernels: of attention, and for what is in float32 the tensor cores' TF32.

    Who wants float32 gets all of its 24 bits.
    """
    if device.type != "cuda":
        yield
        return
    products = torch.backends.cuda.matmul, torch.backends.cudnn.conv  # type: ignore[attr-defined]
    before = [product.fp32_precision for product in products]
    try:
        if wanted != torch.float32:
            for product in products:
                product.fp32_precision = "tf32"
        with sdpa_kernel(attention_kernels(torch.cuda.get_device_capability(device)), set_priority=True):
            yield
    finally:
        for product, precision in zip(products, before, strict=True):
            product.fp32_precision = precision


def attention_kernels(capability: tuple[int, int]) -> list[SDPBackend]:
    """The kernels of attention in order of speed; torch takes the first that can do what it is asked.

    cuDNN has kernels for Hopper (9.0) and later that are written for them, where torch's FlashAttention is version 2.
    """
    flash = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION]
    cudnn = [SDPBackend.CUDNN_ATTENTION]
    return [*(cudnn + flash if capability >= (9, 0) else flash + cudnn), SDPBackend.MATH]


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


def _cast_inputs(module: torch.nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return (inputs[0].to(dtype_of(module)), *inputs[1:])


def _cast_unet_inputs(
    module: torch.nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    # The timestep must not be cast: bfloat16 has no 999.
    dtype = dtype_of(module)
    told = {
        name: named[name].to(dtype)
        for name in ("encoder_hidden_states", "timestep_cond")
        if named.get(name) is not None
    }
    return (inputs[0].to(dtype), *inputs[1:]), {**named, **told}


def _cast_output(module: torch.nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
    if isinstance(output, tuple):
        return (output[0].float(), *output[1:])
    return output.float()
