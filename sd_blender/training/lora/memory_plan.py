# SPDX-License-Identifier: GPL-3.0-or-later
"""How to train in the memory there is: how many pictures go together, and whether activations are kept.

The network's weights are there in any case and what is learned is small, so the activations that the backward pass
needs decide. They are counted on a copy of the U-Net without weights, by the tensors that autograd would keep.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from ...core.errors import OutOfMemory
from ...core.sentence import Sentence

RECOMPUTED = 0.3
"""Share of the activations that are there at once when each block is computed again in the backward pass (Chen et al.
2016, arXiv:1604.06174): what goes into every block, and all of the largest."""

USABLE = 0.8
"""Share of the free memory to plan with: the rest is for the optimiser, sample pictures and others."""


@dataclass(frozen=True)
class Plan:
    """together: pictures in one pass; a batch of more is summed up over several. checkpointing: recompute blocks."""

    together: int
    checkpointing: bool

    def smaller(self) -> Plan | None:
        """What to try when the memory ran out all the same; None when nothing is left."""
        if self.together > 1:
            return replace(self, together=self.together // 2)
        return None if self.checkpointing else replace(self, checkpointing=True)

    def sentence(self, batch: int) -> str:
        """What the artist may want to know, "" where nothing had to be saved."""
        if self.together == batch and not self.checkpointing:
            return ""
        again = ", computing each block twice" if self.checkpointing else ""
        return Sentence(
            "To fit into the memory, {together} of {batch} pictures were computed at a time{again}.",
            together=self.together,
            batch=batch,
            again=again,
        )


def too_large(size: int, details: str) -> OutOfMemory:
    """What to tell when all that saves memory was tried. details: the words of torch."""
    return OutOfMemory(
        Sentence(
            "The memory ran out while training at {size} pixels; choose a smaller size or close "
            "other programs, then train again.",
            size=size,
        ),
        details=details,
    )


def choose(per_picture: int, batch: int, free: int | None) -> Plan:
    """The fastest plan that fits. per_picture: bytes of activations. free: bytes, None where nobody knows."""
    if free is None:
        return Plan(batch, checkpointing=False)
    plan: Plan | None = Plan(batch, checkpointing=False)
    while plan is not None:
        share = RECOMPUTED if plan.checkpointing else 1.0
        if per_picture * plan.together * share <= USABLE * free:
            return plan
        plan, last = plan.smaller(), plan
        if plan is not None and plan.checkpointing and not last.checkpointing:
            plan = replace(plan, together=batch)  # there is room for more of them again
    return Plan(1, checkpointing=True)


def activation_bytes(
    unet: UNet2DConditionModel, cells: tuple[int, int], text: dict[str, Any], itemsize: int
) -> int:
    """Bytes that autograd keeps for one picture of ``cells`` (rows, columns of latents).

    text: what the U-Net is told of it, by its own names; without values, on the meta device.
    """
    with torch.device("meta"):
        copy = UNet2DConditionModel.from_config(unet.config)
        sample = torch.zeros(1, unet.config.in_channels, *cells)
    copy.set_attn_processor(_CountedAttention())
    known = {id(parameter) for parameter in copy.parameters()}
    kept: dict[int, Tensor] = {}  # held, so that no number of a tensor is used twice

    def pack(tensor: Tensor) -> Tensor:
        if id(tensor) not in known:
            kept[id(tensor)] = tensor
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = copy(sample, torch.zeros(1, device="meta"), **text).sample
    del output
    return sum(tensor.numel() for tensor in kept.values()) * itemsize


class _Fused(torch.autograd.Function):
    """Keeps what fused attention keeps for its backward pass, without the matrix of all pairs."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        output = torch.empty_like(query)
        ctx.save_for_backward(query, key, value, output)
        return output


class _CountedAttention:
    """Attention on tensors without values, for which torch would not choose the fused form."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        *_: Any,
        **__: Any,
    ) -> Tensor:
        seen = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        out: nn.Module = attn.to_out[0]
        return out(_Fused.apply(attn.to_q(hidden_states), attn.to_k(seen), attn.to_v(seen)))
