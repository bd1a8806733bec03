# SPDX-License-Identifier: GPL-3.0-or-later
"""What a LoRA file adds to the weights W of a layer at full strength, in float32, one function for each kind:

* LoRA (Hu et al. 2021, arXiv:2106.09685): s B A; with a core T between them (LoCon's CP decomposition of a
  convolution) s sum_mn B_m T_mn A_n;
* LoHa (Hyeon-Woo et al. 2021, arXiv:2108.06098): s (B_1 A_1) * (B_2 A_2), element by element, each with its own core
  where there is one;
* LoKr (Yeh et al. 2023, arXiv:2309.14859): s W_1 (x) W_2, the Kronecker product;
* full: the difference itself, as of a norm's weights.

s is alpha / rank. DoRA (Liu et al. 2024, arXiv:2402.09353) keeps the length of the rows or columns of a weight apart
from their direction, whatever the kind of change D was: it makes W into m (W + D) / |W + D|.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .kinds import kinds_in


@dataclass(frozen=True)
class Change:
    """Of one layer. tensors: by role, see :mod:`~.names`. scale: s."""

    tensors: Mapping[str, Tensor]
    scale: float

    @property
    def is_low_rank(self) -> bool:
        """It is s B A and nothing else, as most are."""
        return kinds_in(self.tensors) == ["LoRA"] and not self.tensors.keys() & {
            "mid",
            "magnitude",
            "dora_scale",
        }

    @property
    def factors(self) -> tuple[Tensor, Tensor]:
        """s B, of outputs x r, and A, of r x inputs, of a change of low rank."""
        return self.tensors["up"].flatten(1).float() * self.scale, self.tensors["down"].flatten(1)

    def of_weight(self, weight: Tensor) -> Tensor | None:
        """What is to be added to ``weight``, of its shape, or None for a change of the bias alone."""
        kinds = kinds_in(self.tensors)
        if not kinds:
            return None
        base = weight.float()
        tensors = {role: tensor.to(base) for role, tensor in self.tensors.items()}
        parts = ((_DELTAS[kind](tensors), 1.0 if kind == "full" else self.scale) for kind in kinds)
        delta = torch.zeros_like(base)
        for part, scale in parts:
            delta += part.reshape(base.shape) * scale
        length = _length(tensors, base)
        if length is None:
            return delta
        changed = base + delta
        across = [axis for axis, side in enumerate(length.shape) if side == 1]
        norm = torch.linalg.vector_norm(changed, dim=across, keepdim=True)
        decomposed: Tensor = changed * (length / norm.clamp(min=torch.finfo(norm.dtype).eps))
        return decomposed - base

    def of_bias(self) -> Tensor | None:
        """What is to be added to the bias, of (outputs,)."""
        tensors = self.tensors
        parts = [tensors["diff_b"].float()] if "diff_b" in tensors else []
        if "up_bias" in tensors:  # s (B A x + b)
            parts.append(tensors["up_bias"].float() * self.scale)
        return torch.stack([part.flatten() for part in parts]).sum(0) if parts else None


def _length(tensors: Mapping[str, Tensor], weight: Tensor) -> Tensor | None:
    """m, with a side of 1 along the axes over which a length is taken: peft's is that of each output.

    LyCORIS' is that of each output, (outputs, 1, ...), or of each input, (1, inputs, ...), as it was trained.
    """
    sides = [1] * weight.ndim
    if "magnitude" in tensors:
        sides[0] = -1
        return tensors["magnitude"].reshape(sides)
    if "dora_scale" not in tensors:
        return None
    length = tensors["dora_scale"]
    outputs, inputs = weight.shape[:2]
    of_outputs = length.numel() == outputs and (length.shape[0] == outputs or length.numel() != inputs)
    sides[0 if of_outputs else 1] = -1
    return length.reshape(sides)


def _low_rank(tensors: Mapping[str, Tensor]) -> Tensor:
    down, up = tensors["down"].flatten(1), tensors["up"].flatten(1)
    return _through(tensors["mid"], up.T, down) if "mid" in tensors else up @ down


def _hadamard(tensors: Mapping[str, Tensor]) -> Tensor:
    first, second = (
        _factored(tensors[f"hada_w{n}_a"], tensors[f"hada_w{n}_b"], tensors.get(f"hada_t{n}")) for n in (1, 2)
    )
    return first * second


def _kronecker(tensors: Mapping[str, Tensor]) -> Tensor:
    # As matrices: the places of the kernel go with the inputs of the second.
    first, second = (
        tensors[name].flatten(1)
        if name in tensors
        else _factored(tensors[f"{name}_a"], tensors[f"{name}_b"], tensors.get(core))
        for name, core in (("lokr_w1", ""), ("lokr_w2", "lokr_t2"))
    )
    return torch.kron(first.contiguous(), second.contiguous())


def _factored(a: Tensor, b: Tensor, core: Tensor | None) -> Tensor:
    """A matrix of outputs x inputs from two factors, and the core between them if there is one."""
    return a @ b if core is None else _through(core, a, b)


def _through(core: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """sum_ij a_ip T_ij b_jr of a core T (i, j, kernel), as outputs p x (inputs r and places of the kernel)."""
    return torch.einsum("ij...,ip,jr->pr...", core, a, b).flatten(1)


_DELTAS: dict[str, Callable[[Mapping[str, Tensor]], Tensor]] = {
    "LoRA": _low_rank,
    "LoHa": _hadamard,
    "LoKr": _kronecker,
    "full": lambda tensors: tensors["diff"],
}
