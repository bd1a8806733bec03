# SPDX-License-Identifier: GPL-3.0-or-later
"""When memory runs out: the same call again in a way that needs less, before the artist is asked for a smaller picture.

A rung of the ladder is another way to compute what a network computes, equal but for rounding. Only the call that ran
out is repeated: no finished step is lost, and a decoder that does not fit costs no second denoising. Whoever ran out
stays on the lower rung until the job ends; the next job starts at the top, since the memory may be free by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch import Tensor, nn

from ..core.request import Tiling
from .device import free_memory
from .guards import is_out_of_memory
from .tiles import Tiles

_TILE_SIDE = 256
"""Cells of the layer at hand. With the 256 channels of Stable Diffusion a tile and its copies are some 300 MB."""

_TOKENS = 1024
"""Places of the picture whose attention is computed at a time."""

Changes = list[str]


@dataclass(frozen=True)
class Rung:
    """run: in place of the network's ``forward``. sentence: what the artist is told."""

    run: Callable[..., Any]
    sentence: str


@contextmanager
def saving_memory(
    unet: UNet2DConditionModel, vae: AutoencoderKL, tiling: Tiling, before_tile: Callable[[], None]
) -> Iterator[Changes]:
    """Inside, the networks step down where they run out of memory; the list given says what has changed so far.

    before_tile: called before every tile; raises to stop. An error of memory that passes this has no rung left.
    """
    tiles = Tiles(tiling, _TILE_SIDE, vae.device, torch.device("cpu"), before_tile)
    changes: Changes = []
    ladders: list[tuple[nn.Module, list[Rung]]] = [
        (unet, _unet_rungs(unet)),
        (
            vae.encoder,
            [Rung(lambda pixels: tiles.encode(vae.encoder, pixels), _IN_TILES.format(done="read"))],
        ),
        (
            vae.decoder,
            [Rung(lambda latents: tiles.decode(vae.decoder, latents), _IN_TILES.format(done="made"))],
        ),
    ]
    with ExitStack() as stack:
        for network, rungs in ladders:
            stack.enter_context(stepping_down(network, rungs, changes))
        yield changes


_IN_TILES = (
    "The memory ran out, so the picture was {done} in tiles, which is slower and gives the same picture."
)


@contextmanager
def stepping_down(network: nn.Module, rungs: Sequence[Rung], changes: Changes) -> Iterator[None]:
    """Inside, a call of ``network`` that runs out of memory is repeated with the next of ``rungs``."""
    ways = [network.forward, *(rung.run for rung in rungs)]
    at = 0

    def forward(*inputs: Any, **named: Any) -> Any:
        nonlocal at
        if any(isinstance(value, Tensor) and value.requires_grad for value in inputs):
            # The other ways let no gradient pass; who wants one minds the memory.
            return ways[0](*inputs, **named)
        while True:
            try:
                return ways[at](*inputs, **named)
            except (RuntimeError, MemoryError) as error:
                if at == len(rungs) or not is_out_of_memory(error):
                    raise
            # Outside the except block, where the traceback no longer holds the tensors.
            free_memory()
            changes.append(rungs[at].sentence)
            at += 1

    network.forward = forward
    try:
        yield
    finally:
        del network.forward


def _unet_rungs(unet: UNet2DConditionModel) -> list[Rung]:
    forward = unet.forward

    def one_by_one(*inputs: Any, **named: Any) -> Any:
        return row_by_row(forward, *inputs, **named)

    def in_chunks(*inputs: Any, **named: Any) -> Any:
        with chunked_attention(unet):
            return one_by_one(*inputs, **named)

    return [
        Rung(one_by_one, "The memory ran out, so one picture was computed at a time, which is slower."),
        Rung(
            in_chunks, "That was still too much, so attention was computed in slices, which is slower again."
        ),
    ]


def row_by_row(forward: Callable[..., Any], sample: Tensor, *inputs: Any, **named: Any) -> tuple[Tensor]:
    """``forward(sample, ..., return_dict=False)`` of a U-Net, one row of the batch at a time.

    Guidance makes two rows out of each picture. What has as many rows as ``sample`` (n, c, h, w) is cut with it, also
    in a dictionary.
    """
    rows = len(sample)

    def row(value: Any, index: int) -> Any:
        if isinstance(value, dict):
            return {name: row(part, index) for name, part in value.items()}
        per_row = isinstance(value, Tensor) and value.ndim > 0 and len(value) == rows
        return value[index : index + 1] if per_row else value

    made = [
        forward(
            sample[index : index + 1],
            *(row(value, index) for value in inputs),
            **{name: row(value, index) for name, value in named.items()},
        )[0]
        for index in range(rows)
    ]
    return (torch.cat(made),)


class _ChunkedAttention(AttnProcessor2_0):
    """Attention for some places at a time, each of which still sees all the others."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        *inputs: Any,
        **named: Any,
    ) -> Tensor:
        if hidden_states.ndim == 4:  # blocks that hand over pictures; Stable Diffusion has none
            return super().__call__(attn, hidden_states, encoder_hidden_states, *inputs, **named)
        seen = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        # Spelled out: super() does not reach into a comprehension.
        attend = super().__call__
        return torch.cat(
            [attend(attn, part, seen, *inputs, **named) for part in hidden_states.split(_TOKENS, dim=1)],
            dim=1,
        )


@contextmanager
def chunked_attention(unet: UNet2DConditionModel) -> Iterator[None]:
    before = unet.attn_processors
    chunked = _ChunkedAttention()
    # Only what it can stand in for; some blocks attend in a way of their own.
    unet.set_attn_processor(
        {name: chunked if type(p) is AttnProcessor2_0 else p for name, p in before.items()}
    )
    try:
        yield
    finally:
        unet.set_attn_processor(dict(before))
