# SPDX-License-Identifier: GPL-3.0-or-later
"""The U-Net that ships with the add-on is one: skips, attention to itself and to the text, time, normalisation."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from torch import nn

from sd_blender.core.json_files import read_json
from sd_blender.core.known_models import STARTER_FOLDER
from sd_blender.engine.libraries import quiet

TEXT = read_json(STARTER_FOLDER / "text_encoder" / "config.json")["hidden_size"]


@pytest.fixture(scope="module")
def unet():
    with quiet():
        return UNet2DConditionModel.from_pretrained(STARTER_FOLDER / "unet").eval()


@torch.no_grad()
def said(unet, step=500, seed=1):
    """What it says of the same noise. seed: of the text."""
    noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    text = torch.randn(1, 77, TEXT, generator=torch.Generator().manual_seed(seed))
    return unet(noise, step, encoder_hidden_states=text).sample


def of_kind(module, kind):
    return [part for part in module.modules() if isinstance(part, kind)]


def test_the_way_up_reads_all_that_the_way_down_made_last_made_first(unet):
    made, read = [], []
    down = [unet.conv_in]
    for block in unet.down_blocks:
        attended = getattr(block, "attentions", None)
        down += [*(attended or block.resnets), *(block.downsamplers or [])]
    handles = [part.register_forward_hook(lambda _, __, out: made.append(tensor_of(out))) for part in down]
    for block in unet.up_blocks:
        for resnet in block.resnets:
            handles.append(resnet.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0])))
    said(unet)
    for handle in handles:
        handle.remove()
    assert len(made) == len(read) > 2
    for skip, joined in zip(reversed(made), read, strict=True):
        width = skip.shape[1]
        assert joined.shape[1] > width and torch.equal(joined[:, -width:], skip)


def tensor_of(output):
    return output[0] if isinstance(output, tuple) else output


def test_the_bottleneck_and_the_levels_beside_it_attend_to_themselves_and_to_the_text(unet):
    lowest = [unet.down_blocks[-1], unet.mid_block, unet.up_blocks[0]]
    assert all(of_kind(part, BasicTransformerBlock) for part in lowest)
    for block in of_kind(unet, BasicTransformerBlock):
        width = block.attn1.to_q.in_features
        assert block.attn1.to_k.in_features == block.attn1.to_v.in_features == width
        assert block.attn2.to_q.in_features == width
        assert block.attn2.to_k.in_features == block.attn2.to_v.in_features == TEXT


def test_residual_blocks_normalise_groups_and_transformers_layers(unet):
    residual, transformers = of_kind(unet, ResnetBlock2D), of_kind(unet, BasicTransformerBlock)
    assert residual and transformers
    for block in residual:
        groups = of_kind(block, nn.GroupNorm)
        assert len(groups) == 2 and all(1 < g.num_groups < g.num_channels for g in groups)
    assert all(len(of_kind(block, nn.LayerNorm)) == 3 for block in transformers)


def test_every_residual_block_is_told_the_time(unet):
    told = unet.time_embedding.linear_2.out_features
    assert {block.time_emb_proj.in_features for block in of_kind(unet, ResnetBlock2D)} == {told}


def test_what_it_says_depends_on_the_time_and_on_the_text(unet):
    first = said(unet)
    assert first.shape == (1, 4, 16, 16) and torch.equal(first, said(unet))
    scale = first.std()
    assert (first - said(unet, step=50)).std() > 0.1 * scale
    assert (first - said(unet, seed=2)).std() > 0.01 * scale
