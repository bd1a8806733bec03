# SPDX-License-Identifier: GPL-3.0-or-later
"""The autoencoder on a picture that does not fit in memory: the same numbers, layer by layer and tile by tile.

Nearly all memory goes into the layers near full size, and those are convolutions, which look one cell around
themselves, and GroupNorm, which takes mean and variance over the whole picture. Tiles that are decoded on their own,
as in diffusers, are each normalised by their own contrast; blending hides the steps but the picture is another one.
Here every layer is finished for all tiles before the next one begins, so that the statistics are those of the whole
picture. Between two layers the picture waits in main memory; the device holds one tile. What looks at everything
(attention) is at the smallest size and runs whole.

Along an axis that wraps, the surroundings of a tile at the edge come from the opposite edge, so a seamless picture
stays one. Convolutions may pad as they like at a tile's rim: what they make up there is cut away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.autoencoders.vae import Decoder, Encoder
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn

from ..core.request import Tiling

Normalise = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Span:
    """A tile along one axis, in cells: what it makes, and how much it looks at before and after that."""

    start: int
    stop: int
    before: int
    after: int

    def made(self, scale: float) -> slice:
        """Where the tile goes in the layer's output, which has ``scale`` times the cells."""
        return slice(round(self.start * scale), round(self.stop * scale))

    def inside(self, scale: float) -> slice:
        """The part of the tile's own output that goes there."""
        return slice(round(self.before * scale), round((self.before + self.stop - self.start) * scale))


def spans(length: int, side: int, reach: int, wraps: bool) -> list[Span]:
    """Tiles that cover ``length`` cells, at most ``side`` each, starting at even cells; one needs no surroundings."""
    step = 2 * math.ceil(length / math.ceil(length / side) / 2)
    starts = range(0, length, step)
    ends = [min(start + step, length) for start in starts]
    if len(starts) == 1:
        reach = 0
    return [
        Span(start, end, reach if wraps else min(reach, start), reach if wraps else min(reach, length - end))
        for start, end in zip(starts, ends, strict=True)
    ]


@dataclass(frozen=True)
class Tiles:
    """How to cut: at most ``side`` cells a side.

    device: where the layers are. store: where the picture waits between them. before_tile: called before each; raises
    to stop.
    """

    tiling: Tiling
    side: int
    device: torch.device
    store: torch.device
    before_tile: Callable[[], None]

    def decode(self, decoder: Decoder, latents: Tensor) -> Tensor:
        """What ``decoder(latents)`` gives: (n, 3, f h, f w) from (n, C, h, w), f being its factor."""
        blocks = list(decoder.up_blocks)
        whole = _attending(blocks)[-1] + 1
        features = decoder.mid_block(decoder.conv_in(latents))
        for block in blocks[:whole]:
            features = block(features)
        for block in blocks[whole:]:
            for resnet in block.resnets:
                features = self._residual(resnet, features)
            for upsampler in block.upsamplers or ():
                features = self._each(upsampler, features, scale=2)
        normalise = self._norm(decoder.conv_norm_out, features)
        last = self._each(lambda tile: decoder.conv_out(decoder.conv_act(normalise(tile))), features)
        return last.to(self.device)

    def encode(self, encoder: Encoder, pixels: Tensor) -> Tensor:
        """What ``encoder(pixels)`` gives: (n, 2 C, h, w) from (n, 3, f h, f w)."""
        blocks = list(encoder.down_blocks)
        whole = min(i if i >= 0 else len(blocks) for i in _attending(blocks))
        features = self._each(encoder.conv_in, pixels)
        for block in blocks[:whole]:
            for resnet in block.resnets:
                features = self._residual(resnet, features)
            for downsampler in block.downsamplers or ():
                features = self._each(downsampler, features, scale=0.5, reach=2)
        features = features.to(self.device)
        for block in blocks[whole:]:
            features = block(features)
        features = encoder.conv_act(encoder.conv_norm_out(encoder.mid_block(features)))
        return encoder.conv_out(features)

    def _residual(self, block: ResnetBlock2D, features: Tensor) -> Tensor:
        """The block as diffusers computes it without a time embedding: x + conv(norm(conv(norm(x))))."""
        act, shortcut = block.nonlinearity, block.conv_shortcut
        first = self._norm(block.norm1, features)
        hidden = self._each(lambda tile: block.conv1(act(first(tile))), features)
        second = self._norm(block.norm2, hidden)

        def add(tile: Tensor, beside: Tensor) -> Tensor:
            straight = beside if shortcut is None else shortcut(beside)
            return (straight + block.conv2(act(second(tile)))) / block.output_scale_factor

        # No cell of the input is looked at twice any more: the sum takes its place where it fits.
        return self._each(add, hidden, beside=features, out=features if shortcut is None else None)

    def _each(
        self,
        layer: Callable[..., Tensor],
        features: Tensor,
        scale: float = 1,
        reach: int = 1,
        beside: Tensor | None = None,
        out: Tensor | None = None,
    ) -> Tensor:
        """``layer`` on every tile of ``features`` (n, c, h, w) and of ``beside`` if given, into ``out`` or anew."""
        height, width = features.shape[-2:]
        for row, column in self._grid(features, reach):
            self.before_tile()
            inputs = [
                _cut(part, row, column).to(self.device) for part in (features, beside) if part is not None
            ]
            made = layer(*inputs)[..., row.inside(scale), column.inside(scale)]
            if out is None:
                shape = (*made.shape[:2], round(height * scale), round(width * scale))
                out = torch.empty(shape, dtype=made.dtype, device=self.store)
            out[..., row.made(scale), column.made(scale)] = made
        assert out is not None  # there is always a tile
        return out

    def _grid(self, features: Tensor, reach: int) -> Iterator[tuple[Span, Span]]:
        height, width = features.shape[-2:]
        for row in spans(height, self.side, reach, self.tiling.wraps_y):
            for column in spans(width, self.side, reach, self.tiling.wraps_x):
                yield row, column

    def _norm(self, norm: nn.GroupNorm, features: Tensor) -> Normalise:
        """``norm`` with the statistics of all of ``features``, for tiles of it; in float32, as GroupNorm computes."""
        counts, means, variances = [], [], []
        for row, column in self._grid(features, 0):
            tile = _cut(features, row, column).to(self.device, torch.float32)
            grouped = tile.reshape(len(tile), norm.num_groups, -1)
            variance, mean = torch.var_mean(grouped, dim=-1, correction=0)
            counts.append(grouped.shape[-1])
            means.append(mean)
            variances.append(variance)
        share = torch.tensor(counts, dtype=torch.float32, device=self.device)[:, None, None] / sum(counts)
        each = torch.stack(means)
        mean = (share * each).sum(0)
        variance = (share * (torch.stack(variances) + (each - mean) ** 2)).sum(0)
        per_group = features.shape[1] // norm.num_groups
        factor = (variance + norm.eps).rsqrt().repeat_interleave(per_group, 1) * norm.weight.float()
        offset = norm.bias.float() - mean.repeat_interleave(per_group, 1) * factor
        factor, offset = factor[..., None, None], offset[..., None, None]
        return lambda tile: torch.addcmul(offset, tile.float(), factor).to(tile.dtype)


def _attending(blocks: Sequence[nn.Module]) -> list[int]:
    """The places of the blocks with attention; [-1] where there is none."""
    places = [i for i, block in enumerate(blocks) if any(isinstance(m, Attention) for m in block.modules())]
    return places or [-1]


def _cut(features: Tensor, row: Span, column: Span) -> Tensor:
    """A tile with its surroundings, from around the edges where they lie beyond."""
    height, width = features.shape[-2:]
    rows = torch.arange(row.start - row.before, row.stop + row.after, device=features.device) % height
    columns = torch.arange(column.start - column.before, column.stop + column.after, device=features.device)
    return features.index_select(-2, rows).index_select(-1, columns % width)
