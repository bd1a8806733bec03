# SPDX-License-Identifier: GPL-3.0-or-later
"""LoRAs in the weights of the networks while pictures are made.

The change s B A of a LoRA (Hu et al. 2021, arXiv:2106.09685), as that of every other kind, is added to its layer:

    W <- W + sum_k weight_k D_k,

in float32 from the model's own W however many LoRAs there are, and rounded once. A step then costs what it costs
without them; beside the layer, y = W x + weight s B A x, one of rank 16 would take 1.3 times the operations and three
more than twice. Copies of what was changed stay in main memory, by which it is put back to the bit.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .deltas import Change
from .names import flat

Changes = Mapping[tuple[str, str], Change]
"""By network and flat name of the layer."""

Networks = Mapping[str, nn.Module]
"""By component."""

_NOTHING: Hashable = ()


class MergedLoras:
    """What is merged into the weights of one model now. It goes with the model: keep it beside the networks."""

    def __init__(self) -> None:
        self._own: dict[nn.Module, _Own] = {}
        self._key: Hashable | None = _NOTHING  # None: unknown, since a change ended in the middle

    @property
    def key(self) -> Hashable:
        """Equal where the weights are."""
        return self._key

    def change_to(self, key: Hashable, loras: Sequence[tuple[Changes, float]], networks: Networks) -> None:
        """Let the ``networks`` compute with these ``loras``, each with its weight, and no others.

        key: equal where the LoRAs and their weights are, which then costs nothing. An error leaves the model's own
        weights; where even putting them back fails, the next call goes on with it.
        """
        if not loras:
            self.put_back()
        elif key != self._key:
            self._key = None
            try:
                self._merge(_by_layer(loras, networks))
            except BaseException:
                self.put_back()
                raise
            self._key = key

    def bytes_for(self, loras: Sequence[tuple[Changes, float]], networks: Networks) -> int:
        """Of main memory: what the copies that these need and that are not there yet will take."""
        wanted = _by_layer(loras, networks)
        return sum(
            own.numel() * own.element_size()
            for layer in wanted
            if layer not in self._own
            for own in layer.parameters(recurse=False)
        )

    def put_back(self) -> None:
        """Let the networks have their own weights again."""
        self._key = None
        for layer in list(self._own):
            self._own[layer].back_into(layer)
            del self._own[layer]
        self._key = _NOTHING

    def _merge(self, wanted: Mapping[nn.Module, Sequence[tuple[Change, float]]]) -> None:
        for layer in [layer for layer in self._own if layer not in wanted]:
            self._own[layer].back_into(layer)
            del self._own[layer]
        for layer, changes in wanted.items():
            if layer in self._own:
                self._own[layer].back_into(layer)
            else:
                self._own[layer] = _Own.of(layer)
            _change(layer, changes)


@dataclass(frozen=True)
class _Own:
    """A layer's own weights, in main memory and its own precision."""

    weight: Tensor
    bias: Tensor | None

    @classmethod
    def of(cls, layer: Any) -> _Own:
        bias = getattr(layer, "bias", None)
        return cls(_copied(layer.weight), None if bias is None else _copied(bias))

    def back_into(self, layer: Any) -> None:
        """The layer may have been moved to another precision meanwhile, which loses nothing: only to a wider one."""
        layer.weight.data.copy_(self.weight)
        if self.bias is not None:
            layer.bias.data.copy_(self.bias)
        elif hasattr(layer, "bias"):
            layer.bias = None


def _copied(own: Tensor) -> Tensor:
    return own.detach().to("cpu", copy=True)


def _by_layer(
    loras: Sequence[tuple[Changes, float]], networks: Networks
) -> dict[nn.Module, list[tuple[Change, float]]]:
    """The layers that are changed, each with its changes and their weights."""
    places = {
        (kind, flat(name)): layer
        for kind, network in networks.items()
        for name, layer in network.named_modules()
    }
    wanted: dict[nn.Module, list[tuple[Change, float]]] = {}
    for changes, weight in loras:
        for place, change in changes.items():
            if place in places:
                wanted.setdefault(places[place], []).append((change, weight))
    return wanted


def _change(layer: Any, changes: Sequence[tuple[Change, float]]) -> None:
    """Into the memory that its weight has, in the layout that it has there: who else holds it sees the change."""
    own: Tensor = layer.weight.data
    _add_deltas(own, changes)
    biases = [(change.of_bias(), weight) for change, weight in changes]
    added = [bias.to(own.device) * weight for bias, weight in biases if bias is not None]
    if not added:
        return
    if layer.bias is None:  # one of its own for the time
        layer.bias = nn.Parameter(own.new_zeros(len(own)), requires_grad=False)
    layer.bias.data.copy_(layer.bias.float() + torch.stack(added).sum(0))


def _add_deltas(own: Tensor, changes: Sequence[tuple[Change, float]]) -> None:
    """Those of low rank all at once, as [B_1 B_2 ...] [A_1 A_2 ...]^T, so that none of them takes memory as D."""
    factors = [(*change.factors, weight) for change, weight in changes if change.is_low_rank]
    others = [(change.of_weight(own), weight) for change, weight in changes if not change.is_low_rank]
    total = own.float()  # itself where it is in float32
    for delta, weight in others:
        if delta is not None:
            total = total.add(delta, alpha=weight)
    if factors:
        ups = torch.cat([up.to(total) * weight for up, _, weight in factors], dim=1)
        downs = torch.cat([down.to(total) for _, down, _ in factors])
        total = total.flatten(1).addmm_(ups, downs).view(own.shape)
    if total.data_ptr() != own.data_ptr():
        own.copy_(total)
