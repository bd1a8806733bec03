# SPDX-License-Identifier: GPL-3.0-or-later
"""The same noise as torch draws."""

from __future__ import annotations

import pytest
import torch

from sd_blender.numpy_engine.torch_random import TorchRandom

from ..closeness import ROUNDING, assert_near

SEEDS = (0, 1, 42, 2**31 + 7, 2**32 - 1, 2**32 + 5, 2**64 - 1)


@pytest.mark.parametrize("count", [16, 17, 24, 31, 32, 33, 100, 4 * 32 * 32, 4 * 37 * 29 + 1])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_numbers_are_those_of_torch_and_so_are_the_next_ones(count, seed):
    theirs, ours = torch.Generator().manual_seed(seed), TorchRandom(seed)
    for _ in range(3):
        assert_near(ours.normal(count), torch.randn(count, generator=theirs), ROUNDING)


def test_draws_of_different_sizes_follow_each_other_as_in_torch():
    theirs, ours = torch.Generator().manual_seed(7), TorchRandom(7)
    for shape in (
        (1, 4, 8, 8),
        (19,),
        (1, 4, 5, 7),
        (700,),
    ):  # the twister itself is wound on every 624 numbers
        assert_near(ours.normal(*shape), torch.randn(*shape, generator=theirs), ROUNDING)


def test_of_a_seed_the_low_32_bits_count():
    assert_near(TorchRandom(2**32 + 5).normal(64), TorchRandom(5).normal(64), ROUNDING)


def test_fewer_than_a_block_are_refused():
    with pytest.raises(ValueError, match="fewer"):
        TorchRandom(0).normal(15)
