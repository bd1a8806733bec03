# SPDX-License-Identifier: GPL-3.0-or-later
"""The plugin that stands for a processor nobody has tried: what it changes, and what it must leave alone."""

from __future__ import annotations

import torch

from tests.closeness import ROUNDING, assert_near
from tests.other_rounding import OtherRounding

A, B = (torch.randn(48, 48, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))


def test_the_same_operation_on_the_same_tensors_gives_the_same_bits():
    with OtherRounding():
        assert torch.equal(A @ B, A @ B) and torch.equal(A.softmax(1), A.softmax(1))


def test_a_row_alone_is_not_the_row_of_the_whole_to_the_bit_but_near():
    with OtherRounding():
        whole, alone = A @ B, A[5:6] @ B
    assert not torch.equal(whole[5:6], alone)
    assert_near(alone, A[5:6] @ B, ROUNDING)
    assert_near(whole, A @ B, ROUNDING)


def test_where_the_weights_begin_counts():
    moved = torch.empty(B.numel() + 1)[1:].view(48, 48).copy_(B)
    with OtherRounding():
        assert not torch.equal(A @ B, A @ moved)


def test_gradients_round_otherwise_too():
    x = A.clone().requires_grad_()
    with OtherRounding():
        (x[:3] @ B).sum().backward()
        few = x.grad[:3]
        x.grad = None
        (x @ B).sum().backward()
    assert not torch.equal(few, x.grad[:3])
    assert_near(few, x.grad[:3], ROUNDING)


def test_what_no_kernel_adds_up_stays_as_it_is():
    generator = torch.Generator().manual_seed(3)
    expected = (
        torch.randn(5, generator=torch.Generator().manual_seed(3)),
        A + B,
        A * B,
        A[3:9].T,
        A.half() @ B.half(),
    )
    state = torch.random.get_rng_state()
    with OtherRounding():
        found = torch.randn(5, generator=generator), A + B, A * B, A[3:9].T, A.half() @ B.half()
        A @ B
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))
    assert torch.equal(torch.random.get_rng_state(), state)
