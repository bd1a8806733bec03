# SPDX-License-Identifier: GPL-3.0-or-later
"""When memory runs out: the same call again in a way that needs less, before the artist is asked for a smaller picture.

A rung of the ladder is another way to compute what a network computes, equal but for rounding. Only the call that ran
out is repeated: no finished step is lost, and a decoder that does not fit costs no second denoising. Whoever ran out
stays on the lower rung until the job ends; the next job starts at the top, since the memory may be free by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch import Tensor

from ..core.request import Tiling
from ..core.sentence import Sentence
from .autoencoder import Autoencoder
from .denoiser import UNetDenoiser
from .device import dtype_of, free_memory
from .guards import is_out_of_memory
from .memory import available_bytes, decoding_bytes, encoding_bytes
from .tiles import Tiles

_TILE_SIDE = 256
"""Cells of the layer at hand. With the 256 channels of Stable Diffusion a tile and its copies are some 300 MB."""

_TOKENS = 1024
"""Places of the picture whose attention is computed at a time."""

Changes = list[str]


@dataclass(frozen=True)
class Rung:
    """run: in place of the network. sentence: what the artist is told."""

    run: Callable[..., Any]
    sentence: str


@dataclass(frozen=True)
class Foreseen:
    """is_too_large: asked of what a network is called with. sentence: what the artist is told then."""

    is_too_large: Callable[[Tensor], bool]
    sentence: str


@contextmanager
def saving_memory(
    denoiser: UNetDenoiser,
    autoencoder: Autoencoder,
    tiling: Tiling,
    before_tile: Callable[[], None],
    available: Callable[[torch.device], int | None] = available_bytes,
) -> Iterator[Changes]:
    """Inside, the networks step down where they run out of memory; the list given says what has changed so far.

    Args:
        denoiser, autoencoder: of the model.
        tiling: of the picture.
        before_tile: called before every tile; raises to stop.
        available: bytes that can still be had on a device. Asked beforehand on a processor, since Linux ends a process
            that takes more.

    An error of memory that passes this has no rung left.
    """
    vae = autoencoder.network
    tiles = Tiles(tiling, _TILE_SIDE, vae.device, torch.device("cpu"), before_tile)
    changes: Changes = []

    # Tiles call the layers of a network, which take what the network itself is handed in their own precision.
    def encode_in_tiles(pixels: Tensor) -> Tensor:
        return tiles.encode(vae.encoder, pixels.to(dtype_of(vae.encoder))).to(pixels)

    def decode_in_tiles(latents: Tensor) -> Tensor:
        return tiles.decode(vae.decoder, latents.to(dtype_of(vae.decoder))).to(latents)

    def foreseen(needed: Callable[[AutoencoderKL, Tensor], int], done: str) -> Foreseen | None:
        def is_too_large(given: Tensor) -> bool:
            room = available(vae.device)
            return room is not None and needed(vae, given) > room

        sentence = Sentence(_FORESEEN, done=done)
        return Foreseen(is_too_large, sentence) if vae.device.type == "cpu" else None

    before = denoiser.run, autoencoder.run_encoder, autoencoder.run_decoder
    unet_rungs = _unet_rungs(denoiser.network, denoiser.run)
    read, made = (_IN_TILES.format(done=done) for done in ("read", "made"))
    denoiser.run = SteppingDown(denoiser.run, unet_rungs, changes)
    autoencoder.run_encoder = SteppingDown(
        autoencoder.run_encoder, [Rung(encode_in_tiles, read)], changes, foreseen(encoding_bytes, "read")
    )
    autoencoder.run_decoder = SteppingDown(
        autoencoder.run_decoder, [Rung(decode_in_tiles, made)], changes, foreseen(decoding_bytes, "made")
    )
    try:
        yield changes
    finally:
        denoiser.run, autoencoder.run_encoder, autoencoder.run_decoder = before


_IN_TILES = (
    "The memory ran out, so the picture was {done} in tiles, which is slower and gives the same picture."
)


_FORESEEN = (
    "There is too little memory for all of the picture at once, so it was {done} in tiles, which is slower and gives "
    "the same picture."
)


class SteppingDown:
    """Calls a network; a call that runs out of memory is repeated with the next of ``rungs``, as is every later one.

    changes: the sentences of the rungs that were taken are added here. foreseen: of a call that is to begin with the
    first of them.
    """

    def __init__(
        self,
        run: Callable[..., Any],
        rungs: Sequence[Rung],
        changes: Changes,
        foreseen: Foreseen | None = None,
    ) -> None:
        self._foreseen = foreseen
        self._ways = [run, *(rung.run for rung in rungs)]
        self._rungs = rungs
        self._changes = changes
        self._at = 0

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        if any(isinstance(value, Tensor) and value.requires_grad for value in inputs):
            # The other ways let no gradient pass; who wants one minds the memory.
            return self._ways[0](*inputs, **named)
        if self._at == 0 and self._foreseen is not None and self._foreseen.is_too_large(inputs[0]):
            self._changes.append(self._foreseen.sentence)
            self._at = 1
        while True:
            try:
                return self._ways[self._at](*inputs, **named)
            except (RuntimeError, MemoryError) as error:
                if self._at == len(self._rungs) or not is_out_of_memory(error):
                    raise
            # Outside the except block, where the traceback no longer holds the tensors.
            free_memory()
            self._changes.append(self._rungs[self._at].sentence)
            self._at += 1


def _unet_rungs(unet: UNet2DConditionModel, run: Callable[..., Any]) -> list[Rung]:
    def one_by_one(*inputs: Any, **named: Any) -> Any:
        return row_by_row(run, *inputs, **named)

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
    try:
        # Only what it can stand in for; some blocks attend in a way of their own.
        unet.set_attn_processor(
            {name: chunked if type(p) is AttnProcessor2_0 else p for name, p in before.items()}
        )
        yield
    finally:
        unet.set_attn_processor(dict(before))
