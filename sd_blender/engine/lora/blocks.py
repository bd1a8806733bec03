# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers of a U-Net by the names of Stability AI's code, which kohya's scripts use for Stable Diffusion XL.

There the blocks are numbered throughout: with L layers a block, ``input_blocks.1`` to ``input_blocks.L`` are those of
the first, ``L + 1`` its downsampling, and so on; each holds a residual block as its part 0 and a transformer as its
part 1. All names are flat, see :func:`~.names.flat`.
"""

from __future__ import annotations

import re

_NUMBERED = re.compile(r"(input|output)_blocks_(\d+)_(\d+)_(.+)")
_MIDDLE = re.compile(r"middle_block_(\d)_(.+)")
_RESIDUAL = {
    "in_layers_0": "norm1",
    "in_layers_2": "conv1",
    "out_layers_0": "norm2",
    "out_layers_3": "conv2",
    "emb_layers_1": "time_emb_proj",
    "skip_connection": "conv_shortcut",
}
_OUTSIDE = {
    "input_blocks_0_0": "conv_in",
    "out_0": "conv_norm_out",
    "out_2": "conv_out",
    "time_embed_0": "time_embedding_linear_1",
    "time_embed_2": "time_embedding_linear_2",
    "label_emb_0_0": "add_embedding_linear_1",
    "label_emb_0_2": "add_embedding_linear_2",
}


def diffusers_name(name: str, layers: int) -> str:
    """The flat name that diffusers has for a layer; as it is where it is none of these. layers: in each block."""
    if name in _OUTSIDE:
        return _OUTSIDE[name]
    if found := _MIDDLE.fullmatch(name):
        part, rest = int(found[1]), found[2]
        if part == 1:
            return f"mid_block_attentions_0_{rest}"
        return f"mid_block_resnets_{part // 2}_{_RESIDUAL.get(rest, rest)}"
    if found := _NUMBERED.fullmatch(name):
        return _numbered(found[1], int(found[2]), int(found[3]), found[4], layers)
    return name


def _numbered(side: str, number: int, part: int, rest: str, layers: int) -> str:
    """A layer on the way down or up. The way up has one residual block more in each block, and no first convolution."""
    down = side == "input"
    block, layer = divmod(number - 1 if down else number, layers + 1)
    name = f"{'down' if down else 'up'}_blocks_{block}"
    if rest == "op":
        return f"{name}_downsamplers_0_conv"
    if rest == "conv":  # the last part of the last layer
        return f"{name}_upsamplers_0_conv"
    if part == 1:
        return f"{name}_attentions_{layer}_{rest}"
    return f"{name}_resnets_{layer}_{_RESIDUAL.get(rest, rest)}"
