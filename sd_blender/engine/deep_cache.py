# SPDX-License-Identifier: GPL-3.0-or-later
"""Feature reuse between steps (Ma, Fang & Wang 2023, "DeepCache", arXiv:2312.00858): faster, and not quite the same.

A U-Net goes down to coarse features, which change slowly from one step to the next, and up again to full size, where
each layer also sees what its counterpart on the way down made of the input:

    conv_in -> down: layers 0, 1, ... -> all that lies deeper -> up: ..., layers n - 2, n - 1 -> conv_out

Every ``interval``-th call computes it all and keeps what enters the last ``depth`` layers of the way up. The calls in
between put that in the place of all that lies deeper: they compute the first ``depth - 1`` layers of the way down and
the last ``depth`` of the way up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from .device import dtype_of
from .guards import is_out_of_memory

Layer = tuple[nn.Module, nn.Module | None]
"""A residual block, and the attention behind it if there is one."""

_BLOCKS = {"DownBlock2D", "CrossAttnDownBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"}
_CONDITIONS = {"timestep_cond", "added_cond_kwargs"}


class DeepCache:
    """Stands in for a U-Net in one denoising of one batch, from noise to picture; the next takes a new one.

    Args:
        unet: of Stable Diffusion 1.x, 2.x, XL or built as they are. The halves of guidance come as one batch.
        interval: 1 or more; at 1 every call is that of ``unet`` itself.
        depth: 1 or more, up to the number of layers of the outermost block of the way up.
        run: calls ``unet`` wholly; itself unless told.

    Raises ValueError where ``interval`` or ``depth`` are others, or the U-Net is.
    """

    def __init__(
        self,
        unet: UNet2DConditionModel,
        interval: int,
        depth: int = 1,
        run: Callable[..., Any] | None = None,
    ) -> None:
        down, up = unet.down_blocks[0], unet.up_blocks[-1]
        if not is_reusable(unet):
            raise ValueError(f"features of {type(down).__name__}, {type(up).__name__} cannot be reused")
        if interval < 1 or not 1 <= depth <= len(up.resnets):
            raise ValueError(f"interval {interval} and depth {depth} with {len(up.resnets)} layers")
        self._unet, self._interval, self._run_wholly = unet, interval, run or unet
        self._down, self._up = _layers(down)[: depth - 1], _layers(up)[-depth:]
        self._features: Tensor | None = None
        self._age = 0
        self._dtype = torch.float32

    def __call__(
        self, sample: Tensor, timestep: Any, encoder_hidden_states: Tensor, **named: Any
    ) -> tuple[Tensor]:
        """What ``unet(..., return_dict=False)`` gives, or what is near it: the prediction for ``sample`` (n, c, h, w).

        A call of another size, with conditions beside text and sizes, or through which a gradient is to pass is a
        whole one, as is one that runs out of memory: the U-Net itself may have ways to take less.
        """
        given = {name: value for name, value in named.items() if value is not None and name != "return_dict"}
        self._age += 1
        if self._features is not None and self._may_reuse(sample, given):
            try:
                return (self._between(self._features, sample, timestep, encoder_hidden_states, given),)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
        return (self._whole(sample, timestep, encoder_hidden_states, given),)

    def _may_reuse(self, sample: Tensor, given: dict[str, Any]) -> bool:
        features: Any = self._features
        alike = len(sample) == len(features) and sample.shape[2:] == features.shape[2:]
        return (
            alike and self._age < self._interval and not sample.requires_grad and given.keys() <= _CONDITIONS
        )

    def _whole(self, sample: Tensor, timestep: Any, text: Tensor, given: dict[str, Any]) -> Tensor:
        seen: list[Tensor] = []
        self._features = None  # the memory is free for the call
        with _inputs_of(self._up[0][0], lambda inputs: seen.append(inputs.detach())):
            (predicted,) = self._run_wholly(
                sample, timestep, encoder_hidden_states=text, **given, return_dict=False
            )
        if self._interval > 1:
            # The last rows: where memory ran out they were computed one by one, once more.
            joined = torch.cat(seen)[-len(sample) :]
            own = joined.shape[1] - self._unet.conv_in.out_channels  # the others are from the way down
            self._features = joined[:, :own].clone()  # in its layout
        self._age, self._dtype = 0, predicted.dtype
        result: Tensor = predicted
        return result

    def _between(
        self, features: Tensor, sample: Tensor, timestep: Any, text: Tensor, given: dict[str, Any]
    ) -> Tensor:
        unet, dtype = self._unet, dtype_of(self._unet)
        sample, text = sample.to(dtype), text.to(dtype)
        time = _embedding(unet, sample, timestep, text, given)
        text = unet.process_encoder_hidden_states(text, given.get("added_cond_kwargs"))
        hidden = unet.conv_in(2 * sample - 1.0 if unet.config.center_input_sample else sample)
        passed = [hidden]
        for layer in self._down:
            hidden = _run(layer, hidden, time, text)
            passed.append(hidden)
        hidden = features
        for layer in self._up:
            hidden = _run(layer, torch.cat([hidden, passed.pop()], dim=1), time, text)
        if unet.conv_norm_out:
            hidden = unet.conv_act(unet.conv_norm_out(hidden))
        predicted: Tensor = unet.conv_out(hidden)
        return predicted.to(self._dtype)


def is_reusable(unet: UNet2DConditionModel) -> bool:
    """Whether it is built as those of Stable Diffusion are at full size."""
    kinds = {type(block).__name__ for block in (unet.down_blocks[0], unet.up_blocks[-1])}
    deep_enough = len(unet.up_blocks[-1].resnets) >= 2
    return kinds <= _BLOCKS and deep_enough and unet.config.addition_embed_type != "image_hint"


def _layers(block: Any) -> list[Layer]:
    attentions = getattr(block, "attentions", [None] * len(block.resnets))
    return list(zip(block.resnets, attentions, strict=True))


def _run(layer: Layer, hidden: Tensor, time: Tensor, text: Tensor) -> Tensor:
    resnet, attention = layer
    hidden = resnet(hidden, time)
    if attention is not None:
        (hidden,) = attention(hidden, encoder_hidden_states=text, return_dict=False)
    return hidden


def _embedding(
    unet: UNet2DConditionModel, sample: Tensor, timestep: Any, text: Tensor, given: dict[str, Any]
) -> Tensor:
    """Of the time, and of what is told with it: a strength of guidance, sizes, the text as a whole."""
    strength = given.get("timestep_cond")
    if strength is not None:
        strength = strength.to(sample.dtype)
    time: Tensor = unet.time_embedding(unet.get_time_embed(sample, timestep), strength)
    added = unet.get_aug_embed(time, text, given.get("added_cond_kwargs"))
    time = time if added is None else time + added
    return time if unet.time_embed_act is None else unet.time_embed_act(time)


@contextmanager
def _inputs_of(layer: nn.Module, see: Callable[[Tensor], None]) -> Iterator[None]:
    """Inside, ``see`` is shown what enters ``layer``."""
    handle = layer.register_forward_pre_hook(lambda module, inputs: see(inputs[0]))
    try:
        yield
    finally:
        handle.remove()
