# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the networks run."""

from __future__ import annotations

import gc
import re

import torch

from ..core.errors import EngineUnavailable
from ..core.sentence import Sentence


def choose_device(wanted: str) -> torch.device:
    """The device called ``wanted`` (torch's names), or for "auto" the fastest here that this torch can use.

    "cuda" is NVIDIA's CUDA and AMD's ROCm alike, as in torch. Raises EngineUnavailable when it is not there, or when
    this torch was built without code for it.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        if available["cuda"] and (card := _usable_card()) is not None:
            return card
        return torch.device("mps" if available["mps"] else "cpu")
    if not available.get(wanted.partition(":")[0], False):
        raise EngineUnavailable(
            Sentence("This machine or this torch has no device {wanted}; choose auto or cpu.", wanted=wanted)
        )
    device = torch.device(wanted)
    if device.type == "cuda" and not is_supported(device.index or 0):
        raise EngineUnavailable(
            Sentence(
                "The installed torch cannot use the graphics card {card_name}; press Install Engine, "
                "which takes one that can where there is one, or choose the device auto or cpu.",
                card_name=_card_name(device.index or 0),
            )
        )
    return device


def unused_card(device: torch.device) -> str:
    """A sentence where ``device`` is not the graphics card of this machine since torch cannot use that; else ""."""
    if device.type != "cpu" or not torch.cuda.is_available() or torch.cuda.device_count() == 0:
        return ""
    if _usable_card() is not None:
        return ""
    return Sentence(
        "The installed torch cannot use the graphics card {card_name}, so the processor was "
        "used, which is slower; press Install Engine, which takes one that can where there is "
        "one.",
        card_name=_card_name(0),
    )


def _usable_card() -> torch.device | None:
    """The first card that this torch has code for; None where there is none."""
    if torch.cuda.device_count() == 0 or is_supported(0):
        return torch.device("cuda")
    others = (index for index in range(1, torch.cuda.device_count()) if is_supported(index))
    return next((torch.device("cuda", index) for index in others), None)


def is_supported(card: int) -> bool:
    """Whether this torch has code for a card; it would say "no kernel image is available" at the first layer.

    Code that is compiled for a compute capability (sm_86) runs on cards of the same major number and at least its minor
    one; an intermediate form (compute_120) is compiled for every later card. AMD's cards are known by name (gfx1100).
    """
    built = torch.cuda.get_arch_list()
    if not built:
        return True
    if torch.version.hip:
        name = torch.cuda.get_device_properties(card).gcnArchName
        return name.partition(":")[0] in {arch.partition(":")[0] for arch in built}
    capability = torch.cuda.get_device_capability(card)
    return any(_runs_on(arch, capability) for arch in built)


def _runs_on(arch: str, capability: tuple[int, int]) -> bool:
    match = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", arch)
    if match is None:
        return False
    kind, major, minor, only = match.groups()
    built_for = (int(major), int(minor))
    if only == "a":  # with features that no other card has
        return built_for == capability
    if kind == "compute" and not only:
        return built_for <= capability
    return built_for[0] == capability[0] and built_for[1] <= capability[1]


def _card_name(card: int) -> str:
    name = torch.cuda.get_device_name(card)
    if torch.version.hip:
        return f"{name} ({torch.cuda.get_device_properties(card).gcnArchName.partition(':')[0]})"
    return "{} (compute capability {}.{})".format(name, *torch.cuda.get_device_capability(card))


def describe(device: torch.device) -> str:
    if device.type != "cuda":
        return device.type.upper()
    return f"{'ROCm' if torch.version.hip else 'CUDA'}, {torch.cuda.get_device_name(device)}"


def free_memory() -> None:
    """Give cached memory back to the system and the driver."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def dtype_of(module: torch.nn.Module) -> torch.dtype:
    return next(module.parameters()).dtype
